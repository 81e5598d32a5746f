#pragma once

#include <asio/execution_context.hpp>

#include <functional>
#include <system_error>

namespace subprocess::detail {

/// Runs `job` on the launcher thread of the context, which is made by the first
/// job: fork() copies page tables, and a large parent's loop must not wait for
/// that. Jobs run in order. A job still queued when the context shuts down is
/// dropped; one that runs is waited for, as long as one fork() takes.
///
/// \return `EAGAIN` when no thread is to be had.
std::error_code run_on_launcher_thread(asio::execution_context& context, std::function<void()> job);

} // namespace subprocess::detail
