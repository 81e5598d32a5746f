// Whether a spawn has succeeded: the program runs, or an error says why it does not,
// whatever a hook has done to the descriptors and processes of the launch.

#include <subprocess/spawn.hpp>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>

#include <subprocess/capture.hpp>
#include <subprocess/pipeline.hpp>
#include <subprocess/program_search.hpp>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/hostile_hooks.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

/// Hooks run on one launcher alone, so these tests have no parameter.
class verdict : public baseline {
protected:
  static command hooked(command what, const hostile_hook& hook)
  {
    what.stdin_from(stdio::null()).stdout_to(stdio::null()).stderr_to(stdio::null());
    return what.pre_exec(hook.run);
  }

  static bool can_tell(const hostile_hook& hook) { return kernel_marks_the_exec || hook.leaves_descriptors; }

  /// Runs `body`, which has to come back soon, though one of the hook's processes may
  /// live on.
  template <class Body>
  static void promptly(Body body)
  {
    const auto start = std::chrono::steady_clock::now();
    body();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  }
};

TEST_F(verdict, on_a_missing_program_is_an_error_whatever_a_hook_has_done)
{
  for (const hostile_hook& hook : hostile_hooks()) {
    SCOPED_TRACE(hook.name);
    const command missing = hooked(command("/nonexistent"), hook);
    promptly([&] {
      std::error_code ec;
      run(missing, ec);
      EXPECT_TRUE(ec) << "run";
      child started = spawn(missing, ec);
      EXPECT_TRUE(ec) << "spawn";
      EXPECT_EQ(started.id(), -1);
      capture(missing, ec);
      EXPECT_TRUE(ec) << "capture";
      run(command("true") | missing, ec);
      EXPECT_TRUE(ec) << "run of a pipeline";
    });
    EXPECT_FALSE(has_children());
  }
}

TEST_F(verdict, on_a_program_that_runs_is_success_whatever_a_hook_has_done)
{
  for (const hostile_hook& hook : hostile_hooks()) {
    if (!can_tell(hook))
      continue;
    SCOPED_TRACE(hook.name);
    const command fine = hooked(helper({"exit", "0"}), hook);
    promptly([&] {
      std::error_code ec;
      EXPECT_TRUE(run(fine, ec).success());
      EXPECT_FALSE(ec) << "run: " << ec.message();
      EXPECT_TRUE(capture(fine, ec).status.success());
      EXPECT_FALSE(ec) << "capture: " << ec.message();
    });
  }
}

TEST_F(verdict, on_what_nothing_could_tell_of_is_an_error_before_the_exec)
{
  if (kernel_marks_the_exec)
    GTEST_SKIP() << "the kernel marks a word at the exec";
  for (const hostile_hook& hook : hostile_hooks()) {
    if (can_tell(hook))
      continue;
    SCOPED_TRACE(hook.name);
    const pipe_ends news = make_pipe();
    command fine = hooked(helper({"echo", "ran"}), hook);
    fine.stdout_to(stdio::from_fd(news.write_end.get()));
    promptly([&] {
      spawn_failure failure;
      spawn(fine, failure);
      EXPECT_EQ(failure.code.value(), EBADF) << failure.code.message();
      EXPECT_EQ(failure.step, spawn_step::pre_exec);
    });
    EXPECT_FALSE(becomes_readable(news.read_end.get(), 0ms));
  }
}

// What is closed says nothing yet, however long the hook goes on.
TEST_F(verdict, is_not_there_before_a_slow_hook_that_has_closed_everything_is_done)
{
  command what("/nonexistent");
  what.pre_exec([] {
    for (int fd = 0; fd < 1024; ++fd)
      ::close(fd);
    ::poll(nullptr, 0, 1000);
    return std::error_code();
  });
  spawn_failure failure;
  spawn(what, failure);
  EXPECT_EQ(failure.code.value(), kernel_marks_the_exec ? ENOENT : EBADF) << failure.code.message();
}

TEST_F(verdict, names_the_step_though_a_hook_has_closed_everything)
{
  for (const hostile_hook& hook : hostile_hooks()) {
    if (hook.name.find("forks") != hook.name.npos)
      continue; // The child that would be asked is gone.
    SCOPED_TRACE(hook.name);
    spawn_failure failure;
    spawn(hooked(command("/nonexistent"), hook), failure);
    EXPECT_EQ(failure.code.value(), can_tell(hook) ? ENOENT : EBADF) << failure.code.message();
    EXPECT_EQ(failure.step, can_tell(hook) ? spawn_step::exec : spawn_step::pre_exec);
    command failing = hooked(helper({"exit", "0"}), hook);
    failing.pre_exec([] { return std::make_error_code(std::errc::file_exists); });
    spawn(failing, failure);
    EXPECT_EQ(failure.code.value(), EEXIST) << failure.code.message();
    EXPECT_EQ(failure.step, spawn_step::pre_exec);
    EXPECT_EQ(failure.detail, "hook 2");
  }
}

