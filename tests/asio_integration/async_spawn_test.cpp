#include <asio_integration/async_spawn.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>

#include <csignal>
#include <deque>
#include <string>

#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

struct spawn_result {
  int calls = 0;
  std::error_code ec;
  async_child child;

  auto handler()
  {
    return [this](std::error_code e, async_child c) {
      ++calls;
      ec = e;
      child = std::move(c);
    };
  }
};

/// A hook that stands still until it is let go, and the test's ends of it.
class gate {
public:
  command closed(command what)
  {
    return what.use_launcher(launcher::fork).pre_exec([in = reached_.write_end.get(), out = release_.read_end.get()] {
      char c = 'r';
      while (::write(in, &c, 1) == -1 && errno == EINTR) {
      }
      while (::read(out, &c, 1) == -1 && errno == EINTR) {
      }
      return std::error_code();
    });
  }

  /// Until so many hooks stand at the gate.
  void wait_for(int hooks)
  {
    char c;
    for (int i = 0; i < hooks; ++i) {
      ASSERT_TRUE(becomes_readable(reached_.read_end.get())) << i << " of " << hooks;
      ASSERT_EQ(::read(reached_.read_end.get(), &c, 1), 1);
    }
  }

  void let_go(int hooks) { write_all(release_.write_end.get(), std::string(static_cast<std::size_t>(hooks), 'g')); }

private:
  pipe_ends reached_ = make_pipe();
  pipe_ends release_ = make_pipe();
};

class async_spawning : public io_fixture {
protected:
  void expect_aborted(const spawn_result& result)
  {
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, asio::error::operation_aborted);
    EXPECT_EQ(result.child.id(), -1);
  }
};
SUBPROCESS_FOR_EACH_SETUP(async_spawning);

TEST_P(async_spawning, gives_a_child)
{
  spawn_result result;
  async_spawn(context(), helper({"exit", "3"}), result.handler());
  EXPECT_EQ(result.calls, 0) << "called from within";
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_FALSE(result.ec) << result.ec.message();
  EXPECT_GT(result.child.id(), 0);
  EXPECT_EQ(result.child.launcher_used(), GetParam().which);
  EXPECT_EQ(end_of(result.child).code(), 3);
}

TEST_P(async_spawning, gives_the_pipes_and_the_executor)
{
  const asio::any_io_executor strand = asio::make_strand(context());
  spawn_result result;
  async_spawn(strand, helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()), result.handler());
  run_until([&] { return result.calls == 1; });
  EXPECT_EQ(result.child.get_executor(), strand);
  EXPECT_FALSE(result.child.stderr_pipe().is_open());
  write_all(result.child.stdin_pipe().native_handle(), "text");
  result.child.stdin_pipe().close();
  EXPECT_EQ(read_all(result.child.stdout_pipe().native_handle()), "text");
  EXPECT_TRUE(end_of(result.child).success());
}

