#pragma once

#include <string>
#include <vector>

#include <subprocess/command.hpp>
#include <subprocess/detail/child/child_plan.hpp>
#include <subprocess/detail/launch/plan_credentials.hpp>
#include <subprocess/detail/launch/plan_options.hpp>
#include <subprocess/detail/launch/plan_program.hpp>
#include <subprocess/error.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// Where the streams go that a command says nothing about.
struct stream_defaults {
  stdio streams[3];

  static stream_defaults inherit() { return {{stdio::inherit(), stdio::inherit(), stdio::inherit()}}; }
  static stream_defaults capture() { return {{stdio::null(), stdio::pipe(), stdio::pipe()}}; }
};

/// One spawn of a command, ready to go: what the child needs, and both ends of
/// the pipes. Borrows the strings of the command, which has to outlive it.
class launch_plan {
public:
  /// Checks the command, and looks up the names in it; makes no descriptor that a fork
  /// of the program must not have.
  /// \param failure  Set when the plan is no good.
  launch_plan(const command& what, const stream_defaults& defaults, spawn_failure& failure);
  launch_plan(const launch_plan&) = delete;
  launch_plan& operator=(const launch_plan&) = delete;

  const command::settings& settings() const noexcept { return settings_; }

  /// Makes the pipes, the sockets and the terminal, and decides where every
  /// descriptor goes. Once, behind the launch gate.
  spawn_failure open_ends();

  /// What one child reads, and `moves`, which it may change: each child needs its
  /// own.
  child_plan for_child(std::vector<fd_move>& moves) const;

  /// Our ends of the pipes, and of the pseudo-terminal.
  unique_fd ours[4];

  /// Closes the child's ends in the parent, so that end-of-file can come.
  void close_theirs() noexcept;

  /// Whether the child must have a memory of its own: it will have less privilege
  /// than its parent, whoever has that privilege too could reach what it shares; or
  /// what it does concerns all who share its memory.
  bool needs_own_memory() const noexcept { return reason_for_own_memory() != nullptr; }

  /// What it is, for a message; or null.
  const char* reason_for_own_memory() const noexcept;

  /// A failure told by the child, with names for its numbers.
  spawn_failure explain(const child_failure& failure) const;
  spawn_failure fail(spawn_step step, int error, std::string detail = {}) const;
  /// A launcher could not make the process.
  spawn_failure fail_to_make(int error) const;

private:
  spawn_failure check() const;
  spawn_failure check_descriptors() const;
  spawn_failure open_end(int stream);
  spawn_failure make(int stream, const stdio::new_pipe& pipe);
  spawn_failure make(int stream, const stdio::new_socket& socket);
  spawn_failure make(int stream, const stdio::pseudo_terminal& terminal);
  spawn_failure plan_made_streams();
  void plan_moves();
  void plan_stream(int stream);
  void add_made(int stream, made_stream made);
  void plan_unneeded();
  spawn_failure prepare_credentials();
  const stdio::target& chosen(int stream) const noexcept;

  const command::settings& settings_;
  const stream_defaults defaults_;
  child_plan plan_;

  options_plan options_;
  credentials_plan credentials_;
  program_plan program_;

  unique_fd theirs_[3];
  int terminal_ = -1; // The first stream that is the pseudo-terminal.
  std::vector<fd_move> moves_;
  std::vector<made_stream> made_;
  std::vector<fd_range> unneeded_;
};

} // namespace subprocess::detail
