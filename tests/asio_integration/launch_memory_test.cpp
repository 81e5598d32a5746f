// Memory that is not there: each allocation of a blocking launch fails in turn. Whatever
// it is, nothing is left behind, and the next launch works. The allocations are those of
// the whole program, which this test program has replaced.

#include <subprocess/subprocess.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <initializer_list>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include <subprocess/detail/process/orphans.hpp>

#include "allocations.hpp"
#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class launch_memory : public baseline, public ::testing::WithParamInterface<launcher> {
protected:
  using call = std::function<void(std::error_code&)>;

  static constexpr std::size_t most = 2000; // Allocations of one launch; there are far fewer.

  command asked(std::initializer_list<std::string_view> verb) const { return helper(verb).use_launcher(GetParam()); }
  command quick() const { return asked({"echo", "hello"}).stdout_to(stdio::null()); }

  /// One call in which the allocation after `others` fails.
  /// \return Whether one did.
  static bool try_once(const call& start, std::size_t others)
  {
    std::error_code ec;
    fail_one_allocation_after(others);
    try {
      start(ec);
    } catch (const std::bad_alloc&) {
      return stop_failing_allocations();
    }
    const bool failed = stop_failing_allocations();
    EXPECT_TRUE(failed || !ec) << ec.message();
    return failed;
  }

  static void expect_the_next_to_work(const call& start)
  {
    std::error_code ec;
    start(ec);
    EXPECT_FALSE(ec) << ec.message();
  }

  /// Fails each of its allocations in turn.
  static void fails_cleanly(const call& start)
  {
    isolated([&] {
      ::alarm(50);
      expect_the_next_to_work(start);
      const std::set<int> before = open_descriptors();
      for (std::size_t n = 0; n < most; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        if (!try_once(start, n))
          break;
        expect_the_next_to_work(start);
        EXPECT_TRUE(eventually(
            [] {
              detail::reap_orphans();
              return !has_children();
            },
            2s))
            << "a child is left";
        EXPECT_EQ(open_descriptors(), before);
        if (HasFailure())
          break;
      }
    });
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(launch_memory);

TEST_P(launch_memory, that_is_not_there_fails_a_run_cleanly)
{
  fails_cleanly([&](std::error_code& ec) { run(quick(), ec); });
}

TEST_P(launch_memory, that_is_not_there_fails_a_capture_cleanly)
{
  fails_cleanly([&](std::error_code& ec) { capture(asked({"streams"}), ec); });
}

TEST_P(launch_memory, that_is_not_there_fails_a_spawn_and_its_wait_cleanly)
{
  fails_cleanly([&](std::error_code& ec) {
    child started = spawn(quick(), ec);
    if (!ec)
      started.wait(ec);
  });
}

TEST_P(launch_memory, that_is_not_there_fails_a_pipeline_cleanly)
{
  fails_cleanly([&](std::error_code& ec) { capture(asked({"echo", "x"}) | asked({"cat"}), {}, ec); });
}

} // namespace
} // namespace subprocess::tests