TEST_P(async_spawning, tells_why_it_failed)
{
  const struct {
    command what;
    std::errc code;
  } failures[] = {
      {program("/nonexistent"), std::errc::no_such_file_or_directory},
      {program("/"), std::errc::permission_denied},
      {helper({"exit", "0"}).current_dir("/nonexistent"), std::errc::no_such_file_or_directory},
      {helper({"exit", "0"}).stdin_from(stdio::read_file("/nonexistent")), std::errc::no_such_file_or_directory},
      {helper({"exit", "0"}).env("=", ""), std::errc::invalid_argument},
      {helper({"exit", "0"}).stdout_to(stdio::from_fd(-1)), std::errc::bad_file_descriptor},
  };
  for (const auto& [what, code] : failures) {
    spawn_result result;
    async_spawn(context(), what, result.handler());
    EXPECT_EQ(result.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_EQ(result.ec, code) << result.ec.message();
    EXPECT_EQ(result.ec.category(), std::system_category());
    EXPECT_EQ(result.child.id(), -1);
    EXPECT_FALSE(has_children()) << "reaped before the handler was called";
  }
}

#ifdef SUBPROCESS_LINUX_OPTIONS
// The kernel takes the score for one of all that share their memory.
TEST_P(async_spawning, with_an_oom_score_leaves_the_parents_alone)
{
  const std::string own = content_of("/proc/self/oom_score_adj");
  spawn_result result;
  async_spawn(context(),
              helper({"read", "/proc/self/oom_score_adj"})
                  .oom_score_adj(500)
                  .use_launcher(launcher::automatic)
                  .stdout_to(stdio::pipe()),
              result.handler());
  run_until([&] { return result.calls == 1; });
  ASSERT_FALSE(result.ec) << result.ec.message();
  EXPECT_EQ(content_of("/proc/self/oom_score_adj"), own);
  EXPECT_EQ(read_all(result.child.stdout_pipe().native_handle()), "500\n");
  EXPECT_TRUE(end_of(result.child).success());
}
#endif

TEST_P(async_spawning, with_a_hook_tells_what_it_returned)
{
  spawn_result result;
  async_spawn(context(), helper({"exit", "0"}).pre_exec([] { return std::make_error_code(std::errc::address_in_use); }),
              result.handler());
  run_to_end();
  EXPECT_EQ(result.ec, GetParam().which == launcher::fork ? std::errc::address_in_use : std::errc::invalid_argument);
}

TEST_P(async_spawning, keeps_its_own_copy_of_the_command)
{
  command what = helper({"exit", "3"});
  spawn_result result;
  async_spawn(context(), what, result.handler());
  what = command("/nonexistent");
  run_until([&] { return result.calls == 1; });
  EXPECT_FALSE(result.ec) << result.ec.message();
  EXPECT_EQ(end_of(result.child).code(), 3);
}

TEST_P(async_spawning, dropping_the_result_kills_the_child)
{
  pid_t pid = -1;
  async_spawn(context(), helper({"hang"}), [&](std::error_code, async_child child) { pid = child.id(); });
  run_to_end();
  EXPECT_NE(pid, -1);
  EXPECT_FALSE(is_our_child(pid));
}

TEST_P(async_spawning, many_at_once_each_get_their_own)
{
  constexpr int count = 30;
  std::deque<spawn_result> results(count);
  std::deque<wait_result> ends(count);
  for (std::size_t i = 0; i < count; ++i)
    async_spawn(context(), helper({"exit", std::to_string(i)}), [&, i](std::error_code ec, async_child child) {
      results[i].handler()(ec, std::move(child));
      results[i].child.async_wait(ends[i].handler());
    });
  run_to_end();
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_FALSE(results[i].ec) << results[i].ec.message();
    EXPECT_EQ(ends[i].status.code(), static_cast<int>(i));
  }
}

