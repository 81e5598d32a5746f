#include <subprocess/program_search.hpp> // First: proves it stands alone.

#include <gmock/gmock.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

TEST(program_candidates, a_name_with_a_slash_stands_for_itself)
{
  EXPECT_THAT(program_candidates("/bin/x", "/a:/b"), ElementsAre("/bin/x"));
  EXPECT_THAT(program_candidates("./x", "/a:/b"), ElementsAre("./x"));
  EXPECT_THAT(program_candidates("d/x", std::nullopt), ElementsAre("d/x"));
}

TEST(program_candidates, follow_the_order_of_the_path)
{
  EXPECT_THAT(program_candidates("x", "/a:b/c:/a"), ElementsAre("/a/x", "b/c/x", "/a/x"));
}

TEST(program_candidates, an_empty_entry_is_the_current_directory)
{
  EXPECT_THAT(program_candidates("x", ""), ElementsAre("x"));
  EXPECT_THAT(program_candidates("x", ":/a"), ElementsAre("x", "/a/x"));
  EXPECT_THAT(program_candidates("x", "/a::/b"), ElementsAre("/a/x", "x", "/b/x"));
  EXPECT_THAT(program_candidates("x", "/a:"), ElementsAre("/a/x", "x"));
}

TEST(program_candidates, without_a_path_the_systems_default_is_searched)
{
  EXPECT_THAT(program_candidates("x", std::nullopt), Contains("/bin/x"));
}

class search : public per_launcher {
protected:
  /// A directory with an executable file of that name.
  std::string directory_with(std::string_view directory, std::string_view name, std::string_view script, int mode)
  {
    std::filesystem::create_directories(scratch / directory);
    scratch.file(std::string(directory) + "/" + std::string(name), script, mode);
    return scratch / directory;
  }

  scratch_directory scratch;
};
SUBPROCESS_FOR_EACH_LAUNCHER(search);

TEST_P(search, uses_the_childs_path)
{
  scratch.helper_as("tool");
  const command what = program("tool", {"echo", "found"});
  EXPECT_EQ(failure_of(what).code.value(), ENOENT);
  EXPECT_EQ(output_of(command(what).env("PATH", "/nonexistent:" + scratch.path().native())), "found\n");
}

TEST_P(search, does_not_use_the_parents_path)
{
  scratch.helper_as("tool");
  isolated([&] {
    ::setenv("PATH", scratch.path().c_str(), 1);
    const command what = program("tool", {"echo", "found"});
    EXPECT_EQ(output_of(what), "found\n"); // Inherited, it is the child's too.
    EXPECT_EQ(failure_of(command(what).env("PATH", "/nonexistent")).code.value(), ENOENT);
    EXPECT_EQ(failure_of(command(what).env_remove("PATH")).code.value(), ENOENT);
    EXPECT_EQ(failure_of(command(what).env_clear()).code.value(), ENOENT);
  });
}

TEST_P(search, without_path_the_default_directories_are_searched)
{
  EXPECT_TRUE(capture(program("sh", {"-c", "exit 0"}).env_remove("PATH")).status.success());
  EXPECT_TRUE(capture(program("sh", {"-c", "exit 0"}).env_clear()).status.success());
}

TEST_P(search, an_empty_entry_is_the_childs_current_directory)
{
  scratch.helper_as("tool");
  for (const char* path : {"", ":/nonexistent", "/nonexistent:", "/nonexistent::/bin"})
    EXPECT_EQ(output_of(program("tool", {"echo", "found"}).env("PATH", path).current_dir(scratch.path())), "found\n")
        << '"' << path << '"';
}

TEST_P(search, relative_entries_and_programs_are_relative_to_the_childs_directory)
{
  std::filesystem::create_directory(scratch / "bin");
  scratch.helper_as("bin/tool");
  EXPECT_EQ(output_of(program("tool", {"echo", "1"}).env("PATH", "bin").current_dir(scratch.path())), "1\n");
  EXPECT_EQ(output_of(program("bin/tool", {"echo", "2"}).current_dir(scratch.path())), "2\n");
  EXPECT_EQ(output_of(program("./tool", {"echo", "3"}).current_dir(scratch / "bin")), "3\n");
}

