#include <asio_integration/detail/reaper/reaper_core.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/launch/launch_plan.hpp>
#include <support/baseline.hpp>
#include <support/deadline.hpp>
#include <support/programs.hpp>

#include "recorded_waiter.hpp"

namespace subprocess::tests {
namespace {

using namespace detail;

// Watches every child, and cannot be waited for.
class deaf_source final : public wake_source {
public:
  reaper_source kind() const noexcept override { return reaper_source::pidfd; }
  bool watch(process&) noexcept override { return true; }
  void unwatch(process&) noexcept override {}
  void async_wake(wake_handler) override { throw std::system_error(EPERM, std::system_category()); }
  bool dispatch(reaping&) noexcept override { return false; }
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

class reaper_core_test : public baseline {};

// The first wait for the source is begun on the loop, when somebody may wait for a child already.
TEST_F(reaper_core_test, tells_who_waited_before_its_source_could_not_be_waited_for)
{
  asio::io_context context;
  reaper_core& reaper =
      asio::use_service<owner>(context).reaper.emplace(loop_executor(context), std::make_unique<deaf_source>());
  spawn_failure failure;
  const child_parts parts = spawn_parts(helper({"exit", "3"}), stream_defaults::inherit(), failure);
  ASSERT_FALSE(failure) << failure.context();

  recorded_waiter told;
  reaper.start();
  reaper.track(reap_table::make_place(), parts.handle);
  ASSERT_FALSE(reaper.wait(*parts.handle, told));
  auto work = asio::make_work_guard(context); // As a waiter of the library's own holds it.
  const deadline limit;
  while (told.completed == 0 && !limit.passed())
    context.run_one_for(std::chrono::milliseconds(50));
  EXPECT_EQ(told.completed, 1);
  EXPECT_EQ(told.status.code(), 3);
  reaper.shut_down();
}

} // namespace
} // namespace subprocess::tests
