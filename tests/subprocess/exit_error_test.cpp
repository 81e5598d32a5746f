#include <subprocess/exit_error.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <type_traits>
#include <utility>

#include <subprocess/capture.hpp>
#include <subprocess/pipeline.hpp>
#include <subprocess/spawn.hpp>

#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

const exit_status ended_well(0);
const exit_status ended_with_three(3 << 8);
const exit_status was_killed(SIGKILL);

std::string what_of(exit_status status, std::string_view error_output)
{
  return exit_error(status, "cc", error_output).what();
}

TEST(exit_error, names_program_status_and_the_end_of_stderr)
{
  EXPECT_EQ(what_of(ended_with_three, ""), "run \"cc\": exit code: 3");
  EXPECT_EQ(what_of(was_killed, "one\ntwo\n"), "run \"cc\": signal: 9 (SIGKILL)\n  one\n  two");
  const exit_error error(ended_with_three, "cc", "one\ntwo\n");
  EXPECT_EQ(error.status(), ended_with_three);
  EXPECT_EQ(error.program(), "cc");
  EXPECT_EQ(error.error_output(), "one\ntwo");
  EXPECT_STREQ(exit_error(exit_status(), "").what(), "run: unknown");
}

TEST(exit_error, keeps_a_few_lines)
{
  std::string text;
  for (int i = 0; i < 100; ++i)
    text += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(exit_error(ended_with_three, "cc", text).error_output(),
            "line 90\nline 91\nline 92\nline 93\nline 94\nline 95\nline 96\nline 97\nline 98\nline 99");
  EXPECT_EQ(exit_error(ended_with_three, "cc", "\n\n\n").error_output(), "");
  EXPECT_EQ(exit_error(ended_with_three, "cc", "a\n\nb\n\n").error_output(), "a\n\nb");
  // An empty one is a line too.
  EXPECT_EQ(exit_error(ended_with_three, "cc", "a\n\nb\n\n\nc\n\nd\n\ne\n\nf\n").error_output(),
            "b\n\n\nc\n\nd\n\ne\n\nf");
}

TEST(exit_error, keeps_a_kibibyte_of_whole_lines)
{
  const std::string line(400, 'x');
  EXPECT_EQ(exit_error(ended_with_three, "cc", line + "\n" + line + "\n" + line + "\n").error_output(),
            line + "\n" + line);
  EXPECT_EQ(exit_error(ended_with_three, "cc", std::string(1024, 'y')).error_output(), std::string(1024, 'y'));
  EXPECT_EQ(exit_error(ended_with_three, "cc", std::string(1025, 'y')).error_output(), std::string(1024, 'y'));
  std::string umlauts = "x";
  for (int i = 0; i < 1000; ++i)
    umlauts += "ü";
  umlauts += "z"; // So that the cut is in the middle of one.
  EXPECT_EQ(exit_error(ended_with_three, "cc", umlauts).error_output().size(), 1023u);
  EXPECT_EQ(exit_error(ended_with_three, "cc", std::string(5000, '\x80')).error_output().size(), 0u);
}

TEST(exit_error, escapes_what_cannot_be_printed)
{
  EXPECT_EQ(what_of(ended_with_three, "\x1b[31mred\x1b[0m\ttab\x07"),
            "run \"cc\": exit code: 3\n  \\x1b[31mred\\x1b[0m\ttab\\x07");
  EXPECT_EQ(what_of(ended_with_three, "one\r\ntwo\rthree\r\n"), "run \"cc\": exit code: 3\n  one\n  two\\x0dthree");
  EXPECT_EQ(what_of(ended_with_three, std::string("a\0b\x7f", 4)), "run \"cc\": exit code: 3\n  a\\x00b\\x7f");
}

TEST(exit_error, leaves_utf_8_alone_and_nothing_that_only_looks_like_it)
{
  const auto shown = [](std::string_view text) {
    return what_of(ended_with_three, text).substr(what_of(ended_with_three, "").size() + 3);
  };
  for (const char* good_text : {"‘quoted’", "ü", "漢字", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xc2\xa0"})
    EXPECT_EQ(shown(good_text), good_text);
  EXPECT_EQ(shown("\xff"), "\\xff");
  EXPECT_EQ(shown("\xc3"), "\\xc3") << "the rest is missing";
  EXPECT_EQ(shown("\xc3x"), "\\xc3x");
  EXPECT_EQ(shown("\xc0\xaf"), "\\xc0\\xaf") << "too long";
  EXPECT_EQ(shown("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
  EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(shown("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond the last";
  EXPECT_EQ(shown("\xc2\x9b"), "\\xc2\\x9b") << "a control character";
}

TEST(exit_error, is_copied_without_throwing)
{
  EXPECT_TRUE(std::is_nothrow_copy_constructible_v<exit_error>);
}

TEST(check, lets_success_pass)
{
  EXPECT_EQ(check(ended_well), ended_well);
  try {
    check(ended_with_three, "make");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const exit_error& error) {
    EXPECT_STREQ(error.what(), "run \"make\": exit code: 3");
  }
  EXPECT_THROW(check(exit_status()), exit_error) << "unknown is no success";
}

class checked : public per_launcher {};
SUBPROCESS_FOR_EACH_LAUNCHER(checked);

TEST_P(checked, output_chains)
{
  EXPECT_EQ(capture(helper({"echo", "text"})).check().out, "text\n");
  const captured_output kept = capture(helper({"echo", "text"}));
  EXPECT_EQ(&kept.check(), &kept);
  const captured_output& lives_on = capture(helper({"echo", "text"})).check();
  EXPECT_EQ(lives_on.out, "text\n");
  EXPECT_EQ(lives_on.program, helper_path());
}

TEST_P(checked, output_of_a_failure_throws)
{
  try {
    capture(program("sh", {"-c", "echo out; echo bad >&2; exit 3"})).check();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const exit_error& error) {
    EXPECT_STREQ(error.what(), "run \"sh\": exit code: 3\n  bad");
    EXPECT_EQ(error.status().code(), 3);
  }
  EXPECT_EQ(check(run(helper({"exit", "0"})), "helper"), ended_well);
  EXPECT_THROW(check(run(helper({"signal", "9"})), "helper"), exit_error);
}

TEST_P(checked, pipeline_throws_for_the_stage_that_failed)
{
  EXPECT_EQ(capture(helper({"echo", "text"}) | helper({"cat"})).check().out, "text\n");
  try {
    capture(program("sh", {"-c", "echo first >&2; exit 3"}) | program("sh", {"-c", "echo second >&2; exit 4"}) |
            helper({"cat"}))
        .check();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const exit_error& error) {
    EXPECT_STREQ(error.what(), "run \"sh\": exit code: 4\n  second");
  }
}

} // namespace
} // namespace subprocess::tests
