#include <subprocess/command.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <sstream>

#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

/// "0\n1\n2\n" and what else.
std::string lines(std::initializer_list<int> more)
{
  std::string text = "0\n1\n2\n";
  for (const int number : more)
    text += std::to_string(number) + "\n";
  return text;
}

using descriptors = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(descriptors);

TEST_P(descriptors, none_but_the_standard_streams_reach_the_child)
{
  const pipe_ends ends = make_pipe();
  unique_fd leaky[] = {inheritable_copy(ends.read_end.get(), 3), inheritable_copy(ends.read_end.get(), 50),
                       inheritable_copy(ends.write_end.get(), 51), inheritable_copy(ends.write_end.get(), 600)};
  EXPECT_EQ(output_of({"fds"}), lines({}));
  for (const unique_fd& fd : leaky)
    EXPECT_EQ(::fcntl(fd.get(), F_GETFD), 0) << "the parent's own was changed";
}

TEST_P(descriptors, mapped_ones_reach_the_child_and_nothing_between_them)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd b = pipe_with("B", 40);
  unique_fd leaky[10];
  for (unique_fd& fd : leaky)
    fd = inheritable_copy(a.get(), 3);
  const unique_fd far = inheritable_copy(a.get(), 300);
  EXPECT_EQ(output_of(helper({"fds"}).map_fd(a.get(), 5).map_fd(b.get(), 100)), lines({5, 100}));
  EXPECT_EQ(output_of(helper({"fds"}).map_fd(a.get(), 4).map_fd(b.get(), 3)), lines({3, 4}));
  EXPECT_EQ(output_of(helper({"fd-read", "100", "5"}).map_fd(a.get(), 5).map_fd(b.get(), 100)), "BA");
}

TEST_P(descriptors, are_mapped_onto_their_own_number)
{
  const unique_fd a = pipe_with("A", 30);
  EXPECT_EQ(output_of(helper({"fd-read", std::to_string(a.get())}).map_fd(a.get(), a.get())), "A");
  EXPECT_EQ(::fcntl(a.get(), F_GETFD), FD_CLOEXEC);
}

TEST_P(descriptors, are_swapped)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd b = pipe_with("B", 30);
  command what = helper({"fd-read", std::to_string(a.get()), std::to_string(b.get())});
  EXPECT_EQ(output_of(what.map_fd(a.get(), b.get()).map_fd(b.get(), a.get())), "BA");
}

TEST_P(descriptors, change_places_in_a_circle)
{
  const unique_fd fds[] = {pipe_with("A", 30), pipe_with("B", 30), pipe_with("C", 30)};
  command what = helper({"fd-read"});
  for (int i = 0; i < 3; ++i) {
    what.arg(std::to_string(fds[i].get()));
    what.map_fd(fds[i].get(), fds[(i + 1) % 3].get());
  }
  EXPECT_EQ(output_of(what), "CAB");
}

TEST_P(descriptors, move_along_in_a_chain_in_either_order)
{
  for (const bool forward : {true, false}) {
    const unique_fd a = pipe_with("A", 30);
    const unique_fd b = pipe_with("B", 31);
    const int next = b.get() + 20;
    command what = helper({"fd-read", std::to_string(b.get()), std::to_string(next)});
    if (forward)
      what.map_fd(a.get(), b.get()).map_fd(b.get(), next);
    else
      what.map_fd(b.get(), next).map_fd(a.get(), b.get());
    EXPECT_EQ(output_of(what), "AB");
  }
}

TEST_P(descriptors, one_can_be_mapped_twice_and_stay_where_it_is)
{
  const unique_fd a = pipe_with("A", 30);
  const int same = a.get();
  EXPECT_EQ(output_of(helper({"fds"}).map_fd(same, same).map_fd(same, 3).map_fd(same, 9)), lines({3, 9, same}));
  EXPECT_EQ(output_of(helper({"fd-read", "9"}).map_fd(same, 3).map_fd(same, 9)), "A");
}

TEST_P(descriptors, of_two_onto_one_number_the_last_wins)
{
  const unique_fd a = pipe_with("A", 30);
  const unique_fd b = pipe_with("B", 31);
  EXPECT_EQ(output_of(helper({"fd-read", "7"}).map_fd(a.get(), 7).map_fd(b.get(), 7)), "B");
  const std::string own = std::to_string(a.get());
  const unique_fd c = pipe_with("C", 32);
  EXPECT_EQ(output_of(helper({"fd-read", own}).map_fd(a.get(), a.get()).map_fd(c.get(), a.get())), "C");
}

