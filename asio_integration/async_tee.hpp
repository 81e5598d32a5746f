#pragma once

#include <asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <system_error>
#include <tuple>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/make_operation.hpp>
#include <asio_integration/detail/streams/child_tee_operation.hpp>
#include <asio_integration/detail/streams/tee_operation.hpp>

namespace subprocess {

/// Reads a stream to its end and writes all of it to each of the sinks;
/// `async_tee(child.stdout_pipe(), std::tie(client, log), token)`.
///
/// It reads on when the slowest sink has what was read. Nothing is closed.
///
/// \param source  An AsyncReadStream. It and the sinks have to live until the
///                handler is called.
/// \param sinks   References to AsyncWriteStreams, made by std::tie(); none, and
///                the stream is read and dropped.
///
/// Completion signature: `void(std::error_code, std::uint64_t)`, the number of
/// bytes that every sink has got.
///
/// Errors: none at the end of the source. The first error of the source or of a
/// sink ends it, once the other sinks have the piece that was read: a sink that
/// fails is not left out in silence. Of that piece, no more than 64 KiB, a sink
/// that failed may have got a part.
///
/// Cancellation: terminal, partial and total. Each sink may have got any part of
/// the piece that is under way; it is in no stream any more.
///
/// A source that somebody else holds open, such as a program that the child has left
/// behind, holds this too. What is given a child does not wait for that: see below.
///
/// Thread safety: as of the source and the sinks: nothing else may read the one, or write
/// to the others, meanwhile. The steps on them run where the handler does.
///
/// The handler is never invoked from within this call.
template <class Source, class... Sinks, asio::completion_token_for<void(std::error_code, std::uint64_t)> Token>
auto async_tee(Source& source, std::tuple<Sinks&...> sinks, Token&& token)
{
  return detail::initiate<detail::make_operation<detail::tee_operation<Source, Sinks...>>, std::error_code,
                          std::uint64_t>(asio::any_io_executor(source.get_executor()), token, std::ref(source), sinks);
}

/// As above, of the child's stdout_pipe(), for others who hold that no longer than
/// `drain_grace` after the child's end. What is there by then is still read; that the
/// grace has passed is no error.
///
/// \param child  May be moved meanwhile. Destroyed, it closes the source, which is
///               `operation_aborted`.
///
/// Errors: besides, `EINVAL` when there is no child; `EBADF` when its stdout is no pipe.
template <class Executor, class... Sinks, asio::completion_token_for<void(std::error_code, std::uint64_t)> Token>
auto async_tee(basic_async_child<Executor>& child, std::tuple<Sinks&...> sinks, std::chrono::nanoseconds drain_grace,
               Token&& token)
{
  return detail::initiate<detail::make_operation<detail::child_tee_operation<Executor, Sinks...>>, std::error_code,
                          std::uint64_t>(asio::any_io_executor(child.get_executor()), token, child.tracked(),
                                         child.ends(), sinks, drain_grace);
}

} // namespace subprocess