TEST_P(async_spawning, cancelled_at_once_leaves_nothing)
{
  for (const auto type :
       {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    for (int round = 0; round < 5; ++round) {
      asio::cancellation_signal cancel;
      spawn_result result;
      reached_cat cat = this->cat();
      async_spawn(context(), cat.what, asio::bind_cancellation_slot(cancel.slot(), result.handler()));
      cancel.emit(type);
      EXPECT_EQ(result.calls, 0) << "called from within";
      run_to_end();
      expect_aborted(result);
      cat.expect_gone();
      EXPECT_FALSE(has_children());
    }
  }
}

// The child is a program by then, and the loop knows nothing of it.
TEST_P(async_spawning, cancelled_when_it_is_made_leaves_nothing)
{
  asio::cancellation_signal cancel;
  spawn_result result;
  reached_cat cat = this->cat();
  async_spawn(context(), cat.what, asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  cat.expect_answer();
  cancel.emit(asio::cancellation_type::total);
  run_to_end();
  expect_aborted(result);
  cat.expect_gone();
  EXPECT_FALSE(has_children());
}

TEST_P(async_spawning, cancelled_after_the_end_changes_nothing)
{
  asio::cancellation_signal cancel;
  spawn_result result;
  reached_cat cat = this->cat();
  async_spawn(context(), cat.what, asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  run_until([&] { return result.calls == 1; });
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(result.calls, 1);
  EXPECT_FALSE(result.ec);
  cat.expect_answer();
  cat.input.reset();
  EXPECT_EQ(end_of(result.child).code(), 0);
}

TEST_P(async_spawning, cancelled_at_any_time_leaves_a_child_or_nothing)
{
  for (int handlers = 0; handlers < 12; ++handlers) {
    asio::cancellation_signal cancel;
    spawn_result result;
    async_spawn(context(), helper({"hang"}), asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    context().restart();
    for (int i = 0; i < handlers && result.calls == 0; ++i)
      context().run_one_for(patience);
    cancel.emit(asio::cancellation_type::terminal);
    run_to_end();
    ASSERT_EQ(result.calls, 1);
    if (result.ec) {
      expect_aborted(result);
    } else {
      result.child.kill();
      EXPECT_EQ(end_of(result.child).signal(), SIGKILL);
    }
    EXPECT_FALSE(has_children());
  }
}

TEST_P(async_spawning, that_fails_may_be_cancelled)
{
  for (int round = 0; round < 10; ++round) {
    asio::cancellation_signal cancel;
    spawn_result result;
    async_spawn(context(), program("/nonexistent"), asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    context().restart();
    for (int i = 0; i < round && result.calls == 0; ++i)
      context().run_one_for(patience);
    cancel.emit(asio::cancellation_type::terminal);
    run_to_end();
    EXPECT_EQ(result.calls, 1);
    EXPECT_TRUE(result.ec == asio::error::operation_aborted || result.ec == std::errc::no_such_file_or_directory)
        << result.ec.message();
    EXPECT_EQ(result.child.id(), -1);
    EXPECT_FALSE(has_children());
  }
}

TEST_P(async_spawning, whose_hook_is_slow_can_be_cancelled)
{
  for (const bool loop_knows : {false, true}) {
    gate gate;
    asio::cancellation_signal cancel;
    spawn_result result;
    async_spawn(context(), gate.closed(helper({"exit", "0"})),
                asio::bind_cancellation_slot(cancel.slot(), result.handler()));
    gate.wait_for(1);
    if (loop_knows) {
      spawn_result other;
      async_spawn(context(), helper({"exit", "0"}), other.handler());
      run_until([&] { return other.calls == 1; });
    }
    EXPECT_EQ(result.calls, 0);
    cancel.emit(asio::cancellation_type::terminal);
    run_to_end();
    expect_aborted(result);
    EXPECT_FALSE(has_children());
  }
}

TEST_P(async_spawning, with_slow_hooks_holds_neither_the_loop_nor_others)
{
  constexpr int slow_ones = 6; // More than there are threads to launch.
  gate gate;
  std::deque<spawn_result> slow(slow_ones);
  for (spawn_result& one : slow)
    async_spawn(context(), gate.closed(helper({"exit", "3"})), one.handler());
  gate.wait_for(slow_ones); // All at the same time.

  asio::steady_timer timer(context(), 1ms);
  bool fired = false;
  timer.async_wait([&](std::error_code) { fired = true; });
  run_until([&] { return fired; });
  for (int i = 0; i < 5; ++i) {
    spawn_result quick;
    async_spawn(context(), helper({"exit", "4"}), quick.handler());
    run_until([&] { return quick.calls == 1; });
    EXPECT_FALSE(quick.ec) << quick.ec.message();
    EXPECT_EQ(end_of(quick.child).code(), 4);
  }
  for (const spawn_result& one : slow)
    EXPECT_EQ(one.calls, 0);

  gate.let_go(slow_ones);
  run_to_end();
  for (spawn_result& one : slow) {
    EXPECT_FALSE(one.ec) << one.ec.message();
    EXPECT_EQ(end_of(one.child).code(), 3);
  }
}

// A child that stands in its hook has copies of what was open at its fork, also
// of what another launch was about to wait for.
TEST_P(async_spawning, with_slow_hooks_does_not_hold_those_launched_at_the_same_moment)
{
  constexpr std::size_t pairs = 40;
  gate gate;
  std::deque<spawn_result> slow(pairs);
  std::deque<spawn_result> quick(pairs);
  std::size_t done = 0;
  for (std::size_t i = 0; i < pairs; ++i) {
    async_spawn(context(), gate.closed(helper({"exit", "3"})), slow[i].handler());
    async_spawn(context(), helper({"exit", "4"}), [&, i](std::error_code ec, async_child child) {
      quick[i].handler()(ec, std::move(child));
      ++done;
    });
  }
  run_until([&] { return done == pairs; });
  for (const spawn_result& one : quick)
    EXPECT_FALSE(one.ec) << one.ec.message();
  gate.let_go(pairs);
  run_to_end();
  for (spawn_result& one : slow)
    EXPECT_FALSE(one.ec) << one.ec.message();
}

TEST_P(async_spawning, whose_context_ends_meanwhile_calls_no_handler)
{
  gate gate;
  spawn_result slow, quick;
  async_spawn(context(), gate.closed(helper({"exit", "3"})), slow.handler());
  gate.wait_for(1);
  async_spawn(context(), helper({"hang"}), quick.handler());
  end_context();
  EXPECT_EQ(slow.calls + quick.calls, 0);
  EXPECT_TRUE(all_children_gone());
}

TEST_P(async_spawning, whose_context_ends_at_any_time_leaves_nothing)
{
  for (int handlers = 0; handlers < 8; ++handlers) {
    {
      spawn_result results[4];
      for (spawn_result& one : results)
        async_spawn(context(), helper({"hang"}), one.handler());
      context().restart();
      for (int i = 0; i < handlers; ++i)
        context().run_one_for(patience);
    }
    end_context();
    EXPECT_TRUE(all_children_gone()) << handlers;
  }
}

} // namespace
} // namespace subprocess::tests