TEST_P(descriptors, reach_numbers_that_the_library_uses_itself)
{
  const int first = lowest_free(); // Pipes and whatever else a spawn makes lie from here on.
  for (int target = first; target < first + 14; ++target) {
    const unique_fd a = pipe_with("A", 60);
    command what = helper({"fd-read", std::to_string(target)});
    EXPECT_EQ(output_of(what.stdin_from(stdio::pipe()).map_fd(a.get(), target)), "A") << target;

    command missing = program("/nonexistent"); // And the news of a failure still arrives.
    missing.stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).map_fd(a.get(), target);
    const spawn_failure failure = failure_of(missing);
    EXPECT_EQ(failure.code.value(), ENOENT) << target;
    EXPECT_EQ(failure.step, spawn_step::exec) << target;
  }
}

TEST_P(descriptors, reach_all_those_numbers_at_once)
{
  const int first = lowest_free();
  const unique_fd a = pipe_with("A", 60);
  command what = helper({"fds"});
  std::string expected = lines({});
  for (int target = first; target < first + 14; ++target) {
    what.map_fd(a.get(), target);
    expected += std::to_string(target) + "\n";
  }
  EXPECT_EQ(output_of(what.stdin_from(stdio::pipe())), expected);
  EXPECT_EQ(failure_of(what.current_dir("/nonexistent")).step, spawn_step::chdir);
}

TEST_P(descriptors, are_passed_for_writing_too)
{
  const pipe_ends ends = make_pipe();
  output_of(helper({"fd-write", "9", "hello\n"}).map_fd(ends.write_end.get(), 9));
  EXPECT_EQ(read_line(ends.read_end.get()), "hello");
}

TEST_P(descriptors, the_standard_ones_can_be_mapped_elsewhere)
{
  EXPECT_EQ(output_of(helper({"fd-kinds", "7"}).map_fd(1, 7).stdout_to(stdio::pipe())).find("closed"),
            std::string::npos);
  isolated([&] {
    const pipe_ends out = make_pipe(30);
    ::dup2(out.write_end.get(), 1);
    output_of(helper({"fd-write", "7", "parent's stdout\n"}).map_fd(1, 7)); // Its own goes into a pipe.
    EXPECT_EQ(read_line(out.read_end.get()), "parent's stdout");
  });
}

TEST_P(descriptors, a_closed_one_is_an_error_with_both_numbers)
{
  const unique_fd a = pipe_with("A", 30);
  const spawn_failure failure = failure_of(helper({"cat"}).map_fd(a.get(), 20).map_fd(9999, 21));
  EXPECT_EQ(failure.step, spawn_step::map_fd);
  EXPECT_EQ(failure.code.value(), EBADF);
  EXPECT_EQ(failure.detail, "9999→21");
  EXPECT_EQ(failure_of(helper({"cat"}).map_fd(-1, 21)).code.value(), EBADF);
}

TEST_P(descriptors, a_closed_one_never_becomes_one_of_the_librarys_own)
{
  const int first = lowest_free();
  const std::set<int> open = open_descriptors(); // The library's parked ones among them.
  for (int closed = first; closed < first + 10; ++closed)
    for (const int target : {closed, 90}) {
      if (open.contains(closed))
        continue;
      const spawn_failure failure =
          failure_of(helper({"fd-kinds", "90"}).stdin_from(stdio::pipe()).map_fd(closed, target));
      EXPECT_EQ(failure.code.value(), EBADF) << closed;
      EXPECT_EQ(failure.step, spawn_step::map_fd) << closed;
    }
}

TEST_P(descriptors, a_number_beyond_the_limit_is_an_error)
{
  for (const int target : {INT_MAX, INT_MAX - 1}) {
    const spawn_failure failure = failure_of(helper({"cat"}).map_fd(0, target));
    EXPECT_TRUE(failure);
    EXPECT_TRUE(failure.step == spawn_step::prepare || failure.step == spawn_step::map_fd) << failure.step;
  }
}

TEST_P(descriptors, the_highest_number_of_all_can_be_a_target)
{
  isolated([&] {
    ASSERT_EQ(::dup2(1, 199), 199);
    ::close(199);
    const rlimit limit{200, 200};
    const unique_fd a = pipe_with("A", 30);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_EQ(output_of(helper({"fd-read", "199"}).map_fd(a.get(), 199)), "A");
  });
}

// Standard streams that trade places.

TEST_P(descriptors, stdout_and_stderr_are_swapped)
{
  isolated([&] {
    const pipe_ends out = make_pipe(30);
    const pipe_ends err = make_pipe(30);
    ::dup2(out.write_end.get(), 1);
    ::dup2(err.write_end.get(), 2);
    EXPECT_TRUE(run(helper({"streams"}).stdout_to(stdio::from_fd(2)).stderr_to(stdio::from_fd(1))).success());
    char buffer[8] = {};
    EXPECT_EQ(::read(out.read_end.get(), buffer, sizeof buffer), 3);
    EXPECT_STREQ(buffer, "err");
    EXPECT_EQ(::read(err.read_end.get(), buffer, sizeof buffer), 3);
    EXPECT_STREQ(buffer, "out");
  });
}

