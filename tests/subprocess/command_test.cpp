#include <subprocess/command.hpp> // First: proves it stands alone.

#include <gmock/gmock.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <list>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <subprocess/command_settings.hpp>
#include <subprocess/spawn.hpp>

#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

using ::testing::ElementsAre;

static_assert(std::is_copy_constructible_v<command> && std::is_copy_assignable_v<command>);
static_assert(std::is_move_constructible_v<command> && std::is_move_assignable_v<command>);
static_assert(!std::is_convertible_v<std::string, command>);

TEST(command, is_data_until_it_is_spawned)
{
  command what("prog", {"a", ""});
  const std::list<std::string> more = {"b", "c"};
  const command& same =
      what.arg("x").args({"y", "z"}).args(more).arg0("zero").current_dir("/d").uid(1).gid(2).groups({3, 4});
  EXPECT_EQ(&same, &what);
  EXPECT_EQ(what.get().program, "prog");
  EXPECT_THAT(what.get().args, ElementsAre("a", "", "x", "y", "z", "b", "c"));
  EXPECT_EQ(what.get().arg0, "zero");
  EXPECT_EQ(what.get().current_dir, "/d");
  EXPECT_EQ(what.get().uid, 1u);
  EXPECT_EQ(what.get().gid, 2u);
  EXPECT_THAT(what.get().groups.value(), ElementsAre(3u, 4u));
  what.groups({});
  EXPECT_TRUE(what.get().groups.has_value()) << "no groups is not the same as not said";
}

TEST(command, of_name_and_number_keeps_the_last)
{
  const command by_name = command("prog").uid(1).gid(2).user("somebody").group("some");
  EXPECT_FALSE(by_name.get().uid);
  EXPECT_FALSE(by_name.get().gid);
  const command by_number = command(by_name).uid(3).gid(4);
  EXPECT_FALSE(by_number.get().user);
  EXPECT_FALSE(by_number.get().group);
}

TEST(command, says_how_a_dropped_child_ends)
{
  EXPECT_FALSE(command("prog").get().stop_on_destroy);
  EXPECT_TRUE(command("prog").stop_on_destroy().get().stop_on_destroy);
  EXPECT_FALSE(command("prog").stop_on_destroy().stop_on_destroy(false).get().stop_on_destroy);
}

TEST(command, takes_any_range_of_arguments)
{
  const std::vector<std::string> strings = {"a", "b c"};
  EXPECT_THAT(command("prog", strings).get().args, ElementsAre("a", "b c"));
  EXPECT_THAT(command("prog", std::list<std::string_view>{"x", "y"}).get().args, ElementsAre("x", "y"));
  const char* const array[] = {"p", "q"};
  EXPECT_THAT(command("prog", array).get().args, ElementsAre("p", "q"));
  EXPECT_THAT(command("prog", std::span(array).first(1)).get().args, ElementsAre("p"));
  const auto numbered = std::views::iota(1, 3) | std::views::transform([](int i) { return std::to_string(i); });
  EXPECT_THAT(command("prog", numbered).get().args, ElementsAre("1", "2"));
  const std::initializer_list<std::string_view> views = {"v", "w"};
  EXPECT_THAT(command("prog", views).args(views).get().args, ElementsAre("v", "w", "v", "w"));
  EXPECT_THAT(command("prog", std::vector<std::string>()).get().args, ElementsAre());
  EXPECT_THAT(command("prog", {}).get().args, ElementsAre());
  EXPECT_THAT(command("prog", {"one"}).get().args, ElementsAre("one"));
}

TEST(command, takes_paths_as_arguments)
{
  const std::filesystem::path file = "/tmp/a file";
  const std::string string = "s";
  const std::vector<std::filesystem::path> files = {"one", "two/three"};
  EXPECT_THAT(command("prog", {"-r", file, string, std::string_view("v"), file / "x"}).get().args,
              ElementsAre("-r", "/tmp/a file", "s", "v", "/tmp/a file/x"));
  EXPECT_THAT(command("prog").arg(file).arg(file / "x").arg("y").arg(string).get().args,
              ElementsAre("/tmp/a file", "/tmp/a file/x", "y", "s"));
  EXPECT_THAT(command("prog", files).args(files).args({file}).get().args,
              ElementsAre("one", "two/three", "one", "two/three", "/tmp/a file"));
}

