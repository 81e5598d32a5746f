#pragma once

#include <poll.h>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <system_error>

#include <subprocess/capture.hpp>
#include <subprocess/child.hpp>
#include <subprocess/detail/streams/capture_buffer.hpp>
#include <subprocess/detail/process/process.hpp>
#include <subprocess/error.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// A child whose output is read: both streams, to their ends or for as long as the
/// options say.
class captured_child {
public:
  /// Spawns it.
  /// \param options  Have to outlive this.
  /// \param failure  Set when there is no child, or cleared.
  captured_child(const command& what, const capture_options& options, spawn_failure& failure);

  bool is_reading() const noexcept { return streams_[0].end || streams_[1].end; }

  /// What to give to poll().
  std::span<pollfd, 3> watched();

  /// For how long to poll(), in milliseconds; -1 for ever.
  int timeout() const;

  /// Reads what poll() has found; closes the streams when no more is to be read.
  /// \return 0 or an errno; `ENOBUFS` when the limit was exceeded.
  int read_some(std::span<const pollfd, 3> found);

  void stop_reading() noexcept;
  void kill() noexcept { handle_->signal(9); }

  /// Waits for the end, and gives what was read.
  captured_output finish(std::error_code& ec);

private:
  struct stream {
    explicit stream(const capture_options& options) : text(options) {}

    unique_fd end;
    capture_buffer text;

    int read_some();
  };

  void look_at_child();
  int give_up();

  const capture_options& options_;
  stream streams_[2];
  std::shared_ptr<process> handle_;
  child child_;
  pollfd watched_[3] = {};
  std::optional<std::chrono::steady_clock::time_point> deadline_; // Once the child has ended.
  bool left_open_ = false;
};

/// Reads from all of them at the same time: one that fills a pipe while we wait for
/// another would never end. With overflow::kill, all are killed when one exceeds
/// the limit.
/// \return The first errno of any, or 0.
int read_all(std::span<captured_child> children, const capture_options& options);

} // namespace subprocess::detail
