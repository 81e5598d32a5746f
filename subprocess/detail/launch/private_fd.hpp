#pragma once

#include <memory>

#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// A descriptor that lies open for longer than a launch holds the gate, and that nobody
/// but a child is to have: a fork of the program closes its copy of it at once, or a
/// stream would not end before that fork does.
class private_fd {
public:
  private_fd() noexcept = default;
  private_fd(const private_fd&) = delete;
  private_fd& operator=(const private_fd&) = delete;
  ~private_fd();

  /// Fills both with a new pipe. Returns 0 or an errno.
  static int make_pipe(private_fd& read_end, private_fd& write_end) noexcept;

  /// For who only knows the descriptor.
  static std::shared_ptr<unique_fd> shared(std::unique_ptr<private_fd> owned);

private:
  friend void close_private_copies() noexcept;

  void link() noexcept;

  unique_fd fd_;
  private_fd* next_ = nullptr;
  private_fd** link_ = nullptr; // What points here; null while it is empty.
};

/// In a fork of the program, which holds the launch gate.
void close_private_copies() noexcept;

} // namespace subprocess::detail