// A path is a range of its parts, and a string one of characters: neither is meant.
static_assert(!std::is_constructible_v<command, std::string, std::filesystem::path>);
static_assert(!std::is_constructible_v<command, std::string, std::string>);
static_assert(!std::is_constructible_v<command, std::string, std::vector<int>>);

TEST(command, copies_are_independent)
{
  command original("prog", {"a"});
  command copy = original;
  copy.arg("b").env("K", "v").current_dir("/x");
  EXPECT_THAT(original.get().args, ElementsAre("a"));
  EXPECT_TRUE(original.get().environment.empty());
  EXPECT_FALSE(original.get().current_dir);
  const command moved = std::move(copy);
  EXPECT_THAT(moved.get().args, ElementsAre("a", "b"));
}

TEST(command, that_was_moved_from_is_one_of_nothing)
{
  command what("prog", {"a"});
  const command taken = std::move(what);
  EXPECT_EQ(to_string(taken), "prog a");
  EXPECT_EQ(to_string(what), "''");
  EXPECT_EQ(to_string(what.arg("b")), "'' b");
}

TEST(command, reads_as_it_would_in_a_shell)
{
  EXPECT_EQ(to_string(command("ls")), "ls");
  EXPECT_EQ(to_string(command("/bin/ls", {"-l", "a b", "", "it's", "$HOME", "a=b"})),
            R"(/bin/ls -l 'a b' '' 'it'\''s' '$HOME' 'a=b')");
}

TEST(shell_quote, leaves_plain_words_alone)
{
  for (const char* plain : {"a", "A-Z_0.9", "/usr/bin/x", "user@host:path", "50%", "a,b+c"})
    EXPECT_EQ(shell_quote(plain), plain);
}

TEST(shell_quote, quotes_the_words_of_the_shells_own)
{
  for (const char* word : {"if", "for", "while", "case", "do", "time", "function"})
    EXPECT_EQ(shell_quote(word), "'" + std::string(word) + "'");
  EXPECT_EQ(to_string(command("time", {"ls"})), "'time' ls");
}

TEST(shell_quote, quotes_what_a_shell_would_look_at)
{
  for (const char* special : {"",  " ", "a b", "*", "?",  "[a]", "~",  "$x", "`x`",   "a;b", "a&b", "a|b",
                              "<", ">", "#",   "!", "\"", "\\",  "\n", "\t", "{a,b}", "(x)", "a=b", "\xc3\xa4"}) {
    EXPECT_EQ(shell_quote(special), "'" + std::string(special) + "'");
  }
  EXPECT_EQ(shell_quote("'"), R"(''\''')");
}

using commands = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(commands);

TEST_P(commands, to_string_can_be_pasted_into_a_shell)
{
  command what(helper_path(), {"echo"});
  for (char c = 1; c > 0 && c < 127; ++c)
    if (c != '\n')
      what.arg(std::string("<") + c + ">");
  what.args({"", "a\nb", "it's", "-n", "\xff\xfe"});
  EXPECT_EQ(output_of(program("/bin/sh", {"-c", to_string(what)})), output_of(command(what).use_launcher(GetParam())));
}

TEST_P(commands, arguments_arrive_as_they_are)
{
  EXPECT_EQ(output_of({"echo", "a b", "", "*", "\"x\" 'y'", "\xc3\xa4\xff"}), "a b\n\n*\n\"x\" 'y'\n\xc3\xa4\xff\n");
}

TEST_P(commands, argv0_is_the_program_as_it_was_named_or_what_arg0_says)
{
  EXPECT_EQ(output_of({"argv0"}), helper_path() + "\n");
  EXPECT_EQ(output_of(helper({"argv0"}).arg0("-login")), "-login\n");
  EXPECT_EQ(output_of(helper({"argv0"}).arg0("")), "\n");

  const scratch_directory scratch;
  scratch.helper_as("tool");
  EXPECT_EQ(output_of(program("tool", {"argv0"}).env("PATH", scratch.path().native())), "tool\n");
}

