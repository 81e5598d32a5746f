#pragma once

#include <poll.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <subprocess/capture.hpp>
#include <subprocess/child.hpp>
#include <subprocess/detail/process/process.hpp>
#include <subprocess/detail/streams/capture_buffer.hpp>
#include <subprocess/detail/streams/capture_policy.hpp>
#include <subprocess/detail/streams/outputs.hpp>
#include <subprocess/error.hpp>
#include <subprocess/stop_sequence.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// A child whose output is read, for as long as a capture_policy says.
class captured_child {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Spawns it; a piped stdin gets end-of-file, a terminal has no input.
  /// \param options  Have to outlive this.
  /// \param failure  Set when there is no child, or cleared.
  /// \param deadline  For the spawn.
  captured_child(const command& what, outputs streams, const capture_options& options, spawn_failure& failure,
                 std::optional<time_point> deadline = std::nullopt);

  /// Whether there is more to read.
  bool is_reading() const noexcept { return policy_.is_reading(); }

  /// Whether it was noticed that the child has ended, or nobody waits for that any
  /// more.
  bool has_ended() const noexcept { return ended_; }

  /// Whether its end is waited for, though none of its streams may be open.
  bool is_stopping() const noexcept { return stopping_ && !ended_; }

  /// Whether more came in than the options allow.
  bool has_exceeded() const noexcept;

  /// 0, or the first errno of reading what is kept; `ENOBUFS` when there was too much.
  int read_error() const noexcept { return policy_.error().value(); }

  const std::string& program() const noexcept { return program_; }
  const stop_sequence& stop_with() const noexcept { return stop_; }
  const std::shared_ptr<process>& handle() const noexcept { return handle_; }

  /// Adds what is to be given to wait_until_ready().
  void watch(std::vector<pollfd>& all);

  /// For how long to wait, in milliseconds; -1 for ever.
  int timeout() const;

  /// Reads what was found to be ready.
  /// \param all  What watch() has added to.
  void read_ready(std::span<const pollfd> all);

  /// Looks whether the child has ended, or its grace has passed.
  /// \return  Whether the child is to be killed, and all that belong to it.
  bool look();

  /// No stream can be read; an errno.
  void fail(int error);

  /// Closes everything: it is not read any more, and only its end can be waited for.
  void close_all() noexcept;

  void kill() noexcept { handle_->signal(SIGKILL); }

  /// Closes everything, kills it, and its group if its sequence is for that. One that may
  /// not be signalled ends by itself, and is reaped as an orphan.
  void kill_and_reap() noexcept;

  /// Reads until the child and what is kept have come to their end, but no longer than
  /// to the deadline.
  /// \return Whether they have.
  bool ends_by(time_point deadline);

  /// From here on the end of the child is waited for, and what others may write is not.
  void begin_stop();

  /// Nobody waits for it: it may not be signalled. Reads what is there, and no more.
  void abandon();

  /// Waits for the end, unless it was stopped, and gives what was read.
  /// \param failure  Set to what goes wrong, unless something did already.
  captured_output finish(spawn_failure& failure);

private:
  struct stream {
    explicit stream(const capture_options& options) : text(options) {}

    unique_fd end;
    capture_buffer text;
    output_stream name = output_stream::out;
    const callback<void(output_stream, std::string_view)>* told = nullptr;

    bool read_rest();
    void tell(std::string_view piece) const;
  };

  void take_ends(unique_fd (&pipes)[4]);
  capture_policy::streams open() const noexcept;
  bool waits_for_end() const noexcept;
  void look_at_child();
  void read(std::size_t from);
  void exceed();
  void is_over(std::size_t from, const capture_policy::ending& how);
  void obey(const capture_policy::orders& given);

  const capture_options& options_;
  std::string program_;
  stop_sequence stop_;
  capture_policy policy_;
  stream streams_[capture_policy::count]; // The last is a terminal beside two pipes.
  std::shared_ptr<process> handle_;
  child child_;
  pidfd_use end_;         // While its end counts.
  std::size_t first_ = 0; // Of those that watch() has added,
  std::size_t count_ = 0; // and how many.
  bool ended_ = false;
  bool stopping_ = false;
  bool kills_ = false;
  std::optional<time_point> deadline_; // Of the drain grace.
};

/// Reads from all of them at the same time: one that fills a pipe while we wait for
/// another would never end. When one is to be killed, all are.
/// \param deadline  When to return, though there is more to read.
void read_all(std::span<captured_child> children, std::optional<captured_child::time_point> deadline = std::nullopt);

/// Reads all, and waits until all have ended. At the deadline those that have not are
/// stopped, and what they wrote is kept. Whatever is thrown, all are killed and reaped.
/// \param failure  Set to what went wrong, or left alone.
void read_to_end(std::span<captured_child> children, const capture_options& options,
                 std::optional<captured_child::time_point> deadline, spawn_failure& failure);

/// Ends the children, each by its sequence and all at the same time, and reads what
/// they write meanwhile.
void stop_all(std::span<captured_child> children);

} // namespace subprocess::detail
