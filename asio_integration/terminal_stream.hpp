#pragma once

#include <asio/compose.hpp>
#include <asio/error.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

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
  using base::base;

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, std::error_code& ec)
  {
    const std::size_t got = base::read_some(buffers, ec);
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
  /// Cancellation: terminal, partial and total.
  template <class Buffers, class Token = asio::default_completion_token_t<Executor>>
  auto async_read_some(const Buffers& buffers, Token&& token = asio::default_completion_token_t<Executor>())
  {
    return asio::async_compose<Token, void(std::error_code, std::size_t)>(read_operation<Buffers>{*this, buffers},
                                                                          token, *this);
  }

private:
  static std::error_code end_of(std::error_code ec) noexcept
  {
    const bool left = ec == std::error_code(EIO, asio::error::get_system_category());
    return left ? asio::error::make_error_code(asio::error::eof) : ec;
  }

  template <class Buffers>
  struct read_operation {
    base& stream;
    Buffers buffers;

    template <class Self>
    void operator()(Self& self)
    {
      self.reset_cancellation_state(asio::enable_total_cancellation());
      stream.async_read_some(buffers, std::move(self));
    }
    template <class Self>
    void operator()(Self& self, std::error_code ec, std::size_t got)
    {
      self.complete(end_of(ec), got);
    }
  };
};

} // namespace subprocess
