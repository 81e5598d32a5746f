#include <asio_integration/detail/pool/notify_message.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using detail::notify_message;
using detail::parse_notify;

notify_message parsed(std::string_view text)
{
  const auto message = parse_notify(text);
  EXPECT_TRUE(message) << text;
  return message.value_or(notify_message());
}

TEST(notify_message, reads_each_variable)
{
  EXPECT_EQ(parsed("READY=1"), notify_message{.is_ready = true});
  EXPECT_EQ(parsed("RELOADING=1"), notify_message{.is_reloading = true});
  EXPECT_EQ(parsed("STOPPING=1"), notify_message{.is_stopping = true});
  EXPECT_EQ(parsed("WATCHDOG=1"), notify_message{.sign = notify_message::watchdog::alive});
  EXPECT_EQ(parsed("WATCHDOG=trigger"), notify_message{.sign = notify_message::watchdog::trigger});
  EXPECT_EQ(parsed("MAINPID=4711"), notify_message{.main_pid = 4711});
  EXPECT_EQ(parsed("EXTEND_TIMEOUT_USEC=2500000"), notify_message{.extend_timeout = 2500ms});
  EXPECT_EQ(parsed("ERRNO=2"), notify_message{.error = ENOENT});
  EXPECT_EQ(parsed("ERRNO=-0"), notify_message());
  EXPECT_EQ(parsed("STATUS=loading 3 of 4"), notify_message{.status = "loading 3 of 4"});
  EXPECT_EQ(parsed("BARRIER=1"), notify_message{.wants_barrier = true});
}

TEST(notify_message, reads_several_in_one_datagram_however_the_lines_end)
{
  const notify_message expected{.is_ready = true, .main_pid = 12, .status = "here"};
  EXPECT_EQ(parsed("READY=1\nSTATUS=here\nMAINPID=12"), expected);
  EXPECT_EQ(parsed("READY=1\nSTATUS=here\nMAINPID=12\n"), expected);
  EXPECT_EQ(parsed("\nREADY=1\r\n\r\nSTATUS=here\r\nMAINPID=12\r\n"), expected);
}

TEST(notify_message, ignores_what_it_does_not_know)
{
  EXPECT_EQ(parsed(""), notify_message());
  EXPECT_EQ(parsed("READY"), notify_message());
  EXPECT_EQ(parsed("=1"), notify_message());
  EXPECT_EQ(parsed("X_READY=1\nREADY_X=1\nready=1\n READY=1\nREADY =1"), notify_message());
  EXPECT_EQ(parsed("FDSTORE=1\nMONOTONIC_USEC=8\nREADY=1"), notify_message{.is_ready = true});
}

TEST(notify_message, takes_no_other_value_of_a_flag_for_1)
{
  for (const char* const value : {"", "0", "2", "11", "01", "yes", "1 ", " 1"})
    for (const char* const key : {"READY", "RELOADING", "STOPPING", "BARRIER", "WATCHDOG"})
      EXPECT_EQ(parsed(std::string(key) + '=' + value), notify_message()) << key << '=' << value;
  EXPECT_EQ(parsed("READY=0\nREADY=1"), notify_message{.is_ready = true});
  EXPECT_EQ(parsed("READY=trigger"), notify_message());
}

TEST(notify_message, ignores_numbers_that_are_none)
{
  for (const char* const value : {"", "-1", "+1", "0x10", "1.5", "1 ", " 1", "1a", "99999999999999999999999"})
    for (const char* const key : {"MAINPID", "EXTEND_TIMEOUT_USEC", "ERRNO"})
      EXPECT_EQ(parsed(std::string(key) + '=' + value), notify_message()) << key << '=' << value;
  EXPECT_EQ(parsed("MAINPID=0"), notify_message()) << "0 would be the process group of the caller of kill()";
  EXPECT_EQ(parsed("MAINPID=2147483648"), notify_message());
}

TEST(notify_message, takes_the_first_of_two_values)
{
  EXPECT_EQ(parsed("MAINPID=12\nMAINPID=1\nSTATUS=a\nSTATUS=1"), (notify_message{.main_pid = 12, .status = "a"}));
  EXPECT_EQ(parsed("WATCHDOG=trigger\nWATCHDOG=1"), notify_message{.sign = notify_message::watchdog::trigger});
  EXPECT_EQ(parsed("MAINPID=no\nMAINPID=13"), notify_message());
}

TEST(notify_message, keeps_an_endless_time_in_the_future)
{
  const auto time = parsed("EXTEND_TIMEOUT_USEC=18446744073709551615").extend_timeout;
  ASSERT_TRUE(time);
  EXPECT_GT(std::chrono::nanoseconds(*time), std::chrono::hours(24 * 365 * 290));
}

TEST(notify_message, keeps_what_a_status_says_as_it_is)
{
  EXPECT_EQ(parsed("STATUS=").status, "");
  EXPECT_EQ(parsed("STATUS= a=b = \t\x1b[2J\xff ").status, " a=b = \t\x1b[2J\xff ");
}

TEST(notify_message, permits_a_nul_byte_at_the_end_alone)
{
  EXPECT_EQ(parsed("READY=1\0"sv), notify_message{.is_ready = true});
  EXPECT_EQ(parsed("\0"sv), notify_message());
  EXPECT_FALSE(parse_notify("READY=1\0\0"sv));
  EXPECT_FALSE(parse_notify("READY=1\0STATUS=x"sv));
  EXPECT_FALSE(parse_notify("\0READY=1"sv));
}

TEST(notify_message, refuses_what_is_too_long)
{
  const std::string status(detail::longest_notify_message - 7, 'x');
  EXPECT_EQ(parsed("STATUS=" + status).status, status);
  EXPECT_FALSE(parse_notify("STATUS=" + status + 'x'));
}

// Any bytes may come: nothing is read beyond their end, which the sanitizers see.
TEST(notify_message, survives_every_part_of_a_message)
{
  constexpr std::string_view all =
      "READY=1\nMAINPID=12\r\nEXTEND_TIMEOUT_USEC=5\nSTATUS=s\nERRNO=1\nWATCHDOG=trigger\n";
  for (std::size_t begin = 0; begin < all.size(); ++begin)
    for (std::size_t size = 0; begin + size <= all.size(); ++size) {
      const std::string part(all.substr(begin, size));
      EXPECT_TRUE(parse_notify(part));
    }
}

} // namespace
} // namespace subprocess::tests
