#pragma once

#include <asio/detail/reactor.hpp>
#include <asio/execution_context.hpp>

namespace subprocess::detail {

/// Gives a fork of the program a reactor of its own, before its copy of a context
/// goes.
///
/// It shares Asio's epoll set with the program. Asio takes what it closes out of
/// the set, its pipe for signals too, and the program would hear of no signal
/// any more.
inline void own_reactor(asio::execution_context& context) noexcept
{
  constexpr auto renew = [](auto& reactor) {
    if constexpr (requires { reactor.notify_fork(asio::execution_context::fork_child); }) // Not with io_uring.
      reactor.notify_fork(asio::execution_context::fork_child);
  };
  try {
    renew(asio::use_service<asio::detail::reactor>(context));
  } catch (...) { // Its set is empty or not whole, but no longer the shared one.
  }
}

} // namespace subprocess::detail
