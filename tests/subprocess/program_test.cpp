// Where the program comes from, and with what environment and descriptors.

#include <subprocess/command.hpp> // First: proves it stands alone.

#include <subprocess/program_search.hpp>
#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(find_program, is_the_search_of_a_spawn)
{
  const scratch_directory scratch;
  std::filesystem::create_directories(scratch / "a/tool"); // No regular file.
  std::filesystem::create_directory(scratch / "b");
  std::filesystem::create_directory(scratch / "c");
  scratch.file("b/tool", "not executable");
  const std::string wanted = scratch.file("c/tool", "", 0755);
  const std::string path = (scratch / "a") + ":" + (scratch / "b") + ":" + (scratch / "c");
  EXPECT_EQ(find_program("tool", path), wanted);
  EXPECT_EQ(find_program(wanted, "/nowhere"), wanted);
  EXPECT_EQ(find_program("tool", scratch / "b"), std::nullopt);
  EXPECT_EQ(find_program(scratch / "a/tool"), std::nullopt);
  EXPECT_EQ(find_program("", path), std::nullopt);
  EXPECT_EQ(find_program("x", wanted + std::string("\0", 1)), std::nullopt); // Not what comes before the NUL.
  EXPECT_EQ(find_program(std::string("tool\0", 5), path), std::nullopt);
}

TEST(find_program, uses_our_own_path_unless_told_another)
{
  EXPECT_TRUE(find_program("sh"));
  isolated([] {
    ::setenv("PATH", "/nowhere", 1);
    EXPECT_EQ(find_program("sh"), std::nullopt);
    ::unsetenv("PATH");
    EXPECT_TRUE(find_program("sh")); // The system's default.
  });
}

class programs : public per_launcher {
protected:
  void expect_failure(const command& what, spawn_step step, int error, std::string_view detail) const
  {
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.step, step);
    EXPECT_EQ(failure.code, std::error_code(error, std::system_category()));
    EXPECT_EQ(failure.detail, detail);
  }

  command open_program(int fd, std::initializer_list<std::string_view> args) const
  {
    return command::from_fd(fd, "opened").args(args).use_launcher(GetParam());
  }

  scratch_directory scratch;
};
SUBPROCESS_FOR_EACH_LAUNCHER(programs);

TEST_P(programs, can_be_looked_for_in_the_parents_path)
{
  const std::string tool = scratch.helper_as("tool");
  isolated([&] {
    ::setenv("PATH", scratch.path().c_str(), 1);
    const command what = program("tool", {"env-get", "PATH"}).env("PATH", "/nowhere");
    expect_failure(what, spawn_step::exec, ENOENT, "");
    EXPECT_EQ(output_of(command(what).search_path(path_from::parent)), "/nowhere");
    expect_failure(program("tool").env("PATH", scratch.path().native()).env_clear().search_path(path_from::child),
                   spawn_step::exec, ENOENT, "");
  });
}

TEST_P(programs, without_a_known_format_run_by_a_shell_only_if_they_may)
{
  const std::string script = scratch.file("script", "echo script\n", 0755);
  EXPECT_EQ(output_of(program(script)), "script\n");
  expect_failure(program(script).shell_fallback(false), spawn_step::exec, ENOEXEC, "");
}