TEST_P(descriptors, stderr_from_the_parents_stdout_is_that_and_not_the_childs)
{
  isolated([&] {
    const pipe_ends out = make_pipe(30);
    ::dup2(out.write_end.get(), 1);
    const captured_output output = capture(helper({"streams"}).stderr_to(stdio::from_fd(1)));
    EXPECT_EQ(output.out, "out"); // The child's stdout is a pipe.
    EXPECT_EQ(output.err, "");
    char buffer[8] = {};
    EXPECT_EQ(::read(out.read_end.get(), buffer, sizeof buffer), 3);
    EXPECT_STREQ(buffer, "err");
  });
}

TEST_P(descriptors, all_three_streams_change_places_in_a_circle)
{
  isolated([&] {
    const unique_fd in = pipe_with("input", 30);
    const pipe_ends out = make_pipe(30);
    ::dup2(out.write_end.get(), 0);
    ::dup2(in.get(), 1);
    ::dup2(out.write_end.get(), 2);
    command what = helper({"stdin-to-stderr"});
    what.stdin_from(stdio::from_fd(1)).stdout_to(stdio::from_fd(2)).stderr_to(stdio::from_fd(0));
    EXPECT_TRUE(run(what).success());
    char buffer[8] = {};
    EXPECT_EQ(::read(out.read_end.get(), buffer, sizeof buffer), 5);
    EXPECT_STREQ(buffer, "input");
  });
}

// Standard streams that the parent has closed, in every combination.

class closed_streams : public per_launcher {
protected:
  /// Calls `body` in a copy of this program for each set of streams closed.
  template <class Body>
  void in_every_combination(Body body) const
  {
    for (int closed = 1; closed < 8; ++closed) {
      SCOPED_TRACE(closed);
      isolated([&] {
        for (int stream = 0; stream < 3; ++stream)
          if (closed & (1 << stream))
            ::close(stream);
        body(closed);
      });
    }
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(closed_streams);

TEST_P(closed_streams, can_be_replaced_in_the_child)
{
  in_every_combination([&](int) {
    const captured_output output = capture(helper({"streams"}));
    EXPECT_TRUE(output.status.success());
    EXPECT_EQ(output.out, "out");
    EXPECT_EQ(output.err, "err");
    child cat = spawn(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::null()));
    write_all(cat.stdin_pipe().get(), "through");
    cat.stdin_pipe().reset();
    EXPECT_EQ(read_all(cat.stdout_pipe().get()), "through");
    EXPECT_TRUE(end_of(cat).success());
  });
}

TEST_P(closed_streams, are_closed_in_the_child_when_inherited)
{
  const pipe_ends out = make_pipe(60);
  in_every_combination([&](int closed) {
    command what = helper({"fd-kinds", "0", "1", "2"});
    what.stdin_from(stdio::inherit()).stderr_to(stdio::inherit());
    std::istringstream kinds(output_of(what));
    for (int stream = 0; stream < 3; ++stream) {
      std::string kind;
      kinds >> kind;
      const bool inherited_shut = stream != 1 && (closed & (1 << stream));
      EXPECT_EQ(kind == "closed", inherited_shut) << stream << " is " << kind;
    }
    // With nowhere to print, the descriptors are counted by what can be written.
    EXPECT_EQ(run(helper({"fd-write", "9", "x"}).map_fd(out.write_end.get(), 9)).code(), 0);
    EXPECT_EQ(run(helper({"fd-write", "1", ""}).stdin_from(stdio::null())).code(), 0);
  });
}

TEST_P(closed_streams, do_not_let_other_descriptors_take_their_place)
{
  const unique_fd a = pipe_with("A", 60);
  in_every_combination([&](int closed) {
    std::string expected;
    for (int stream = 0; stream < 3; ++stream)
      if (stream == 1 || !(closed & (1 << stream)))
        expected += std::to_string(stream) + "\n";
    command what = helper({"fds"});
    what.stdin_from(stdio::inherit()).stderr_to(stdio::inherit());
    EXPECT_EQ(output_of(what), expected);
    EXPECT_EQ(output_of(what.map_fd(a.get(), 3).map_fd(a.get(), 4)), expected + "3\n4\n");
  });
}

TEST_P(closed_streams, still_let_a_failure_be_told)
{
  in_every_combination([&](int) {
    const spawn_failure failure = failure_of(program("/nonexistent").stdin_from(stdio::pipe()));
    EXPECT_EQ(failure.code.value(), ENOENT);
    EXPECT_EQ(failure.step, spawn_step::exec);
  });
}

TEST_P(closed_streams, still_let_files_be_opened)
{
  const scratch_directory scratch;
  in_every_combination([&](int closed) {
    const std::string path = scratch / std::to_string(closed);
    command what = helper({"streams"});
    what.stdin_from(stdio::null()).stdout_to(stdio::write_file(path)).stderr_to(stdio::to_stdout());
    EXPECT_TRUE(run(what).success());
    EXPECT_EQ(content_of(path), "outerr");
  });
}

} // namespace
} // namespace subprocess::tests
