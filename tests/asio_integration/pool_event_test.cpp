#include <asio_integration/pool_event.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <sstream>

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;
using event_kind = pool_event_kind;

std::error_code errno_code(int number)
{
  return {number, std::system_category()};
}

TEST(pool_event, reads_as_a_line_of_a_log)
{
  const auto of_worker = [](event_kind what) { return pool_event{.kind = what, .slot = 2, .worker = 7, .pid = 4711}; };
  EXPECT_EQ(to_string(of_worker(event_kind::starting)), "worker 7 (slot 2, pid 4711): starting");
  EXPECT_EQ(to_string(of_worker(event_kind::ready)), "worker 7 (slot 2, pid 4711): ready");
  EXPECT_EQ(to_string(of_worker(event_kind::reloading)), "worker 7 (slot 2, pid 4711): reloading");

  pool_event died = of_worker(event_kind::died);
  died.status = exit_status(9);
  EXPECT_EQ(to_string(died), "worker 7 (slot 2, pid 4711): died: signal: 9 (SIGKILL)");
  pool_event ended = of_worker(event_kind::ended);
  ended.status = exit_status(3 << 8);
  EXPECT_EQ(to_string(ended), "worker 7 (slot 2, pid 4711): ended: exit code: 3");
  pool_event stopping = of_worker(event_kind::stopping);
  stopping.reason = stop_reason::lease_limit;
  EXPECT_EQ(to_string(stopping), "worker 7 (slot 2, pid 4711): stopping: lease_limit");
}

TEST(pool_event, is_compared_by_all_that_it_tells)
{
  const pool_event none;
  EXPECT_EQ(none, pool_event{});
  EXPECT_NE(none, pool_event{.text = "x"});
  EXPECT_EQ(to_string(static_cast<pool_event_kind>(99)), "unknown");
  EXPECT_EQ(to_string(static_cast<stop_reason>(99)), "unknown");
}

TEST(pool_event, says_what_failed_and_why)
{
  EXPECT_EQ(
      to_string(pool_event{.kind = event_kind::spawn_failed, .slot = 1, .worker = 8, .error = errno_code(ENOENT)}),
      "worker 8 (slot 1): spawn failed: No such file or directory");
  EXPECT_EQ(to_string(pool_event{.kind = event_kind::backing_off, .slot = 2, .delay = 1600ms}),
            "slot 2: backing off for 1600 ms");
  EXPECT_EQ(to_string(pool_event{.kind = event_kind::replaced}), "pool: replaced");
  EXPECT_EQ(to_string(pool_event{.kind = event_kind::replace_failed, .error = errno_code(ETIMEDOUT)}),
            "pool: replace failed: Connection timed out");
  EXPECT_EQ(to_string(pool_event{.kind = event_kind::gave_up, .error = errno_code(ENOTRECOVERABLE)}),
            "pool: gave up: State not recoverable");
}

TEST(pool_event, lets_no_line_of_a_worker_pass_for_one_of_the_log)
{
  pool_event line{
      .kind = event_kind::output, .slot = 0, .worker = 1, .pid = 5, .text = "caf\xc3\xa9\n\x1b[2Jpool: x\r\x7f\t"};
  EXPECT_EQ(to_string(line), "worker 1 (slot 0, pid 5): output: caf\xc3\xa9\\x0a\\x1b[2Jpool: x\\x0d\\x7f\\x09");
  line.kind = event_kind::says;
  line.text = "3 of 4";
  EXPECT_EQ(to_string(line), "worker 1 (slot 0, pid 5): says: 3 of 4");
}

TEST(pool_event, is_printed_as_it_is_written)
{
  std::ostringstream out;
  const pool_event event{.kind = event_kind::ready, .worker = 3};
  out << event;
  EXPECT_EQ(out.str(), to_string(event));
}

TEST(pool_event, has_a_name_for_each_kind_and_reason)
{
  std::set<std::string_view> names;
  for (int number = 0; number <= static_cast<int>(event_kind::output); ++number)
    names.insert(to_string(static_cast<event_kind>(number)));
  EXPECT_EQ(names.size(), 13u);
  EXPECT_FALSE(names.contains("unknown"));

  names.clear();
  for (int number = 0; number <= static_cast<int>(stop_reason::pool_ends); ++number)
    names.insert(to_string(static_cast<stop_reason>(number)));
  EXPECT_EQ(names.size(), 14u);
  EXPECT_FALSE(names.contains("unknown"));
}

} // namespace
} // namespace subprocess::tests
