#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>

#include <subprocess/command.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::tests {

/// How long what has to come may take. Only what goes wrong takes so long; when that is
/// being shortened, which is done by trying, it is less.
inline std::chrono::seconds soon{10};

/// What is known of a child without asking the library: it does what it is told over pipes,
/// and the kernel says when that has happened.
class ordered_child {
public:
  /// Both ends of its pipes; those of the child are to be closed when it is started.
  ordered_child();

  /// The helper, on orders.
  command helper(launcher which) const;

  /// It was started. Returns when it is the program.
  /// \return Whether that came about.
  bool begin(pid_t pid);

  /// As other code of the program starts a child: without the library.
  pid_t fork_and_exec();

  pid_t id() const { return pid_; }

  /// How it ended; empty while it lives.
  const std::optional<exit_status>& end() const { return end_; }
  bool lives() const { return pid_ != -1 && !end_; }

  // Each returns whether the kernel says soon that it has happened.

  bool exit(unsigned char code);
  bool send_exit(unsigned char code) const { return order('e', code); } ///< Waits for nothing.
  bool raise(int signal);
  bool let_go(); ///< The end of its orders; it exits with 99.
  bool answers() const;
  bool has_stopped() const;

  /// After it was signalled, or another end was begun; `how` is the status to come.
  bool ends_as(exit_status how);

  /// Somebody may have reaped it when it has ended; this tells the end alone.
  bool has_ended() const;

private:
  bool order(char what, unsigned char how) const;

  unique_fd orders_, childs_orders_, answers_, childs_answers_;
  pid_t pid_ = -1;
  std::optional<exit_status> end_;
};

} // namespace subprocess::tests
