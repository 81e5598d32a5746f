#pragma once

#include <asio/compose.hpp>
#include <asio/post.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

#include <asio_integration/detail/written_buffers.hpp>

namespace subprocess {

/// Our end of a child's stdin: a stream descriptor that can be written to when
/// the child has gone. That is asio::error::broken_pipe, and never SIGPIPE;
/// through the base class it is both. The program's signal dispositions are
/// untouched.
///
/// Thread safety: as of the base class.
/// \source asio::posix::basic_stream_descriptor; pipe(7).
template <class Executor>
class input_stream : public asio::posix::basic_stream_descriptor<Executor> {
  using base = asio::posix::basic_stream_descriptor<Executor>;

public:
  /// The same with another executor; for `use_awaitable_t<>::as_default_on_t`.
  template <class Other>
  struct rebind_executor {
    using other = input_stream<Other>;
  };

  using base::base;

  /// Writes some of the buffers, at least a byte.
  /// \param ec  `EPIPE`: nobody reads any more. `EAGAIN`: there is no room, and
  ///            non_blocking() was set.
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, std::error_code& ec)
  {
    const detail::written_buffers pieces(buffers);
    for (;;) {
      const std::size_t done = pieces.write_to(base::native_handle(), ec);
      if (ec.value() != EAGAIN || base::non_blocking())
        return done;
      base::wait(base::wait_write, ec);
      if (ec)
        return 0;
    }
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers)
  {
    std::error_code ec;
    const std::size_t done = write_some(buffers, ec);
    if (ec)
      throw std::system_error(ec, "write_some");
    return done;
  }

  /// Writes some of the buffers, at least a byte. What fits goes at once, within
  /// the call.
  ///
  /// Completion signature: `void(std::error_code, std::size_t)`.
  ///
  /// Errors: `EPIPE` when nobody reads any more.
  ///
  /// Cancellation: terminal, partial and total.
  ///
  /// The handler is never invoked from within this call.
  template <class Buffers, class Token = asio::default_completion_token_t<Executor>>
  auto async_write_some(const Buffers& buffers, Token&& token = asio::default_completion_token_t<Executor>())
  {
    return asio::async_compose<Token, void(std::error_code, std::size_t)>(write_operation<Buffers>(*this, buffers),
                                                                          token, *this);
  }

private:
  // Asio writes within its reactor, on whatever thread that runs: here the
  // reactor only tells when there is room.
  template <class Buffers>
  class write_operation {
  public:
    write_operation(base& stream, const Buffers& buffers) : stream_(stream), buffers_(buffers) {}

    template <class Self>
    void operator()(Self& self)
    {
      if (done_) // Posted to itself.
        return self.complete(ec_, written_);
      self.reset_cancellation_state(asio::enable_total_cancellation());
      if (!stream_.native_non_blocking() && stream_.is_open())
        stream_.native_non_blocking(true, ec_);
      if (!ec_ && !try_to_write())
        return wait(std::move(self));
      done_ = true;
      asio::post(stream_.get_executor(), std::move(self));
    }

    template <class Self>
    void operator()(Self& self, std::error_code ec)
    {
      if (ec)
        return self.complete(ec, 0);
      if (!try_to_write())
        return wait(std::move(self));
      self.complete(ec_, written_);
    }

  private:
    /// False: there is no room.
    bool try_to_write()
    {
      written_ = detail::written_buffers(buffers_).write_to(stream_.native_handle(), ec_);
      return ec_.value() != EAGAIN;
    }

    template <class Self>
    void wait(Self&& self)
    {
      base& stream = stream_; // This object moves with `self`.
      stream.async_wait(base::wait_write, std::move(self));
    }

    base& stream_;
    Buffers buffers_;
    std::error_code ec_;
    std::size_t written_ = 0;
    bool done_ = false;
  };
};

} // namespace subprocess
