#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <asio_integration/async_child.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/made_operations.hpp>
#include <asio_integration/detail/pool/answer_buffer.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess {

namespace detail {
struct lease_state;
} // namespace detail

/// A worker of a pool, for one user: nobody else has it meanwhile.
///
/// Say done() when the conversation is complete. A lease that is destroyed without it
/// ends its worker, and the pool starts another: nobody knows what is left in the
/// streams. Default-constructed, moved from or done it is empty: child() is an empty
/// child, requests fail with `EINVAL`.
///
/// Move-only. A lease keeps its pool's async_run() from completing.
///
/// Thread safety: distinct objects are safe. lost() is safe from any thread; everything
/// else of one object is not.
class worker_lease {
public:
  using executor_type = asio::any_io_executor;

  /// An empty one.
  worker_lease() noexcept;
  explicit worker_lease(std::shared_ptr<detail::lease_state> state) noexcept;
  worker_lease(worker_lease&& other) noexcept;
  worker_lease& operator=(worker_lease&& other) noexcept;
  ~worker_lease();

  /// The pool's.
  executor_type get_executor() const;

  /// Whether there is a worker.
  explicit operator bool() const noexcept { return state_ != nullptr; }

  /// The worker. Its pipes can be used as of any child; what is left in stdout when the
  /// lease is done() costs the worker. The object is the pool's: it must not be moved
  /// from, and is not to be touched after the lease.
  async_child& child();

  /// Sends a line, and gives the line that comes back. One request at a time.
  ///
  /// \param line  Without a newline; one is added, and taken off the answer.
  ///
  /// Completion signature: `void(std::error_code, std::string)`. With an error set, the
  /// text is empty. Nothing is ever sent twice.
  ///
  /// Errors:
  /// - `EPIPE`: the worker has ended, or closed its output, before it answered; lost()
  ///   tells how it ended.
  /// - `EBADMSG`: the same in the middle of an answer.
  /// - `EPROTO`: it wrote before it was asked, or was whole with its answer before the
  ///   request was; or an earlier request of this lease has failed.
  /// - `EMSGSIZE`: the answer is longer than worker_pool_options::longest_line.
  /// - `ETIMEDOUT`: the lease took longer than it may, or the worker gave no sign of
  ///   life, and was ended.
  /// - `operation_aborted`: cancelled; or the pool has ended the worker.
  /// - `EINVAL`: the lease is empty, or the line has a newline in it.
  /// - `EBUSY`: another request is under way.
  /// - `EBADF`: stdin or stdout of the command is no pipe.
  ///
  /// After all but the last three the worker is recycled at the end of the lease.
  ///
  /// Cancellation: terminal, partial and total. The worker is recycled, since its answer
  /// may still come.
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code, std::string)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_request(std::string line, Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return exchange(detail::answer_shape::line, std::move(line), token);
  }

  /// As async_request() with bytes of any kind: before the request and before the answer
  /// goes its length, in four bytes with the highest first.
  ///
  /// Completion signature: `void(std::error_code, std::string)`. With an error set, the
  /// answer is empty. Nothing is ever sent twice.
  ///
  /// Errors: as of async_request(). `EMSGSIZE`: the answer is longer than
  /// worker_pool_options::longest_frame; or the request is of 4 GiB or more, and nothing
  /// was sent.
  ///
  /// Cancellation: as of async_request().
  ///
  /// The handler is never invoked from within this call.
  template <asio::completion_token_for<void(std::error_code, std::string)> Token =
                asio::default_completion_token_t<executor_type>>
  auto async_exchange(std::string frame, Token&& token = asio::default_completion_token_t<executor_type>())
  {
    return exchange(detail::answer_shape::frame, std::move(frame), token);
  }

  /// How the worker has ended; empty while it runs. Makes no system call.
  std::optional<exit_status> lost() const;

  /// Gives the worker back, for others to have. It is recycled all the same when the
  /// last conversation has failed or goes on, something unread is left, or a stream of
  /// it was closed.
  void done();

private:
  template <class Token>
  auto exchange(detail::answer_shape shape, std::string request, Token& token)
  {
    return detail::initiate_on<detail::make_exchange, std::error_code, std::string>(
        get_executor(), loop(), token, link(), shape, longest(shape), std::move(request));
  }

  detail::event_queue loop() const;
  std::shared_ptr<detail::worker_link> link() const noexcept;
  std::size_t longest(detail::answer_shape shape) const noexcept;
  void give_back(bool is_done) noexcept;

  std::shared_ptr<detail::lease_state> state_;
  async_child none_;
};

} // namespace subprocess
