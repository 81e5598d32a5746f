#pragma once

#include <asio/execution_context.hpp>

#include <functional>

#include <subprocess/detail/launch/owned_launch.hpp>

namespace subprocess::detail {

// Children that were made and are no programs yet compete for the cores with
// each other and with the loop: more of them than the cores can run gain nothing
// and wait in the kernel's queue, where each delays every other. So each context
// has a few at a time, and the rest wait here, in order.

/// Whether nobody is on the way just now: then `launch` may go ahead without a
/// place in the queue, and nobody has to hear when it has become a program.
bool launches_alone(asio::execution_context& context, const launch_pointer& launch);

/// \return Whether there is room: then go ahead. If not, `resume` is called when
///         there is, in whatever thread that comes about.
bool enter_launch_queue(asio::execution_context& context, std::function<void()> resume);

/// One that had room is a program or has ended.
void leave_launch_queue(asio::execution_context& context);

} // namespace subprocess::detail
