#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <system_error>

#include <subprocess/capture_options.hpp>

namespace subprocess::detail {

/// Decides for how long the streams of a child are read, and what becomes of them, under
/// the options of a capture. It is told what happens, and answers with what is to be done:
/// it reads, closes and kills nothing, and has no clock.
///
/// A stream is one of three: stdout, stderr, and a terminal beside two pipes.
class capture_policy {
public:
  /// One bit for each stream.
  using streams = unsigned;

  static constexpr std::size_t count = 3;
  static constexpr streams only(std::size_t stream) noexcept { return 1u << stream; }

  /// What is to be done, in this order.
  struct orders {
    streams close = 0; ///< To be closed.
    streams stop = 0;  ///< Their reads are to be stopped; each has the last word.
    bool kill = false; ///< The child.
    bool wait = false; ///< grace() begins, and ends in grace_passed().
    bool over = false; ///< Nothing is read any more.
  };

  /// Why a stream is read no longer.
  struct ending {
    bool by_us = false;         ///< It was closed here.
    bool left = false;          ///< A terminal whose last user has left it; the child may live on.
    std::error_code error = {}; ///< None when it came to its end.
  };

  /// \param kept  Streams whose text is kept; others are read so that their writer can
  ///              go on, until the child has ended.
  /// \param ours  Whether streams are closed when they are given up; else they are the
  ///              caller's, and only what came to its end is closed.
  capture_policy(streams kept, overflow on_overflow, std::optional<std::chrono::nanoseconds> grace, bool ours) noexcept
      : kept_(kept), on_overflow_(on_overflow), grace_(grace), ours_(ours)
  {
  }

  bool keeps(std::size_t stream) const noexcept { return kept_ & only(stream); }
  bool is_reading() const noexcept { return read_ != over_; }
  bool is_reading(std::size_t stream) const noexcept { return read_ & ~over_ & only(stream); }
  bool is_keeping(streams open) const noexcept { return kept_ & open & ~over_; }
  bool is_giving_up() const noexcept { return giving_up_; }
  std::chrono::nanoseconds grace() const noexcept { return *grace_; }

  /// The first error of reading what is kept; `ENOBUFS` when there was too much of it.
  std::error_code error() const noexcept { return error_; }

  /// Whether somebody may have written more than was read.
  bool left_open() const noexcept { return left_open_; }

  // What happens. `open`: the streams that are open at that moment.

  void begins(std::size_t stream) noexcept { read_ |= only(stream); }
  orders ends(std::size_t stream, const ending& how, streams open) noexcept;

  /// More came than the limit allows.
  orders exceeds(streams open) noexcept;

  orders child_ended(streams open) noexcept;
  orders grace_passed(streams open) noexcept { return is_reading() ? give_up(open) : orders(); }

  /// Nobody waits any more for what others may write.
  orders give_up(streams open) noexcept;

private:
  const streams kept_;
  const overflow on_overflow_;
  const std::optional<std::chrono::nanoseconds> grace_;
  const bool ours_;
  streams read_ = 0; // All that ever were.
  streams over_ = 0;
  std::error_code error_;
  bool child_ended_ = false;
  bool giving_up_ = false;
  streams given_up_ = 0;
  bool left_open_ = false;
};

} // namespace subprocess::detail
