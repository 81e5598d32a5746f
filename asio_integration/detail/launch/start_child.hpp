#pragma once

#include <asio/any_io_executor.hpp>

#include <memory>
#include <system_error>

#include <asio_integration/async_child.hpp>
#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>
#include <subprocess/error.hpp>

namespace subprocess::detail {

/// Starts a child and waits until it is a program or has failed.
async_child start_child(const asio::any_io_executor& executor, const command& what, const stream_defaults& defaults,
                        spawn_failure& failure);

/// Gives a running child, which the reaper tracks, to the event loop. When that fails,
/// the child is killed, and reaped in the background.
async_child give_to_loop(const asio::any_io_executor& executor, std::shared_ptr<reaper_core> reaper, child_parts parts,
                         const command::settings& settings, std::error_code& ec);

/// What a spawn that fails leaves: an empty child of that loop, where what is started on it
/// completes.
async_child no_child(const asio::any_io_executor& executor) noexcept;

} // namespace subprocess::detail
