#pragma once

#include <cstddef>

#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {

/// What a child that failed tells its parent. The footer comes last, so only a
/// message that arrived whole has it. It is written at once; a pipe takes so
/// little whole.
struct outcome_message {
  static constexpr unsigned whole = 0x4e4f4558;

  int error;
  int step;
  int item;
  unsigned footer;
};

/// Parent side: reads a close-on-exec pipe. End-of-file without a message means
/// that the program runs.
class outcome_reader {
public:
  enum class result {
    again,     ///< A non-blocking pipe has nothing to read yet.
    succeeded, ///< The program runs.
    failed,    ///< failure() tells why, and the child has ended or is about to.
    garbled,   ///< Something else wrote to the pipe, or too little came.
  };

  /// Reads to the end; blocks when the pipe does.
  result read(int fd) noexcept;

  child_failure failure() const noexcept;

private:
  outcome_message message_{};
  std::size_t size_ = 0; // May exceed the message: then it is garbled.
};

} // namespace subprocess::detail
