#pragma once

#include <asio/detail/reactor.hpp>
#include <asio/execution_context.hpp>

namespace subprocess::detail {

/// Ends the reactor of a context that goes, before Asio's other services.
///
/// For a fork of the program, which shares Asio's epoll set with it: a reactor
/// that still works takes what is closed out of the set, the pipe for signals
/// too, and the program would hear of no signal any more.
inline void end_reactor(asio::execution_context& context)
{
  if (asio::has_service<asio::detail::reactor>(context))
    asio::use_service<asio::detail::reactor>(context).shutdown();
}

} // namespace subprocess::detail
