#include <asio_integration/spawn.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "io_fixture.hpp"

#include <subprocess/command_settings.hpp>

namespace subprocess::tests {
namespace {

static_assert(execution_context_like<asio::io_context> && execution_context_like<asio::thread_pool>);
static_assert(!execution_context_like<asio::io_context::executor_type> && !execution_context_like<int>);

class spawning : public io_fixture {
protected:
  /// How the spawn fails, in all its forms.
  void expect_failure(const command& what, spawn_step step, std::errc code)
  {
    std::error_code ec;
    async_child child = spawn(context(), what, ec);
    EXPECT_EQ(ec, code) << ec.message();
    EXPECT_EQ(ec.category(), std::system_category());
    EXPECT_EQ(child.id(), -1);

    spawn_failure failure;
    spawn(context().get_executor(), what, failure);
    EXPECT_EQ(failure.code, code);
    EXPECT_EQ(failure.step, step);
    EXPECT_EQ(failure.program, what.get().program);

    try {
      spawn(context(), what);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const spawn_error& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_EQ(error.step(), step);
    }
    EXPECT_FALSE(has_children()) << "what failed is reaped when the call returns";
  }

  void expect_works(async_child child, launcher expected)
  {
    EXPECT_GT(child.id(), 0);
    EXPECT_EQ(child.launcher_used(), expected);
    EXPECT_EQ(end_of(child).code(), 3);
  }
};
SUBPROCESS_FOR_EACH_SETUP(spawning);

TEST_P(spawning, takes_a_context_or_an_executor_in_every_form)
{
  const command what = helper({"exit", "3"});
  const launcher used = GetParam().which;
  std::error_code ec = std::make_error_code(std::errc::io_error);
  spawn_failure failure;
  failure.code = ec;
  expect_works(spawn(context(), what), used);
  expect_works(spawn(context().get_executor(), what), used);
  expect_works(spawn(asio::any_io_executor(context().get_executor()), what), used);
  expect_works(spawn(asio::make_strand(context()), what), used);
  expect_works(spawn(context(), what, ec), used);
  EXPECT_FALSE(ec);
  expect_works(spawn(context().get_executor(), what, ec), used);
  expect_works(spawn(context(), what, failure), used);
  EXPECT_FALSE(failure);
  expect_works(spawn(context().get_executor(), what, failure), used);
}

TEST_P(spawning, keeps_the_executor_it_was_given)
{
  const asio::any_io_executor strand = asio::make_strand(context());
  async_child helper = spawn(strand, this->helper({"exit", "0"}).stdout_to(stdio::pipe()));
  EXPECT_EQ(helper.get_executor(), strand);
  EXPECT_EQ(helper.stdout_pipe().get_executor(), strand);
  EXPECT_EQ(helper.stdin_pipe().get_executor(), strand);
  end_of(helper);
}

TEST_P(spawning, names_the_step_that_failed)
{
  scratch_directory scratch;
  expect_failure(program("/nonexistent"), spawn_step::exec, std::errc::no_such_file_or_directory);
  expect_failure(program(scratch.file("closed", "", 0600)), spawn_step::exec, std::errc::permission_denied);
  expect_failure(helper({"exit", "0"}).current_dir("/nonexistent"), spawn_step::chdir,
                 std::errc::no_such_file_or_directory);
  expect_failure(helper({"exit", "0"}).stdin_from(stdio::read_file("/nonexistent")), spawn_step::open_file,
                 std::errc::no_such_file_or_directory);
  expect_failure(helper({"exit", "0"}).arg(std::string_view("a\0b", 3)), spawn_step::prepare,
                 std::errc::invalid_argument);
  expect_failure(helper({"exit", "0"}).env("", "value"), spawn_step::prepare, std::errc::invalid_argument);
  expect_failure(helper({"exit", "0"}).session_leader().process_group(1), spawn_step::prepare,
                 std::errc::invalid_argument);
}

TEST_P(spawning, tells_what_the_hook_returned)
{
  const auto refused = std::make_error_code(std::errc::address_in_use);
  if (GetParam().which == launcher::fork)
    expect_failure(helper({"exit", "0"}).pre_exec([=] { return refused; }), spawn_step::pre_exec,
                   std::errc::address_in_use);
  else
    expect_failure(helper({"exit", "0"}).pre_exec([=] { return refused; }), spawn_step::prepare,
                   std::errc::invalid_argument);
}

TEST_P(spawning, that_fails_leaves_the_loop_idle)
{
  std::error_code ec;
  spawn(context(), program("/nonexistent"), ec);
  EXPECT_FALSE(is_busy());
}

TEST_P(spawning, notices_an_exit_that_came_before_anybody_looked)
{
  for (int i = 0; i < 30; ++i) {
    async_child helper = start(this->helper({"exit", "3"}));
    wait_until_exited(helper.id());
    wait_result result;
    helper.async_wait(result.handler());
    run_to_end();
    EXPECT_EQ(result.status.code(), 3);
  }
}

TEST_P(spawning, many_short_ones_loses_none)
{
  for (int round = 0; round < 10; ++round) {
    std::vector<async_child> children;
    std::vector<wait_result> results(20);
    for (int i = 0; i < 20; ++i)
      children.push_back(start(helper({"exit", std::to_string(i)})));
    for (std::size_t i = 0; i < 20; ++i)
      children[i].async_wait(results[i].handler());
    run_to_end();
    for (std::size_t i = 0; i < 20; ++i)
      EXPECT_EQ(results[i].status.code(), static_cast<int>(i));
  }
}

TEST_P(spawning, costs_no_descriptor_once_the_child_has_ended)
{
  async_child first = start(helper({"exit", "0"}));
  end_of(first);
  const auto before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    async_child helper = start({"exit", "0"});
    end_of(helper);
  }
  EXPECT_EQ(open_descriptors(), before);
}

// The child object is kept: its descriptor must go when it is reaped.
TEST_P(spawning, holds_no_descriptor_for_a_reaped_child)
{
  async_child warm_up = start(helper({"exit", "0"}));
  end_of(warm_up);
  const auto before = open_descriptors();
  async_child kept = start(helper({"exit", "0"}));
  end_of(kept);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_P(spawning, without_descriptors_is_an_error_and_leaves_nothing)
{
  isolated_loop([&] {
    async_child warm_up = start({"exit", "0"});
    end_of(warm_up);
    warm_up = {};
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const command piped =
        helper({"exit", "3"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::pipe());
    const auto before = open_descriptors();
    bool failed = false;
    bool worked = false;
    // One more each time: so every step runs out of them once.
    for (unsigned spare = 0; spare < 20; ++spare) {
      const rlimit low{static_cast<rlim_t>(lowest_free()) + spare, limit.rlim_max};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
      std::error_code ec;
      async_child child = spawn(context(), piped, ec);
      ::setrlimit(RLIMIT_NOFILE, &limit);
      if (ec) {
        EXPECT_EQ(ec, std::errc::too_many_files_open) << spare << ": " << ec.message();
        EXPECT_EQ(child.id(), -1);
        failed = true;
      } else {
        EXPECT_EQ(end_of(child).code(), 3) << spare;
        worked = true;
      }
      child = {};
      run_to_end();
      EXPECT_EQ(open_descriptors(), before) << spare;
    }
    EXPECT_TRUE(failed);
    EXPECT_TRUE(worked);
  });
}

TEST_P(spawning, as_a_context_s_first_without_descriptors_is_an_error_too)
{
  isolated_loop([&] {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned spare = 0; spare < 12; ++spare) {
      asio::io_context fresh;
      use_source(fresh);
      const rlimit low{static_cast<rlim_t>(lowest_free()) + spare, limit.rlim_max};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
      std::error_code ec;
      async_child child = spawn(fresh, helper({"exit", "3"}), ec);
      ::setrlimit(RLIMIT_NOFILE, &limit);
      if (ec) {
        EXPECT_EQ(ec, std::errc::too_many_files_open) << spare << ": " << ec.message();
        EXPECT_EQ(ec.category(), std::system_category());
        EXPECT_EQ(child.id(), -1);
      } else {
        wait_result result;
        child.async_wait(result.handler());
        fresh.run_for(patience);
        EXPECT_EQ(result.status.code(), 3) << spare;
      }
    }
  });
}

// Where a pidfd cannot be had the child is looked at now and then.
TEST_P(spawning, without_a_descriptor_to_watch_the_child_does_not_hang)
{
  isolated_loop([&] {
    async_child warm_up = start(helper({"exit", "0"}));
    end_of(warm_up);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned spare = 0; spare < 6; ++spare) {
      const rlimit low{static_cast<rlim_t>(lowest_free()) + spare, limit.rlim_max};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
      std::error_code ec;
      async_child child = spawn(context(), helper({"hang"}), ec);
      if (!ec) {
        wait_result result;
        child.async_wait(result.handler());
        EXPECT_TRUE(is_busy());
        child.kill();
        run_to_end();
        EXPECT_EQ(result.status.signal(), SIGKILL) << spare;
      }
      ::setrlimit(RLIMIT_NOFILE, &limit);
    }
  });
}

TEST_P(spawning, on_one_context_from_several_threads)
{
  constexpr int threads = 4;
  constexpr int each = 15;
  asio::io_context& one = context(); // Made before there are threads.
  std::vector<std::thread> spawners;
  std::atomic<int> ended = 0;
  for (int t = 0; t < threads; ++t)
    spawners.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        std::error_code ec;
        async_child child = spawn(one, helper({"exit", std::to_string(t * each + i)}), ec);
        EXPECT_FALSE(ec) << ec.message();
        child.detach();
        child.async_wait([&, t, i](std::error_code wait_ec, exit_status status) {
          EXPECT_FALSE(wait_ec) << wait_ec.message();
          EXPECT_EQ(status.code(), t * each + i);
          ++ended;
        });
      }
    });
  run_until([&] { return ended == threads * each; });
  for (std::thread& spawner : spawners)
    spawner.join();
}

// Also the first spawn, which makes the reaper.
TEST_P(spawning, first_on_one_context_from_several_threads)
{
  for (int round = 0; round < 10; ++round) {
    asio::io_context fresh;
    use_source(fresh);
    std::atomic<int> ended = 0;
    std::vector<std::thread> spawners;
    for (int t = 0; t < 3; ++t)
      spawners.emplace_back([&] {
        async_child child = spawn(fresh, helper({"exit", "3"}));
        child.detach();
        child.async_wait([&](std::error_code, exit_status status) { ended += status.code() == 3; });
      });
    for (std::thread& spawner : spawners)
      spawner.join();
    fresh.run_for(patience);
    EXPECT_EQ(ended, 3);
  }
}

} // namespace
} // namespace subprocess::tests
