#include <subprocess/stdio.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

class streams : public per_launcher {
protected:
  scratch_directory scratch;
};
SUBPROCESS_FOR_EACH_LAUNCHER(streams);

TEST_P(streams, unset_ones_are_inherited)
{
  isolated([&] {
    const unique_fd input = pipe_with("in", 3);
    const pipe_ends out = make_pipe();
    const pipe_ends err = make_pipe();
    ::dup2(input.get(), 0);
    ::dup2(out.write_end.get(), 1);
    ::dup2(err.write_end.get(), 2);
    EXPECT_TRUE(run(helper({"cat"})).success());
    EXPECT_TRUE(run(helper({"streams"})).success());
    EXPECT_TRUE(becomes_readable(out.read_end.get()));
    char buffer[8] = {};
    EXPECT_EQ(::read(out.read_end.get(), buffer, sizeof buffer), 5);
    EXPECT_STREQ(buffer, "inout");
    EXPECT_EQ(::read(err.read_end.get(), buffer, sizeof buffer), 3);
  });
}

TEST_P(streams, inherit_can_be_asked_for)
{
  isolated([&] {
    const pipe_ends out = make_pipe();
    ::dup2(out.write_end.get(), 1);
    const captured_output output = capture(helper({"streams"}).stdout_to(stdio::inherit()));
    EXPECT_EQ(output.out, "");
    EXPECT_EQ(output.err, "err");
    EXPECT_TRUE(becomes_readable(out.read_end.get()));
  });
}

TEST_P(streams, null_is_dev_null_in_both_directions)
{
  command what = helper({"fd-kinds", "0", "2"});
  what.stdin_from(stdio::null()).stderr_to(stdio::null());
  EXPECT_EQ(output_of(what), "null\nnull\n");

  const captured_output output = capture(helper({"flood", "100000"}).stdout_to(stdio::null()).stderr_to(stdio::null()));
  EXPECT_TRUE(output.status.success());
  EXPECT_EQ(output.out + output.err, "");
  EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::null())), "");
}

TEST_P(streams, pipes_go_to_the_child_and_back)
{
  child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()));
  ASSERT_TRUE(cat.stdin_pipe());
  ASSERT_TRUE(cat.stdout_pipe());
  EXPECT_FALSE(cat.stderr_pipe());
  for (const char* line : {"one\n", "two\n"}) {
    write_all(cat.stdin_pipe().get(), line);
    EXPECT_EQ(read_line(cat.stdout_pipe().get()) + "\n", line);
  }
  cat.stdin_pipe().reset();
  EXPECT_EQ(read_all(cat.stdout_pipe().get()), "");
  EXPECT_TRUE(end_of(cat).success());
}

TEST_P(streams, stderr_has_a_pipe_of_its_own)
{
  child started = spawn(helper({"stdin-to-stderr"}).stdin_from(stdio::pipe()).stderr_to(stdio::pipe()));
  EXPECT_FALSE(started.stdout_pipe());
  write_all(started.stdin_pipe().get(), "through");
  started.stdin_pipe().reset();
  EXPECT_EQ(read_all(started.stderr_pipe().get()), "through");
  EXPECT_TRUE(end_of(started).success());
}

