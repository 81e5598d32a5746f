#pragma once

#include <concepts>
#include <string>
#include <system_error>
#include <utility>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/communicate_operation.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/make_operation.hpp>

namespace subprocess {

/// Writes the input to the child's stdin and closes it, reads stdout and stderr
/// to their ends, and waits, all at the same time; for a child that runs already.
///
/// Streams that have ended are closed. Input that the child does not want is no
/// error. The child's object may be moved meanwhile; destroyed, it kills the
/// child as ever, and the output is what was read.
///
/// \param options  As of async_capture(), but for merge_stderr, which is for the
///                 command to say. A stream that is given up when the drain grace
///                 has passed stays open. `on_output` is called where the handler
///                 runs; what it throws ends the operation as a cancellation does.
///
/// Completion signature: `void(std::error_code, captured_output)`. With an error
/// set, the output is what was read by then.
///
/// Errors: as of basic_async_child::async_wait(), and those of the streams; `ETIMEDOUT`
/// when the limit has passed, which is as a cancellation to the child; `EBADF` when there is
/// input and stdin_pipe() is not open; `ENOBUFS` when a stream exceeded `max_bytes`.
///
/// Cancellation: terminal, partial and total. The child is not signalled, and its
/// streams stay open: output can be read on. How much of the input went is not
/// known.
///
/// Thread safety: as of the child's streams, which nothing else may use meanwhile. The
/// steps on them run where the handler does.
///
/// The handler is never invoked from within this call.
/// \source subprocess.Popen.communicate of Python.
template <class Executor, asio::completion_token_for<void(std::error_code, captured_output)> Token =
                              asio::default_completion_token_t<Executor>>
auto async_communicate(basic_async_child<Executor>& child, capture_options options,
                       Token&& token = asio::default_completion_token_t<Executor>())
{
  return detail::initiate<detail::make_operation<detail::communicate_operation<Executor>>, std::error_code,
                          captured_output>(asio::any_io_executor(child.get_executor()), token, child.tracked(),
                                           child.ends(), std::move(options));
}

/// As above, with nothing but the input. A template, so that `{.input = text}` means the
/// options.
template <class Executor, std::convertible_to<std::string> Input,
          asio::completion_token_for<void(std::error_code, captured_output)> Token =
              asio::default_completion_token_t<Executor>>
auto async_communicate(basic_async_child<Executor>& child, Input&& input,
                       Token&& token = asio::default_completion_token_t<Executor>())
{
  return async_communicate(child, capture_options{.input = std::string(std::forward<Input>(input))},
                           std::forward<Token>(token));
}

} // namespace subprocess
