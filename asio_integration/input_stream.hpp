#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <functional>
#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/make_operation.hpp>
#include <asio_integration/detail/streams/stream_place.hpp>
#include <asio_integration/detail/streams/write_operation.hpp>
#include <asio_integration/detail/streams/written_buffers.hpp>

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

  /// What is pending goes on with the new object, as of the base class.
  input_stream(input_stream&& other) noexcept : base(std::move(static_cast<base&>(other)))
  {
    place_.take_over(other.place_, *this);
  }
  input_stream& operator=(input_stream&& other) noexcept
  {
    base::operator=(std::move(static_cast<base&>(other)));
    if (this != &other)
      place_.take_over(other.place_, *this);
    return *this;
  }

  /// Takes over another executor's stream. Nothing may be pending on it.
  template <class Other>
    requires(!std::same_as<Other, Executor> && std::constructible_from<Executor, const Other&>)
  input_stream(input_stream<Other>&& other) : base(Executor(other.get_executor()))
  {
    if (other.is_open())
      base::assign(other.release());
  }

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
    return detail::initiate<detail::make_operation<detail::write_operation<base, Buffers>>, std::error_code,
                            std::size_t>(asio::any_io_executor(base::get_executor()), token, std::ref<base>(*this),
                                         std::ref(place_), buffers);
  }

private:
  detail::known_place<base> place_;
};

} // namespace subprocess
