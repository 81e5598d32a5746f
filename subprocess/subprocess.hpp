#pragma once

/// The core: a program to run, how its streams go, and how it ended. POSIX and
/// the standard library only; <asio_integration/asio_integration.hpp> adds the
/// event loop.

#include <subprocess/callback.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/capture_options.hpp>
#include <subprocess/child.hpp>
#include <subprocess/child_change.hpp>
#include <subprocess/command.hpp>
#include <subprocess/command_settings.hpp>
#include <subprocess/environment.hpp>
#include <subprocess/error.hpp>
#include <subprocess/exit_error.hpp>
#include <subprocess/exit_report.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/kill_tree.hpp>
#include <subprocess/new_namespace.hpp>
#include <subprocess/observer.hpp>
#include <subprocess/output_line.hpp>
#include <subprocess/path_argument.hpp>
#include <subprocess/pipeline.hpp>
#include <subprocess/program_search.hpp>
#include <subprocess/run_options.hpp>
#include <subprocess/spawn.hpp>
#include <subprocess/stdio.hpp>
#include <subprocess/stdio_target.hpp>
#include <subprocess/stop_sequence.hpp>
#include <subprocess/time_limit.hpp>
#include <subprocess/unique_fd.hpp>
#include <subprocess/version.hpp>
#include <subprocess/window_size.hpp>
