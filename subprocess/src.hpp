#pragma once

// Compiles the core as a part of the one source file of yours that includes it:
//
//     // subprocess.cpp
//     #include <subprocess/src.hpp>
//
// The folder subprocess/ has to be in the include path, as it is in the repository;
// what is installed lacks the sources. <asio_integration/src.hpp> does the same for the
// event-loop half, and may be included by the same file. The file must not be compiled
// with -fno-exceptions; warnings of its own it has none.
//
// Compile that file with optimization: only then can children share this program's
// memory until their exec (launcher::clone). Without it, or with a sanitizer, each has a
// copy, as of fork(), and launcher::clone is refused.

// Files that meet have names that meet.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

// What the build decides otherwise.
#if !defined(__linux__) || !(defined(__x86_64__) || defined(__aarch64__))
#ifndef SUBPROCESS_POSIX
#define SUBPROCESS_POSIX
#endif
#endif

#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SUBPROCESS_CHILD_IS_INSTRUMENTED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer) ||          \
    __has_feature(dataflow_sanitizer) || __has_feature(hwaddress_sanitizer)
#define SUBPROCESS_CHILD_IS_INSTRUMENTED
#endif
#endif

// The calls between fork and exec, before anything else includes them.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>

#include <subprocess/detail/child/child_plan.hpp>
#include <subprocess/process_options.hpp>

#include <subprocess/detail/child/src_begin.hpp>

#include <subprocess/detail/child/option_calls.hpp>
#include <subprocess/detail/child/raw_calls.hpp>

#include <subprocess/detail/child/src_end.hpp>

#include <subprocess/capture.cpp>
#include <subprocess/child.cpp>
#include <subprocess/child_change.cpp>
#include <subprocess/command.cpp>
#include <subprocess/detail/child/hooks.cpp>
#include <subprocess/detail/failures.cpp>
#include <subprocess/detail/launch/core_locks.cpp>
#include <subprocess/detail/launch/launch.cpp>
#include <subprocess/detail/launch/launch_disposal.cpp>
#include <subprocess/detail/launch/launch_plan.cpp>
#include <subprocess/detail/launch/launch_verdict.cpp>
#include <subprocess/detail/launch/limit_name.cpp>
#include <subprocess/detail/launch/make_process.cpp>
#include <subprocess/detail/launch/plan_credentials.cpp>
#include <subprocess/detail/launch/plan_options.cpp>
#include <subprocess/detail/launch/plan_program.cpp>
#include <subprocess/detail/launch/plan_streams.cpp>
#include <subprocess/detail/launch/private_fd.cpp>
#include <subprocess/detail/observation/observed_child.cpp>
#include <subprocess/detail/observation/observer_list.cpp>
#include <subprocess/detail/process/foreign.cpp>
#include <subprocess/detail/process/orphans.cpp>
#include <subprocess/detail/process/process.cpp>
#include <subprocess/detail/process/signal_name.cpp>
#include <subprocess/detail/process/wait_until.cpp>
#include <subprocess/detail/streams/capture_buffer.cpp>
#include <subprocess/detail/streams/capture_command.cpp>
#include <subprocess/detail/streams/capture_policy.cpp>
#include <subprocess/detail/streams/capture_read.cpp>
#include <subprocess/detail/streams/captured_child.cpp>
#include <subprocess/detail/streams/captured_end.cpp>
#include <subprocess/detail/streams/pipe.cpp>
#include <subprocess/detail/streams/pipeline_plan.cpp>
#include <subprocess/detail/streams/pty.cpp>
#include <subprocess/detail/streams/readiness.cpp>
#include <subprocess/environment.cpp>
#include <subprocess/error.cpp>
#include <subprocess/exit_error.cpp>
#include <subprocess/exit_status.cpp>
#include <subprocess/kill_tree.cpp>
#include <subprocess/observer.cpp>
#include <subprocess/pipeline.cpp>
#include <subprocess/pipeline_run.cpp>
#include <subprocess/program_search.cpp>
#include <subprocess/run.cpp>
#include <subprocess/spawn.cpp>
#include <subprocess/stdio.cpp>
#include <subprocess/time_limit.cpp>

#ifndef SUBPROCESS_POSIX
#include <subprocess/detail/launch/linux/child_stack.cpp>
#include <subprocess/detail/launch/linux/keeper.cpp>
#include <subprocess/detail/launch/linux/low_places.cpp>
#include <subprocess/detail/launch/linux/make_process.cpp>
#include <subprocess/detail/process/linux/own_pid.cpp>
#include <subprocess/detail/process/linux/pidfd.cpp>
#include <subprocess/detail/streams/linux/pipe_capacity.cpp>
#include <subprocess/detail/streams/linux/quiet_writev.cpp>
#else
#include <subprocess/detail/launch/posix/keeper.cpp>
#include <subprocess/detail/launch/posix/low_places.cpp>
#include <subprocess/detail/launch/posix/make_process.cpp>
#include <subprocess/detail/process/posix/own_pid.cpp>
#include <subprocess/detail/process/posix/pidfd.cpp>
#include <subprocess/detail/streams/posix/pipe_capacity.cpp>
#include <subprocess/detail/streams/posix/quiet_writev.cpp>
#endif

#ifdef __APPLE__
#include <subprocess/detail/launch/macos/own_environment.cpp>
#include <subprocess/detail/streams/macos/new_descriptors.cpp>
#include <subprocess/detail/streams/macos/write_without_sigpipe.cpp>
#else
#include <subprocess/detail/launch/environ/own_environment.cpp>
#include <subprocess/detail/streams/pipe2/new_descriptors.cpp>
#include <subprocess/detail/streams/sigtimedwait/write_without_sigpipe.cpp>
#endif

// What runs between fork and exec calls nothing outside: subprocess/meson.build tells
// why. Last, so that no other header is first seen here.
#include <subprocess/detail/child/src_begin.hpp>

#include <subprocess/detail/child/child_descriptors.cpp>
#include <subprocess/detail/child/child_exec.cpp>
#include <subprocess/detail/child/child_main.cpp>
#include <subprocess/detail/child/child_options.cpp>

#ifndef SUBPROCESS_POSIX
#include <subprocess/detail/child/linux/option_calls.cpp>
#include <subprocess/detail/child/linux/raw_calls.cpp>
#else
#include <subprocess/detail/child/posix/raw_calls.cpp>
#if defined(__APPLE__) || defined(__NetBSD__)
#include <subprocess/detail/child/no_fexecve/execute_descriptor.cpp>
#else
#include <subprocess/detail/child/fexecve/execute_descriptor.cpp>
#endif
#endif

#include <subprocess/detail/child/src_end.hpp>

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
