#pragma once

#include <asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <system_error>
#include <tuple>

#include <asio_integration/detail/operations/initiate.hpp>
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
/// The handler is never invoked from within this call.
template <class Source, class... Sinks, asio::completion_token_for<void(std::error_code, std::uint64_t)> Token>
auto async_tee(Source& source, std::tuple<Sinks&...> sinks, Token&& token)
{
  return detail::initiate<detail::tee_operation<Source, Sinks...>, std::error_code, std::uint64_t>(
      asio::any_io_executor(source.get_executor()), token, std::ref(source), sinks);
}

} // namespace subprocess