// It has copies of all that the launch had open, and outlives it.
TEST_F(verdict, does_not_wait_for_a_worker_that_a_hook_has_forked)
{
  for (const char* path : {"", "/nonexistent"}) {
    const pipe_ends news = make_pipe();
    command what = *path ? command(path) : helper({"exit", "3"});
    what.map_fd(news.write_end.get(), 9).pre_exec([]() -> std::error_code {
      const pid_t worker = ::fork();
      if (worker == 0) {
        ::alarm(10);
        for (;;)
          ::pause();
      }
      return ::write(9, &worker, sizeof worker) == -1 ? std::make_error_code(std::errc::io_error) : std::error_code();
    });
    promptly([&] {
      std::error_code ec;
      const exit_status status = run(what, ec);
      EXPECT_EQ(ec.value(), *path ? ENOENT : 0);
      EXPECT_EQ(status.code(), *path ? std::nullopt : std::optional(3));
    });
    pid_t worker = -1;
    ASSERT_EQ(::read(news.read_end.get(), &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
    EXPECT_EQ(::kill(worker, SIGKILL), 0);
  }
}

// What the error says.

class missing_program : public per_launcher {
protected:
  static std::string text_of(const command& what)
  {
    try {
      child started = spawn(what);
      end_of(started);
    } catch (const spawn_error& error) {
      return error.what();
    }
    ADD_FAILURE() << to_string(what) << " was spawned";
    return {};
  }

  scratch_directory scratch;
};
SUBPROCESS_FOR_EACH_LAUNCHER(missing_program);

TEST_P(missing_program, is_told_from_a_missing_interpreter)
{
  const std::string script = scratch.file("script", "#!/nonexistent/interpreter\n", 0755);
  EXPECT_EQ(text_of(program(script)), "spawn \"" + script + "\": exec: No such file or directory (its interpreter?)");
  EXPECT_EQ(text_of(program("/nonexistent")), "spawn \"/nonexistent\": exec: No such file or directory");
}

TEST_P(missing_program, found_by_its_name_is_told_from_a_missing_interpreter)
{
  scratch.file("script", "#!/nonexistent/interpreter\n", 0755);
  const command found = program("script").env("PATH", scratch.path().native());
  EXPECT_EQ(text_of(found), "spawn \"script\": exec: No such file or directory (its interpreter?)");
  const command missing = program("no-such-script").env("PATH", scratch.path().native());
  EXPECT_EQ(text_of(missing), "spawn \"no-such-script\": exec: No such file or directory");
}

TEST_P(missing_program, is_looked_for_past_entries_that_are_too_long)
{
  scratch.helper_as("tool");
  const std::string path = "/" + std::string(5000, 'x') + ":/" + std::string(300, 'y') + ":" + scratch.path().native();
  EXPECT_EQ(output_of(program("tool", {"echo", "found"}).env("PATH", path)), "found\n");
  EXPECT_EQ(find_program("tool", path), scratch / "tool");
}

TEST_P(missing_program, is_looked_for_past_entries_that_loop)
{
  scratch.helper_as("tool");
  std::filesystem::create_symlink("loop", scratch / "loop"); // An entry that leads nowhere.
  std::filesystem::create_directory(scratch / "entry");
  std::filesystem::create_symlink("tool", scratch / "entry/tool"); // A program that does.
  for (const char* looping : {"loop", "entry"}) {
    const std::string path = (scratch / looping) + ":" + scratch.path().native();
    EXPECT_EQ(output_of(program("tool", {"echo", "found"}).env("PATH", path)), "found\n") << looping;
    EXPECT_EQ(find_program("tool", path), scratch / "tool") << looping;
  }
}

TEST_P(missing_program, that_is_in_no_entry_is_an_error_though_some_are_too_long_or_loop)
{
  std::filesystem::create_symlink("loop", scratch / "loop");
  const std::string path = "/" + std::string(5000, 'x') + ":" + (scratch / "loop");
  const spawn_failure failure = failure_of(program("tool").env("PATH", path));
  EXPECT_EQ(failure.step, spawn_step::exec);
}

} // namespace
} // namespace subprocess::tests