TEST_P(commands, many_and_long_arguments_arrive)
{
  command what = helper({"echo"});
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    what.arg(std::to_string(i));
    expected += std::to_string(i) + "\n";
  }
  const std::string long_one(100000, 'x');
  EXPECT_EQ(output_of(what.arg(long_one)), expected + long_one + "\n");
}

TEST_P(commands, too_much_to_pass_is_an_error_of_exec)
{
  const spawn_failure failure = failure_of(helper({"echo"}).arg(std::string(std::size_t{1} << 20, 'x')));
  EXPECT_EQ(failure.code.value(), E2BIG);
  EXPECT_EQ(failure.step, spawn_step::exec);
}

TEST_P(commands, the_directory_is_the_childs_alone)
{
  const scratch_directory scratch;
  const auto before = std::filesystem::current_path();
  EXPECT_EQ(output_of(helper({"cwd"}).current_dir(scratch.path())), scratch.path().native() + "\n");
  EXPECT_EQ(std::filesystem::current_path(), before);
  EXPECT_EQ(output_of({"cwd"}), before.native() + "\n");
}

TEST_P(commands, a_spawn_leaves_the_command_as_it_was)
{
  const command what = helper({"echo", "again"}).env("A", "1").stderr_to(stdio::null());
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(output_of(what), "again\n");
  command longer = what;
  EXPECT_EQ(output_of(longer.arg("more")), "again\nmore\n");
  EXPECT_EQ(output_of(what), "again\n");
}

TEST_P(commands, one_command_is_spawned_from_several_threads_at_once)
{
  const command what = helper({"cat"}).stdin_from(stdio::pipe()).env("A", "1");
  constexpr int threads = 4;
  constexpr int spawns = 15;
  std::atomic<int> right = 0;
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&] {
      for (int n = 0; n < spawns; ++n) {
        std::error_code ec;
        // Ends only if no other child holds a copy of this one's stdin.
        const captured_output output = capture(what, ec);
        right += !ec && output.status.success() && output.out.empty();
      }
    });
  for (std::thread& thread : running)
    thread.join();
  EXPECT_EQ(right, threads * spawns);
}

std::atomic<int> forks = 0;

TEST_P(commands, nothing_is_forked_for_a_command_with_a_mistake)
{
  static const int registered = ::pthread_atfork([] { ++forks; }, nullptr, nullptr);
  ASSERT_EQ(registered, 0);
  const std::string nul("a\0b", 3);
  const struct {
    command what;
    const char* detail;
  } mistakes[] = {
      {program(""), "program: empty"},
      {program(nul), "program: NUL byte"},
      {program("/bin/" + nul), "program: NUL byte"},
      {helper({"exit"}).arg(nul), "argument: NUL byte"},
      {helper({"exit"}).arg(std::string(1, '\0')), "argument: NUL byte"},
      {helper({"exit"}).arg0(nul), "argument: NUL byte"},
      {helper({"exit"}).current_dir(nul), "directory: NUL byte"},
      {helper({"exit"}).cgroup(nul), "cgroup: NUL byte"},
      {helper({"exit"}).chroot(nul), "root: NUL byte"},
      {helper({"exit"}).session_leader().process_group(1), "session leader in a foreign process group"},
      {helper({"exit"}).map_fd(0, 0), "map_fd onto 0"},
      {helper({"exit"}).map_fd(0, 2), "map_fd onto 2"},
      {helper({"exit"}).map_fd(0, -1), "map_fd onto -1"},
  };
  const int before = forks;
  for (const auto& [what, detail] : mistakes) {
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.code, std::errc::invalid_argument) << detail;
    EXPECT_EQ(failure.step, spawn_step::prepare) << detail;
    EXPECT_EQ(failure.detail, detail);
  }
  EXPECT_EQ(forks, before);
  if (GetParam() == launcher::fork) { // Shows that the count counts.
    output_of(helper({"exit", "0"}).pre_exec([] { return std::error_code(); }));
    EXPECT_GT(forks, before);
  }
}

} // namespace
} // namespace subprocess::tests