TEST_P(streams, our_ends_are_blocking_and_close_on_exec)
{
  child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::pipe()));
  for (const unique_fd* end : {&cat.stdin_pipe(), &cat.stdout_pipe(), &cat.stderr_pipe()}) {
    EXPECT_EQ(::fcntl(end->get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(::fcntl(end->get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_GE(end->get(), 3);
  }
  EXPECT_TRUE(end_of(cat).success());
}

TEST_P(streams, a_borrowed_descriptor_stays_the_callers)
{
  const pipe_ends ends = make_pipe();
  const command what = helper({"echo", "hello"}).stdout_to(stdio::from_fd(ends.write_end.get()));
  EXPECT_TRUE(run(what).success());
  EXPECT_TRUE(run(what).success());
  EXPECT_EQ(::fcntl(ends.write_end.get(), F_GETFD), FD_CLOEXEC); // Neither closed nor changed.
  EXPECT_EQ(read_line(ends.read_end.get()), "hello");
  EXPECT_EQ(read_line(ends.read_end.get()), "hello");
}

TEST_P(streams, an_owned_descriptor_is_closed_with_the_last_copy)
{
  pipe_ends ends = make_pipe();
  {
    command first = helper({"echo", "first"});
    {
      const stdio owned = stdio::from_fd(std::move(ends.write_end));
      first.stdout_to(owned);
      command second = first;
      EXPECT_TRUE(run(second.arg("second")).success());
    }
    EXPECT_TRUE(run(first).success());
    EXPECT_EQ(read_line(ends.read_end.get()), "first");
    EXPECT_EQ(read_line(ends.read_end.get()), "second");
    EXPECT_EQ(read_line(ends.read_end.get()), "first");
    EXPECT_FALSE(becomes_readable(ends.read_end.get(), std::chrono::nanoseconds(0))) << "closed too early";
  }
  EXPECT_EQ(read_all(ends.read_end.get()), "");
}

TEST_P(streams, one_descriptor_serves_several_streams)
{
  const pipe_ends ends = make_pipe();
  const stdio both = stdio::from_fd(ends.write_end.get());
  EXPECT_TRUE(run(helper({"streams"}).stdout_to(both).stderr_to(both)).success());
  char buffer[8] = {};
  EXPECT_EQ(::read(ends.read_end.get(), buffer, sizeof buffer), 6);
  EXPECT_STREQ(buffer, "outerr");
}

TEST_P(streams, a_closed_descriptor_is_an_error)
{
  const int closed = lowest_free(); // The very number that an internal descriptor would get.
  EXPECT_EQ(failure_of(helper({"cat"}).stdin_from(stdio::from_fd(closed))).code.value(), EBADF);
  EXPECT_EQ(failure_of(helper({"cat"}).stdin_from(stdio::from_fd(-1))).code.value(), EBADF);
  EXPECT_EQ(failure_of(helper({"cat"}).stdin_from(stdio::from_fd(unique_fd()))).code.value(), EBADF);
  const spawn_failure failure = failure_of(helper({"cat"}).stderr_to(stdio::from_fd(9999)));
  EXPECT_EQ(failure.code.value(), EBADF);
  EXPECT_EQ(failure.step, spawn_step::stdio);
  EXPECT_EQ(failure.detail, "stderr");
}

TEST_P(streams, a_closed_descriptor_never_becomes_one_of_the_librarys_own)
{
  const int first = lowest_free();
  const std::set<int> open = open_descriptors(); // The library's parked ones among them.
  for (int closed = first; closed < first + 8; ++closed) {
    if (open.contains(closed))
      continue;
    command what = helper({"fd-kinds", "2"});
    what.stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::from_fd(closed));
    EXPECT_EQ(failure_of(what).code.value(), EBADF) << closed;
  }
}

TEST_P(streams, files_are_read_written_and_appended)
{
  const std::string input = scratch.file("input", "content\n");
  const std::string output = scratch / "output";
  EXPECT_TRUE(run(helper({"cat"}).stdin_from(stdio::read_file(input)).stdout_to(stdio::write_file(output))).success());
  EXPECT_EQ(content_of(output), "content\n");
  EXPECT_TRUE(run(helper({"echo", "new"}).stdout_to(stdio::write_file(output))).success());
  EXPECT_EQ(content_of(output), "new\n") << "not emptied";
  EXPECT_TRUE(run(helper({"echo", "more"}).stdout_to(stdio::append_file(output))).success());
  EXPECT_EQ(content_of(output), "new\nmore\n");
  EXPECT_TRUE(run(helper({"echo", "x"}).stdout_to(stdio::append_file(scratch / "made"))).success());
  EXPECT_EQ(content_of(scratch / "made"), "x\n");
}

TEST_P(streams, two_appenders_of_one_file_overwrite_nothing)
{
  const stdio log = stdio::append_file(scratch / "log");
  EXPECT_TRUE(run(helper({"streams"}).stdout_to(log).stderr_to(log)).success()); // Opened twice.
  EXPECT_EQ(content_of(scratch / "log"), "outerr");
}

TEST_P(streams, files_are_made_with_the_umask)
{
  isolated([&] {
    ::umask(027);
    EXPECT_TRUE(run(helper({"echo"}).stdout_to(stdio::write_file(scratch / "made"))).success());
    struct stat info;
    ASSERT_EQ(::stat((scratch / "made").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0640u);
    EXPECT_EQ(output_of({"umask"}), "0027\n");
  });
}

TEST_P(streams, files_are_opened_at_each_spawn_and_in_the_parents_directory)
{
  std::filesystem::create_directory(scratch / "elsewhere");
  isolated([&] {
    std::filesystem::current_path(scratch.path());
    const command what = helper({"echo", "x"}).stdout_to(stdio::write_file("here")).current_dir(scratch / "elsewhere");
    EXPECT_TRUE(run(what).success());
    EXPECT_EQ(content_of(scratch / "here"), "x\n");
    std::filesystem::remove(scratch / "here");
    EXPECT_TRUE(run(what).success());
    EXPECT_TRUE(std::filesystem::exists(scratch / "here"));
  });
}

TEST_P(streams, an_open_error_names_the_path)
{
  const std::string missing = scratch / "missing";
  const spawn_failure failure = failure_of(helper({"cat"}).stdin_from(stdio::read_file(missing)));
  EXPECT_EQ(failure.step, spawn_step::open_file);
  EXPECT_EQ(failure.code.value(), ENOENT);
  EXPECT_EQ(failure.detail, '"' + missing + '"');
  EXPECT_EQ(failure_of(helper({"cat"}).stdout_to(stdio::write_file(missing + "/x"))).step, spawn_step::open_file);
  EXPECT_EQ(failure_of(helper({"cat"}).stdout_to(stdio::append_file(scratch.path()))).code.value(), EISDIR);
  EXPECT_FALSE(std::filesystem::exists(missing));
}

TEST_P(streams, a_path_with_a_nul_byte_is_an_error)
{
  for (const stdio& file :
       {stdio::read_file(std::string("/dev/null\0x", 11)), stdio::write_file(std::string("/dev/null\0x", 11)),
        stdio::append_file(std::string("/dev/null\0x", 11))}) {
    const spawn_failure failure = failure_of(helper({"cat"}).stdin_from(file));
    EXPECT_EQ(failure.code, std::errc::invalid_argument);
    EXPECT_EQ(failure.step, spawn_step::prepare);
  }
}

TEST_P(streams, to_stdout_follows_stdout_wherever_that_goes)
{
  EXPECT_EQ(output_of(helper({"streams"}).stderr_to(stdio::to_stdout())), "outerr");

  const stdio file = stdio::write_file(scratch / "file"); // One opening, one offset.
  EXPECT_TRUE(run(helper({"streams"}).stderr_to(stdio::to_stdout()).stdout_to(file)).success());
  EXPECT_EQ(content_of(scratch / "file"), "outerr");

  EXPECT_EQ(output_of(helper({"fd-kinds", "2"}).stderr_to(stdio::to_stdout())), "pipe\n");
  isolated([&] {
    const pipe_ends out = make_pipe();
    ::dup2(out.write_end.get(), 1);
    EXPECT_TRUE(run(helper({"streams"}).stderr_to(stdio::to_stdout())).success());
    char buffer[8] = {};
    EXPECT_EQ(::read(out.read_end.get(), buffer, sizeof buffer), 6);
    EXPECT_STREQ(buffer, "outerr");
  });
}

TEST_P(streams, to_stdout_is_for_stderr_alone)
{
  for (const command& what :
       {helper({"cat"}).stdin_from(stdio::to_stdout()), helper({"cat"}).stdout_to(stdio::to_stdout())}) {
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.code, std::errc::invalid_argument);
    EXPECT_EQ(failure.step, spawn_step::prepare);
  }
}

} // namespace
} // namespace subprocess::tests
