#include <asio_integration/detail/reaper/reaper_core.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>
#include <support/baseline.hpp>
#include <support/deadline.hpp>
#include <support/programs.hpp>

#include "recorded_waiter.hpp"

namespace subprocess::tests {
namespace {

using namespace detail;

// Watches all children or none, and cannot be waited for.
class deaf_source final : public wake_source {
public:
  explicit deaf_source(bool watches) : watches_(watches) {}

  reaper_source kind() const noexcept override { return reaper_source::pidfd; }
  bool watch(process&) noexcept override { return watches_; }
  void unwatch(process&) noexcept override {}
  void async_wake(wake_handler) override { throw std::system_error(EPERM, std::system_category()); }
  bool dispatch(reaping&) noexcept override { return false; }

private:
  const bool watches_;
};

// As the library's own service has it: a reaper goes after the queue that its tasks are in.
class owner final : public asio::execution_context::service {
public:
  inline static asio::execution_context::id id;

  explicit owner(asio::execution_context& context) : service(context) {}

  std::optional<reaper_core> reaper;

private:
  void shutdown() override {}
};

/// A loop with a reaper, which a waiter of the library's own would hold.
class reaped_loop {
public:
  explicit reaped_loop(std::unique_ptr<wake_source> source)
      : reaper_(asio::use_service<owner>(context_).reaper.emplace(loop_executor(context_), std::move(source)))
  {
    reaper_.start();
  }
  ~reaped_loop() { reaper_.shut_down(); }
  reaped_loop(const reaped_loop&) = delete;
  reaped_loop& operator=(const reaped_loop&) = delete;

  void expect_to_tell_of(const command& what, int code)
  {
    spawn_failure failure;
    const child_parts parts = spawn_parts(what, stream_defaults::inherit(), failure);
    ASSERT_FALSE(failure) << failure.context();
    recorded_waiter told;
    reaper_.track(reap_table::make_place(), parts.handle);
    if (const auto ended = reaper_.wait(*parts.handle, told)) // Before it came into the table.
      told.complete(ended->error, ended->status);
    const deadline limit;
    while (told.completed == 0 && !limit.passed())
      context_.run_one_for(std::chrono::milliseconds(50));
    EXPECT_EQ(told.completed, 1);
    EXPECT_EQ(told.status.code(), code);
  }

private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  reaper_core& reaper_;
};

class reaper_core_test : public baseline {};

// Other code has reaped the first, and the kernel has given its number to the second.
TEST_F(reaper_core_test, tells_who_waits_for_a_child_whose_number_another_has_got)
{
  asio::io_context context;
  reaper_core& reaper =
      asio::use_service<owner>(context).reaper.emplace(loop_executor(context), std::make_unique<deaf_source>(true));
  spawn_failure failure;
  const child_parts parts = spawn_parts(helper({"exit", "3"}), stream_defaults::inherit(), failure);
  ASSERT_FALSE(failure) << failure.context();
  recorded_waiter told;
  auto work = asio::make_work_guard(context); // As a waiter of the library's own holds it.
  reaper.track(reap_table::make_place(), parts.handle);
  ASSERT_FALSE(reaper.wait(*parts.handle, told));
  reaper.hold_until_reaped(*parts.handle);

  const auto second = std::make_shared<process>(parts.handle->id(), unique_fd());
  reaper.track(reap_table::make_place(), second);
  EXPECT_EQ(told.completed, 0) << "called from within";
  EXPECT_EQ(parts.handle->current(), process::state::lost);
  const deadline limit;
  while (told.completed == 0 && !limit.passed())
    context.run_one_for(std::chrono::milliseconds(50));
  EXPECT_EQ(told.ec, std::errc::no_child_process);
  work.reset();
  context.restart();
  context.run(); // Held by nobody: it ends.
  EXPECT_TRUE(eventually([&] { return second->try_reap() == process::state::ended; }));
  reaper.shut_down();
}

// The first wait for the source is begun on the loop, when somebody may wait for a child already.
TEST_F(reaper_core_test, tells_who_waited_before_its_source_could_not_be_waited_for)
{
  reaped_loop(std::make_unique<deaf_source>(true)).expect_to_tell_of(helper({"exit", "3"}), 3);
}

// As when a program enters a sandbox that refuses pidfds: each took a second.
TEST_F(reaper_core_test, looks_soon_at_a_child_of_which_nothing_tells)
{
  reaped_loop loop(std::make_unique<deaf_source>(false));
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i)
    loop.expect_to_tell_of(helper({"exit", "3"}), 3);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
}

// Says again and again that a child has ended.
class hasty_source final : public wake_source {
public:
  struct record {
    pid_t pid = 0;
    int watched = 0;
    std::vector<bool> looks; // Whether it was reaped.
  };

  hasty_source(asio::io_context& context, record& seen) : timer_(context), seen_(seen) {}

  reaper_source kind() const noexcept override { return reaper_source::pidfd; }
  bool watch(process&) noexcept override { return ++seen_.watched > 0; }
  void unwatch(process&) noexcept override { --seen_.watched; }
  void async_wake(wake_handler woken) override
  {
    timer_.expires_after(std::chrono::milliseconds(1));
    timer_.async_wait(std::move(woken));
  }
  bool dispatch(reaping& reaper) noexcept override
  {
    seen_.looks.push_back(reaper.look(seen_.pid));
    return false;
  }

private:
  asio::steady_timer timer_;
  record& seen_;
};

// A tracer keeps what has ended; a source would say so for ever.
TEST_F(reaper_core_test, watches_no_longer_who_is_said_to_have_ended_and_has_not)
{
  asio::io_context context;
  hasty_source::record seen;
  reaper_core& reaper = asio::use_service<owner>(context).reaper.emplace(loop_executor(context),
                                                                         std::make_unique<hasty_source>(context, seen));
  spawn_failure failure;
  const child_parts parts = spawn_parts(helper({"hang"}), stream_defaults::inherit(), failure);
  ASSERT_FALSE(failure) << failure.context();
  seen.pid = parts.handle->id();
  reaper.track(reap_table::make_place(), parts.handle);
  EXPECT_EQ(seen.watched, 1);

  reaper.start();
  auto work = asio::make_work_guard(context);
  const deadline limit;
  while (seen.looks.size() < 2 && !limit.passed())
    context.run_one_for(std::chrono::milliseconds(50));
  EXPECT_EQ(seen.looks, (std::vector{false, false}));
  EXPECT_EQ(seen.watched, 0);
  parts.handle->kill(stop_sequence::target::child);
  while (!seen.looks.back() && !limit.passed())
    context.run_one_for(std::chrono::milliseconds(50));
  EXPECT_EQ(parts.handle->status().signal(), SIGKILL);
  EXPECT_EQ(seen.watched, 0);
  reaper.shut_down();
}

} // namespace
} // namespace subprocess::tests
