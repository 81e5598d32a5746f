#pragma once

#include <asio/execution_context.hpp>

#include <functional>
#include <system_error>

namespace subprocess::detail {

/// Runs `job` on one of the context's few launcher threads, which the first job
/// makes, and the first one after a fork of the program makes anew. A thread stands
/// still while the kernel copies a large parent's page tables or descriptors; the
/// loop must not. A job must not throw, nor wait for anything but the kernel.
///
/// When the context shuts down, queued jobs are dropped, and those that run are
/// waited for: as long as one fork() takes.
///
/// \return `EAGAIN` when no thread is to be had.
std::error_code run_on_launcher_thread(asio::execution_context& context, std::function<void()> job);

} // namespace subprocess::detail