TEST_P(search, a_name_with_a_slash_is_not_searched_for)
{
  scratch.helper_as("tool");
  EXPECT_EQ(failure_of(program("./tool").env("PATH", scratch.path().native())).code.value(), ENOENT);
}

TEST_P(search, takes_the_first_that_runs)
{
  const std::string first = directory_with("first", "tool", "#!/bin/sh\necho first\n", 0755);
  const std::string second = directory_with("second", "tool", "#!/bin/sh\necho second\n", 0755);
  EXPECT_EQ(output_of(program("tool").env("PATH", first + ":" + second)), "first\n");
  EXPECT_EQ(output_of(program("tool").env("PATH", second + ":" + first)), "second\n");
}

TEST_P(search, goes_on_past_a_file_that_may_not_be_run_and_remembers_it)
{
  const std::string closed = directory_with("closed", "tool", "#!/bin/sh\necho closed\n", 0644);
  const std::string open = directory_with("open", "tool", "#!/bin/sh\necho open\n", 0755);
  EXPECT_EQ(output_of(program("tool").env("PATH", closed + ":" + open)), "open\n");
  EXPECT_EQ(failure_of(program("tool").env("PATH", closed + ":/nonexistent")).code.value(), EACCES);
  EXPECT_EQ(failure_of(program("tool").env("PATH", "/nonexistent:" + closed)).code.value(), EACCES);
}

TEST_P(search, goes_on_past_an_entry_that_is_no_directory)
{
  const std::string file = scratch.file("file", "");
  scratch.helper_as("tool");
  EXPECT_EQ(output_of(program("tool", {"echo", "x"}).env("PATH", file + ":" + scratch.path().native())), "x\n");
  EXPECT_EQ(failure_of(program("tool").env("PATH", file)).code.value(), ENOTDIR);
  EXPECT_EQ(failure_of(program("tool").env("PATH", file + ":/nonexistent")).code.value(), ENOENT);
}

TEST_P(search, a_directory_is_no_program)
{
  std::filesystem::create_directories(scratch / "bin/tool");
  EXPECT_EQ(failure_of(program("tool").env("PATH", scratch / "bin")).code.value(), EACCES);
  EXPECT_EQ(failure_of(program(scratch / "bin/tool")).code.value(), EACCES);
}

TEST_P(search, a_file_of_unknown_format_runs_through_sh)
{
  const std::string script = scratch.file("script", "echo \"$0 $1 $#\"\n", 0755);
  EXPECT_EQ(output_of(program(script, {"a b", "c"})), script + " a b 2\n");
  EXPECT_EQ(output_of(program(script).arg0("other")), script + "  0\n");
}

TEST_P(search, a_candidate_of_unknown_format_runs_through_sh)
{
  scratch.file("tool", "echo \"$0 $1\"; exit 0\n", 0755);
  const std::string path = "/nonexistent:" + scratch.path().native();
  EXPECT_EQ(output_of(program("tool", {"x"}).env("PATH", path)), (scratch / "tool") + " x\n");
}

TEST_P(search, an_empty_file_is_an_empty_script)
{
  EXPECT_EQ(output_of(program(scratch.file("empty", "", 0755))), "");
}

TEST_P(search, passes_over_a_place_that_loops)
{
  const std::string loop = scratch / "loop";
  std::filesystem::create_directory(loop);
  std::filesystem::create_symlink("tool", loop + "/tool");
  EXPECT_EQ(failure_of(program("tool").env("PATH", loop)).code.value(), ELOOP);
  scratch.helper_as("tool");
  output_of(program("tool", {"exit", "0"}).env("PATH", loop + ":" + scratch.path().native()));
}

TEST_P(search, a_script_whose_interpreter_is_missing_is_not_found)
{
  EXPECT_EQ(failure_of(program(scratch.file("script", "#!/nonexistent\n", 0755))).code.value(), ENOENT);
}

} // namespace
} // namespace subprocess::tests
