#pragma once

#include <string>
#include <vector>

#include <subprocess/command.hpp>
#include <subprocess/detail/child/child_plan.hpp>
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
  /// Checks the command, opens files and makes pipes.
  /// \param failure  Set when the plan is no good.
  launch_plan(const command& what, const stream_defaults& defaults, spawn_failure& failure);
  launch_plan(const launch_plan&) = delete;
  launch_plan& operator=(const launch_plan&) = delete;

  const command::settings& settings() const noexcept { return settings_; }
  child_plan& for_child() noexcept { return plan_; }

  /// Our ends of the pipes, and of the pseudo-terminal.
  unique_fd ours[4];

  /// Closes the child's ends in the parent, so that end-of-file can come.
  void close_theirs() noexcept;

  /// Whether `fd` is the number of something the child gets.
  bool is_target(int fd) const noexcept;

  /// A failure told by the child, with names for its numbers.
  spawn_failure explain(const child_failure& failure) const;
  spawn_failure fail(spawn_step step, int error, std::string detail = {}) const;
  /// A launcher could not make the process.
  spawn_failure fail_to_make(int error) const;

  /// Whether a child that shares our memory may run while we do. Some options
  /// would be ours as well; with another user, the kernel marks the memory as not
  /// to be dumped, and somebody has to take that back.
  bool may_run_beside() const noexcept
  {
    return !plan_.options.oom_score_adj && !plan_.options.namespaces && !plan_.uid && !plan_.gid;
  }

private:
  spawn_failure check() const;
  spawn_failure check_descriptors() const;
  spawn_failure open_stream(int stream, const stdio& choice);
  spawn_failure make_stream(int stream, const stdio::target& choice);
  spawn_failure make(int stream, const stdio::null_device&);
  spawn_failure make(int stream, const stdio::file& file);
  spawn_failure make(int stream, const stdio::new_pipe& pipe);
  spawn_failure make(int stream, const stdio::new_socket& socket);
  spawn_failure make(int stream, const stdio::pseudo_terminal& terminal);
  spawn_failure make(int stream, const stdio::text& text);
  spawn_failure open_streams(const stream_defaults& defaults);
  void plan_stream(int stream, const stdio& choice);
  void plan_moves(const stream_defaults& defaults);
  void plan_unneeded();
  void prepare_credentials();

  const command::settings& settings_;
  child_plan plan_;

  options_plan options_;
  program_plan program_;

  unique_fd theirs_[3];
  int terminal_ = -1;          // The first stream that is the pseudo-terminal.
  int sources_[3] = {0, 1, 2}; // Equal to the stream: inherited.
  std::vector<fd_move> moves_;
  std::vector<fd_range> unneeded_;
};

} // namespace subprocess::detail
