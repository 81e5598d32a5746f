#pragma once

#include <asio_integration/asio_integration.hpp>

#include <csignal>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "io_fixture.hpp"

// Every asynchronous function of the library, for the tests of what holds for
// each. A new function is added to for_each_async_function(), and to the table
// in docs/async.md. One is missing: worker_pool::async_replace() waits only in a pool that
// runs, and is with the tests of that.

namespace subprocess::tests {

/// What one function is tried with. What was started waits until finish(), but
/// for a spawn, and then succeeds.
///
/// The child tells of SIGTERM before it ends by it.
class trial {
public:
  /// \param helper  With the verb trap-or-read.
  trial(asio::io_context& context, const command& helper);

  asio::io_context& context() { return context_; }

  /// The command, for what spawns by itself.
  command take_command();

  /// The child, for what needs one.
  async_child& child();

  /// The child, with a stdout of ours that is silent.
  async_child& piped_child();
  async_child& terminal_child();

  /// A stream that is full, besides the child.
  input_stream<asio::any_io_executor>& full_stream();

  /// With a permit; without one there is a child that has it.
  spawn_limiter& limiter();
  spawn_limiter& exhausted_limiter();

  /// A pool of the command, which is not run yet: one worker, that is started once.
  worker_pool& pool();

  /// A pool of others, besides the child. finish() runs it.
  worker_pool& waiting_pool();

  /// A lease of the child, which is answered by finish().
  worker_lease& lease(std::string answer);

  /// Whether the child has said that it is the program, and its ends of the pipes
  /// are its own: a launch may be behind it in that.
  bool is_ready() const;

  /// "untouched", "killed" or "stopped".
  std::string fate() const;

  void finish();

  /// Returns when nobody has the child's streams any more, after finish().
  void expect_ended() const;

private:
  async_child& child_writing_to(const stdio& out);
  async_child& running() { return lease_ ? lease_.child() : child_; }

  asio::io_context& context_;
  pipe_ends in_;
  pipe_ends out_;
  pipe_ends err_;
  pipe_ends full_;
  const command worker_;
  std::optional<command> what_;
  async_child child_;
  std::optional<input_stream<asio::any_io_executor>> full_stream_;
  std::optional<spawn_limiter> limiter_;
  std::optional<worker_pool> pool_;         // Of the command,
  std::optional<worker_pool> waiting_pool_; // or of others.
  pipe_ends requests_;
  pipe_ends answers_;
  std::string answer_;
  worker_lease lease_;
  std::shared_ptr<spawn_permit> permit_; // The handler that gets it may not have run yet.
};

/// Its tests try every function.
class function_fixture : public io_fixture {
protected:
  std::shared_ptr<trial> make_trial()
  {
    return std::make_shared<trial>(context(), helper({"trap-or-read", std::to_string(SIGTERM)}));
  }
};

/// Calls `visit(name, start)` for each function, with its name in docs/async.md;
/// `start(trial, token)` starts it, and gives what the token makes of it.
template <class Visit>
void for_each_async_function(Visit visit)
{
  visit("async_wait", [](trial& t, auto token) { return t.child().async_wait(std::move(token)); });
  visit("async_wait_change", [](trial& t, auto token) { return t.child().async_wait_change(std::move(token)); });
  visit("async_wait_closed", [](trial& t, auto token) { return t.piped_child().async_wait_closed(std::move(token)); });
  visit("async_stop", [](trial& t, auto token) {
    return t.child().async_stop(stop_sequence{{SIGURG, std::chrono::hours(1)}}, std::move(token)); // It ignores that.
  });
  visit("async_spawn",
        [](trial& t, auto token) { return async_spawn(t.context(), t.take_command(), std::move(token)); });
  visit("async_run", [](trial& t, auto token) { return async_run(t.context(), t.take_command(), std::move(token)); });
  visit("async_capture",
        [](trial& t, auto token) { return async_capture(t.context(), t.take_command(), std::move(token)); });
  visit("async_pipeline",
        [](trial& t, auto token) { return async_pipeline(t.context(), pipeline(t.take_command()), std::move(token)); });
  visit("async_wait_any",
        [](trial& t, auto token) { return async_wait_any(std::span<async_child>(&t.child(), 1), std::move(token)); });
  visit("async_wait_all",
        [](trial& t, auto token) { return async_wait_all(std::span<async_child>(&t.child(), 1), std::move(token)); });
  visit("spawn_limiter::async_acquire",
        [](trial& t, auto token) { return t.exhausted_limiter().async_acquire(std::move(token)); });
  visit("spawn_limiter::async_run",
        [](trial& t, auto token) { return t.limiter().async_run(t.take_command(), std::move(token)); });
  visit("spawn_limiter::async_capture",
        [](trial& t, auto token) { return t.limiter().async_capture(t.take_command(), std::move(token)); });
  visit("worker_pool::async_run", [](trial& t, auto token) { return t.pool().async_run(std::move(token)); });
  visit("worker_pool::async_acquire",
        [](trial& t, auto token) { return t.waiting_pool().async_acquire(std::move(token)); });
  visit("worker_pool::async_wait_ready",
        [](trial& t, auto token) { return t.waiting_pool().async_wait_ready(1, std::move(token)); });
  visit("worker_pool::async_next_event",
        [](trial& t, auto token) { return t.waiting_pool().async_next_event(std::move(token)); });
  visit("worker_lease::async_request",
        [](trial& t, auto token) { return t.lease("yes\n").async_request("it", std::move(token)); });
  visit("worker_lease::async_exchange",
        [](trial& t, auto token) { return t.lease({0, 0, 0, 0}).async_exchange("it", std::move(token)); });
  visit("async_communicate",
        [](trial& t, auto token) { return async_communicate(t.piped_child(), std::string(), std::move(token)); });
  visit("line_reader::async_read_line", [](trial& t, auto token) {
    return line_reader(t.piped_child().stdout_pipe()).async_read_line(std::move(token));
  });
  visit("child_lines::async_next",
        [](trial& t, auto token) { return child_lines(t.piped_child()).async_next(std::move(token)); });
  visit("async_tee", [](trial& t, auto token) {
    return async_tee(t.piped_child().stdout_pipe(), std::tuple<>(), std::move(token));
  });
  visit("input_stream::async_write_some",
        [](trial& t, auto token) { return t.full_stream().async_write_some(asio::buffer("x", 1), std::move(token)); });
  visit("terminal_stream::async_read_some", [](trial& t, auto token) {
    static char unread[16]; // Whatever becomes of the trial.
    return t.terminal_child().pty().async_read_some(asio::buffer(unread), std::move(token));
  });
}

} // namespace subprocess::tests
