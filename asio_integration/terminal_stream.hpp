#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/make_operation.hpp>
#include <asio_integration/detail/streams/stream_place.hpp>

namespace subprocess {

/// Our end of a child's pseudo-terminal: a stream descriptor whose end is
/// asio::error::eof. Through the base class it is `EIO`, as the kernel has it.
///
/// Thread safety: as of the base class.
/// \source pty(7); asio::posix::basic_stream_descriptor.
template <class Executor>
class terminal_stream : public asio::posix::basic_stream_descriptor<Executor> {
  using base = asio::posix::basic_stream_descriptor<Executor>;

public:
  /// The same with another executor; for `use_awaitable_t<>::as_default_on_t`.
  template <class Other>
  struct rebind_executor {
    using other = terminal_stream<Other>;
  };

  using base::base;

  /// What is pending goes on with the new object, as of the base class.
  terminal_stream(terminal_stream&& other) noexcept : base(std::move(static_cast<base&>(other)))
  {
    place_.take_over(other.place_, *this);
  }
  terminal_stream& operator=(terminal_stream&& other) noexcept
  {
    base::operator=(std::move(static_cast<base&>(other)));
    if (this != &other)
      place_.take_over(other.place_, *this);
    return *this;
  }

  /// Takes over another executor's stream. Nothing may be pending on it.
  template <class Other>
    requires(!std::same_as<Other, Executor> && std::constructible_from<Executor, const Other&>)
  terminal_stream(terminal_stream<Other>&& other) : base(Executor(other.get_executor()))
  {
    if (other.is_open())
      base::assign(other.release());
  }

  /// Reads what there is, at least a byte.
  /// \param ec  `asio::error::eof`: everyone has left the terminal. `EAGAIN`: there is
  ///            nothing, and non_blocking() was set.
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, std::error_code& ec)
  {
    std::size_t got = base::read_some(buffers, ec);
    if (is_end(ec))
      got = base::read_some(buffers, ec);
    ec = end_of(ec);
    return got;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers)
  {
    std::error_code ec;
    const std::size_t got = read_some(buffers, ec);
    if (ec)
      throw std::system_error(ec, "read_some");
    return got;
  }

  /// Reads what there is, at least a byte.
  ///
  /// Completion signature: `void(std::error_code, std::size_t)`.
  ///
  /// Errors: `asio::error::eof` when everyone has left the terminal.
  ///
  /// Cancellation: terminal, partial and total. Nothing that was written is lost.
  ///
  /// The handler is never invoked from within this call.
  template <class Buffers, class Token = asio::default_completion_token_t<Executor>>
  auto async_read_some(const Buffers& buffers, Token&& token = asio::default_completion_token_t<Executor>())
  {
    return detail::initiate<detail::make_operation<read_operation<Buffers>>, std::error_code, std::size_t>(
        asio::any_io_executor(base::get_executor()), token, std::ref<base>(*this), std::ref(place_), buffers);
  }

private:
  // Linux may tell of the end while what was written is on its way; asked once more, it
  // waits for that.
  static bool is_end(std::error_code ec) noexcept
  {
    return ec == std::error_code(EIO, asio::error::get_system_category());
  }

  static std::error_code end_of(std::error_code ec) noexcept
  {
    return is_end(ec) ? asio::error::make_error_code(asio::error::eof) : ec;
  }

  template <class Buffers>
  class read_operation : public detail::operation {
  public:
    using done_type = detail::completion_owner<std::error_code, std::size_t>;

    read_operation(const detail::callers_executors& executors, done_type done, base& stream,
                   detail::known_place<base>& place, Buffers buffers)
        : steps_(executors.steps), done_(std::move(done)), place_(place.of(stream)), buffers_(std::move(buffers))
    {
    }

  private:
    void begin() override { read(false); }

    // In between two reads the stream may have been moved or destroyed.
    void read(bool again)
    {
      const auto next = [again](read_operation& op, std::error_code ec, std::size_t got) {
        if (!is_end(ec) || again)
          op.done_(end_of(ec), got);
        else if (op.cancelled_)
          op.done_(asio::error::operation_aborted, 0);
        else
          op.read(true);
      };
      const bool is_there = place_->visit([&](base& stream) {
        stream.async_read_some(buffers_, detail::callers_step_of(this->self(this), steps_, stop_, next));
      });
      if (!is_there)
        done_(asio::error::operation_aborted, 0);
    }

    void cancelled(asio::cancellation_type type) override
    {
      cancelled_ = true; // Between two reads nothing hears of it.
      place_->visit([&](base&) { stop_.emit(type); });
    }

    void out_of_memory() noexcept override
    {
      if (done_)
        done_({ENOMEM, std::system_category()}, 0);
    }

    const asio::any_io_executor steps_;
    done_type done_;
    const std::shared_ptr<detail::stream_place<base>> place_;
    const Buffers buffers_;
    bool cancelled_ = false;
    asio::cancellation_signal stop_;
  };

  detail::known_place<base> place_;
};

} // namespace subprocess
