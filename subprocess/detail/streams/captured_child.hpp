#pragma once

#include <poll.h>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

#include <subprocess/capture.hpp>
#include <subprocess/child.hpp>
#include <subprocess/detail/process/process.hpp>
#include <subprocess/detail/streams/capture_buffer.hpp>
#include <subprocess/detail/streams/outputs.hpp>
#include <subprocess/error.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// A child whose output is read: what is kept to the end of its streams or for as
/// long as the options say, what is dropped until the child has ended.
class captured_child {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Spawns it; a piped stdin gets end-of-file, a terminal has no input.
  /// \param options  Have to outlive this.
  /// \param failure  Set when there is no child, or cleared.
  /// \param deadline  For the spawn.
  captured_child(const command& what, outputs streams, const capture_options& options, spawn_failure& failure,
                 std::optional<time_point> deadline = std::nullopt);

  /// Whether there is more to come of what is kept.
  bool is_keeping() const noexcept;

  /// Whether there are streams that are dropped.
  bool is_dropping() const noexcept;

  /// Whether it was noticed that the child has ended.
  bool has_ended() const noexcept { return ended_; }

  /// Adds what is to be given to wait_until_ready().
  /// \param until_end  Whether the end of the child is waited for.
  void watch(std::vector<pollfd>& all, bool until_end);

  /// For how long to wait, in milliseconds; -1 for ever.
  int timeout() const;

  /// Reads what was found to be ready; closes the streams when no more is to be
  /// read.
  /// \param all  What watch() has added to.
  /// \return     0 or an errno; `ENOBUFS` when the limit was exceeded.
  int read_some(std::span<const pollfd> all);

  /// Closes what is kept.
  void stop_keeping() noexcept;

  /// Closes everything.
  void stop_reading() noexcept;

  void kill() noexcept { handle_->signal(9); }

  /// Reads until the child has ended, but no longer than to the deadline.
  /// \return Whether it has ended.
  bool ends_by(time_point deadline);

  /// Ends it by the sequence, and reads what it writes meanwhile.
  void stop(const stop_sequence& sequence);

  /// Waits for the end, and gives what was read.
  captured_output finish(std::error_code& ec);

private:
  struct stream {
    explicit stream(const capture_options& options) : text(options) {}

    unique_fd end;
    unique_fd left; // It was this one, and has no more to be read.
    capture_buffer text;
    bool kept = false;

    int read_some();
  };

  void take_ends(unique_fd (&pipes)[4], outputs streams);
  bool waits_for_end() const noexcept;
  void look_at_child();
  int give_up();

  const capture_options& options_;
  stream streams_[3]; // The last is a terminal beside two pipes.
  std::shared_ptr<process> handle_;
  child child_;
  pidfd_use end_; // While its end counts.
  bool until_end_ = false;
  std::size_t first_ = 0; // Of those that watch() has added,
  std::size_t count_ = 0; // and how many.
  bool ended_ = false;
  std::optional<time_point> deadline_; // Of the drain grace.
  bool left_open_ = false;
};

/// Reads from all of them at the same time: one that fills a pipe while we wait for
/// another would never end. What is dropped is read until all have ended. With
/// overflow::kill, all are killed when one exceeds the limit.
/// \param deadline  When to return, though there is more to read.
/// \return          The first errno of any, or 0.
int read_all(std::span<captured_child> children, const capture_options& options,
             std::optional<captured_child::time_point> deadline = std::nullopt);

} // namespace subprocess::detail
