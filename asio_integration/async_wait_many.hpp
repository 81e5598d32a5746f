#pragma once

#include <concepts>
#include <cstddef>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/awaited_child.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/made_operations.hpp>
#include <asio_integration/wait_result.hpp>
#include <subprocess/detail/iterable.hpp>

namespace subprocess {

/// A range of children: a vector, a span, a view that gives references.
template <class Range>
concept async_child_range = detail::iterable<Range> && std::is_lvalue_reference_v<detail::element_of<Range>> &&
                            requires(detail::element_of<Range> child) {
                              { child.tracked() } -> std::convertible_to<const detail::tracked_child&>;
                              child.get_executor();
                            };

/// Waits until one of the children has ended. The others are untouched, and can be
/// waited for again.
///
/// The range and the children are looked at within the call; later they may be
/// moved or destroyed, with what that means to the child.
///
/// Completion signature: `void(std::error_code, std::size_t, exit_status)`: the
/// place of the child in the range, and how it ended. Of several that have ended
/// already it is the first in the range. By then all other waits are withdrawn.
///
/// Errors: as of basic_async_child::async_wait(), for the child of that index;
/// `EINVAL` when the range is empty; `operation_aborted` after cancellation, and when
/// the context of that child has ended while that of the first goes on.
///
/// Cancellation: terminal, partial and total. No child is signalled.
///
/// Thread safety: safe from any thread, unless another thread moves or destroys one of
/// the children within the call.
///
/// The handler is never invoked from within this call. Its executor is by default
/// that of the first child; when the range is empty, the system's.
template <async_child_range Range, asio::completion_token_for<void(std::error_code, std::size_t, exit_status)> Token>
auto async_wait_any(Range&& children, Token&& token)
{
  auto all = detail::awaited_children(children);
  const asio::any_io_executor executor = detail::executor_of(all);
  return detail::initiate<detail::make_wait_any, std::error_code, std::size_t, exit_status>(executor, token,
                                                                                            std::move(all));
}

/// Waits until all of the children have ended. The range and the children are looked at
/// within the call, as of async_wait_any().
///
/// Completion signature: `void(std::error_code, std::vector<wait_result>)`: one for
/// each child, in the order of the range. None for an empty range.
///
/// Errors: `operation_aborted` after cancellation, and when the context of a child has
/// ended; though some results may be there. What went wrong with a child is in its result alone.
///
/// Cancellation: terminal, partial and total. No child is signalled.
///
/// Thread safety: as of async_wait_any().
///
/// The handler is never invoked from within this call. Its executor is as of
/// async_wait_any().
template <async_child_range Range, asio::completion_token_for<void(std::error_code, std::vector<wait_result>)> Token>
auto async_wait_all(Range&& children, Token&& token)
{
  auto all = detail::awaited_children(children);
  const asio::any_io_executor executor = detail::executor_of(all);
  return detail::initiate<detail::make_wait_all, std::error_code, std::vector<wait_result>>(executor, token,
                                                                                            std::move(all));
}

} // namespace subprocess
