#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <subprocess/capture_options.hpp>

namespace subprocess::detail {

/// What is kept of one captured stream, under its limit. Reads nothing itself.
class capture_buffer {
public:
  explicit capture_buffer(const capture_options& options) noexcept;

  /// Where the next bytes go; never empty. Valid until the next call.
  std::span<char> room();

  /// Takes over the first `size` bytes of the room.
  void add(std::size_t size);

  /// Whether more came than the limit allows and the policy is to stop then.
  bool must_stop() const noexcept { return stops_ && dropped() > 0; }

  /// How many bytes came in, and are not kept.
  std::uint64_t dropped() const noexcept { return total_ > limit_ ? total_ - limit_ : 0; }

  /// What is kept; the buffer is spent.
  std::string take();

private:
  void trim();

  const std::size_t limit_;
  const std::size_t head_;  // So much of the start is kept for certain,
  const std::size_t slack_; // and so much beyond the limit before the middle goes.
  const bool stops_;
  std::string text_;
  std::size_t used_ = 0; // The rest of the text is room.
  std::array<char, 256> probe_;
  bool probing_ = false; // The probe is the room.
  std::uint64_t total_ = 0;
};

} // namespace subprocess::detail