TEST_P(programs, may_be_open_descriptors)
{
  const unique_fd file(::open(helper_path().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(output_of(open_program(file.get(), {"argv0"})), "opened\n");
  EXPECT_EQ(output_of(open_program(file.get(), {"fds"})), "0\n1\n2\n");
  expect_failure(open_program(9999, {}), spawn_step::exec, EBADF, "descriptor 9999");
  const unique_fd text(::open(scratch.file("text", "text").c_str(), O_RDONLY | O_CLOEXEC));
  expect_failure(open_program(text.get(), {}), spawn_step::exec, EACCES, "descriptor " + std::to_string(text.get()));
}

TEST_P(programs, may_be_descriptors_that_something_else_is_put_onto)
{
  const unique_fd file(::open(helper_path().c_str(), O_RDONLY | O_CLOEXEC));
  const unique_fd a = pipe_with("A");
  EXPECT_EQ(output_of(open_program(file.get(), {"fd-read", std::to_string(file.get())}).map_fd(a.get(), file.get())),
            "A");
  isolated([&] {
    ::dup2(file.get(), 0);
    EXPECT_EQ(output_of(open_program(0, {"cat"}).stdin_from(stdio::null())), "");
  });
}

TEST_P(programs, may_be_in_memory_alone)
{
  const unique_fd memory(::memfd_create("program", MFD_CLOEXEC));
  ASSERT_TRUE(memory);
  write_all(memory.get(), content_of(helper_path()));
  EXPECT_EQ(output_of(open_program(memory.get(), {"echo", "x"})), "x\n");
}

TEST_P(programs, may_be_scripts_that_are_inherited_too)
{
  const unique_fd script(
      ::open(scratch.file("script", "#!/bin/sh\necho \"$1\"\n", 0755).c_str(), O_RDONLY | O_CLOEXEC));
  expect_failure(open_program(script.get(), {"x"}), spawn_step::exec, ENOENT,
                 "descriptor " + std::to_string(script.get()));
  EXPECT_EQ(output_of(open_program(script.get(), {"x"}).inherit_fd(script.get())), "x\n");
}

TEST_P(programs, that_are_being_written_are_tried_again_if_asked)
{
  using namespace std::chrono_literals;
  const std::string tool = scratch.helper_as("tool");
  unique_fd writer(::open(tool.c_str(), O_WRONLY | O_CLOEXEC));
  expect_failure(program(tool, {"echo", "x"}), spawn_step::exec, ETXTBSY, "");
  expect_failure(program(tool, {"echo", "x"}).retry_text_busy(20ms), spawn_step::exec, ETXTBSY, "");
  // The spawn stands still until the writer is gone, so another thread closes it. Months
  // are more milliseconds than 32 bits can count.
  for (const std::chrono::milliseconds limit : {5000ms, std::chrono::milliseconds(1LL << 32)}) {
    writer.reset(::open(tool.c_str(), O_WRONLY | O_CLOEXEC));
    std::thread closer([&] {
      eventually([] { return has_children(); });
      writer.reset();
    });
    EXPECT_EQ(output_of(program(tool, {"echo", "x"}).retry_text_busy(limit)), "x\n");
    closer.join();
  }
}

TEST_P(programs, of_a_shell_are_one_explicit_call)
{
  const auto run_shell = [&](std::string_view script) { return shell(script).use_launcher(GetParam()); };
  EXPECT_EQ(output_of(run_shell("echo a | cat; echo \"$0 $1\"").args({"x", "y z"})), "a\nx y z\n");
  const std::string nasty = "it's; rm -rf \"$HOME\" `x`\n";
  EXPECT_EQ(output_of(run_shell("printf %s " + shell_quote(nasty))), nasty);
  EXPECT_EQ(capture(run_shell("exit 3")).status.code(), 3);
  EXPECT_EQ(to_string(shell("echo a")), "/bin/sh -c 'echo a'");
}

// ---- environment ----

using environments = programs;
SUBPROCESS_FOR_EACH_LAUNCHER(environments);

std::string as_output(const std::vector<std::string>& entries)
{
  std::string text;
  for (const std::string& entry : entries)
    text.append(entry).push_back('\0');
  return text;
}

TEST_P(environments, can_be_read_before_the_child_gets_them)
{
  for (const command& what : {helper({"env"}), helper({"env"}).env("A", "1").env_remove("PATH"),
                              helper({"env"}).env_clear().env("B", "2"), helper({"env"}).env_inherit_only({"PATH"})})
    EXPECT_EQ(output_of(what), as_output(environment(what)));
}

TEST_P(environments, inherit_only_what_is_named)
{
  isolated([&] {
    ::setenv("SUBPROCESS_A", "1", 1);
    ::setenv("SUBPROCESS_B", "2", 1);
    ::unsetenv("SUBPROCESS_C");
    const command what = helper({"env"}).env("NEW", "3").env_inherit_only({"SUBPROCESS_B", "SUBPROCESS_C"});
    EXPECT_EQ(output_of(what), as_output({"SUBPROCESS_B=2", "NEW=3"}));
    EXPECT_EQ(output_of(command(what).env_remove("SUBPROCESS_B")), as_output({"NEW=3"}));
    EXPECT_EQ(output_of(command(what).env_clear()), "");
    EXPECT_EQ(output_of(helper({"env"}).env_inherit_only({})), "");
    expect_failure(helper({"env"}).env_inherit_only({"A=B"}), spawn_step::prepare, EINVAL, "variable \"A=B\"");
  });
}

TEST_P(environments, take_ranges_of_pairs)
{
  const std::map<std::string, std::string> map = {{"A", "1"}, {"B", "2"}};
  EXPECT_EQ(output_of(helper({"env"}).env_clear().envs(map)), as_output({"A=1", "B=2"}));
  EXPECT_EQ(output_of(helper({"env"}).env_clear().envs({{"X", "1"}, {"Y", "2"}})), as_output({"X=1", "Y=2"}));
}

// ---- descriptors ----

using inheritance = programs;
SUBPROCESS_FOR_EACH_LAUNCHER(inheritance);

TEST_P(inheritance, of_one_keeps_its_number)
{
  const unique_fd a = pipe_with("A", 40);
  EXPECT_EQ(output_of(helper({"fd-read", std::to_string(a.get())}).inherit_fd(a.get())), "A");
  expect_failure(helper({"fds"}).inherit_fd(1), spawn_step::prepare, EINVAL, "map_fd onto 1");
}

TEST_P(inheritance, of_all_is_the_old_way)
{
  const unique_fd kept = inheritable_copy(1, 50);
  const unique_fd closed(::fcntl(1, F_DUPFD_CLOEXEC, 60));
  const std::string fds = "\n" + output_of(helper({"fds"}).keep_all_fds());
  EXPECT_THAT(fds, HasSubstr("\n" + std::to_string(kept.get()) + "\n"));
  EXPECT_THAT(fds, ::testing::Not(HasSubstr("\n" + std::to_string(closed.get()) + "\n")));
  const unique_fd a = pipe_with("A", 70);
  EXPECT_EQ(output_of(helper({"fd-read", "50"}).keep_all_fds().map_fd(a.get(), 50)), "A");
  EXPECT_NE(::fcntl(kept.get(), F_GETFD), -1); // The parent's table is its own.
  EXPECT_EQ(::fcntl(kept.get(), F_GETFD), 0);
}

TEST_P(inheritance, of_sockets_tells_how_many_and_to_whom)
{
  const unique_fd a = pipe_with("A", 40);
  const unique_fd b = pipe_with("B", 40);
  const int both[] = {b.get(), a.get()};
  const command what = helper({"fd-read", "3", "4"}).listen_fds(both);
  EXPECT_EQ(output_of(what), "BA");
  child started =
      spawn(helper({"env"}).env_clear().listen_fds({b.get(), a.get()}, {"http", "admin"}).stdout_to(stdio::pipe()));
  const std::string seen = read_all(started.stdout_pipe().get());
  EXPECT_EQ(seen,
            as_output({"LISTEN_FDS=2", "LISTEN_FDNAMES=http:admin", "LISTEN_PID=" + std::to_string(started.id())}));
  EXPECT_TRUE(end_of(started).success());
  EXPECT_THAT(environment(command(what).env_clear()), ElementsAre("LISTEN_FDS=2", "LISTEN_FDNAMES=unknown:unknown"));
}

TEST_P(inheritance, of_sockets_needs_a_name_for_each_or_none)
{
  const command what = helper({"fds"});
  expect_failure(command(what).listen_fds({0, 1}, {"one"}), spawn_step::prepare, EINVAL, "1 names for 2 listen_fds");
  expect_failure(command(what).listen_fds({0}, {"a:b"}), spawn_step::prepare, EINVAL, "name of listen_fds \"a:b\"");
  expect_failure(command(what).listen_fds({9999}), spawn_step::map_fd, EBADF, "9999→3");
}

} // namespace
} // namespace subprocess::tests
