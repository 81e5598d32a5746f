#pragma once

#include <asio/buffer.hpp>
#include <asio/error.hpp>

#include <array>
#include <cstddef>
#include <system_error>

#include <subprocess/detail/streams/write_without_sigpipe.hpp>

namespace subprocess::detail {

/// The first buffers of a sequence as the kernel wants them; what one write takes.
class written_buffers {
public:
  template <class Buffers>
  explicit written_buffers(const Buffers& buffers)
  {
    const auto end = asio::buffer_sequence_end(buffers);
    for (auto one = asio::buffer_sequence_begin(buffers); one != end && count_ < pieces_.size(); ++one) {
      const asio::const_buffer piece(*one);
      if (piece.size() > 0)
        pieces_[count_++] = {const_cast<void*>(piece.data()), piece.size()};
    }
  }

  /// Raises no SIGPIPE. Nothing to write is no error, as of Asio's streams.
  std::size_t write_to(int fd, std::error_code& ec) const noexcept
  {
    int error = 0;
    const std::size_t done =
        count_ > 0 ? write_without_sigpipe(fd, pieces_.data(), static_cast<int>(count_), error) : 0;
    ec.assign(error, asio::error::get_system_category()); // As of Asio's own streams.
    return done;
  }

private:
  std::array<iovec, 16> pieces_; // IOV_MAX is at least 16, limits.h(0P).
  std::size_t count_ = 0;
};

} // namespace subprocess::detail
