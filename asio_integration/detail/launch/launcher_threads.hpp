#pragma once

#include <asio/execution_context.hpp>

#include <functional>
#include <system_error>

namespace subprocess::detail {

/// Runs `job` on one of the context's few launcher threads, which the first job
/// makes. A thread stands still while the kernel loads the child's program, or
/// copies a large parent's page tables for fork(); the loop must not.
///
/// When the context shuts down, queued jobs are dropped, and those that run are
/// waited for: as long as one fork() or exec takes.
///
/// \return `EAGAIN` when no thread is to be had.
std::error_code run_on_launcher_thread(asio::execution_context& context, std::function<void()> job);

} // namespace subprocess::detail
