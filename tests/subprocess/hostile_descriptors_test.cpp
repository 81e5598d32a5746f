// Hosts that do with descriptors as they please: close what they do not know, put
// their own onto any number, start without standard streams, have hundreds open, or
// none to spare. Descriptors are theirs; the library owns none but what it can prove.

#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "support/deadline.hpp"
#include "support/descriptor_table.hpp"
#include "support/fresh_program.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"
#include "support/random_host.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

class hostile_host : public per_launcher {
protected:
  /// An isolated copy that does not hang for long.
  static void hosted(const std::function<void()>& body)
  {
    isolated([&] {
      ::alarm(30);
      body();
    });
  }

  /// One launch of every kind of stream, some of them failures.
  void launch_in_every_way() const
  {
    const unique_fd high = pipe_with("mapped", 100);
    EXPECT_TRUE(run(helper({"exit", "0"})).success());
    EXPECT_TRUE(run(helper({"exit", "0"}).stdin_from(stdio::null()).stdout_to(stdio::null())).success());
    EXPECT_EQ(output_of({"echo", "captured"}), "captured\n");
    EXPECT_EQ(output_of(helper({"fd-read", "5"}).map_fd(high.get(), 5)), "mapped");
    EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::from_string("given"))), "given");
    EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::read_file(scratch.file("file", "read")))), "read");
    EXPECT_EQ(failure_of(program("/nonexistent").stdin_from(stdio::pipe()).map_fd(high.get(), 6)).code.value(), ENOENT);
  }

  /// What a child has that gets no stream but the parent's.
  std::string inherited() const
  {
    const std::string report = scratch.file("report", "");
    EXPECT_TRUE(run(helper({"report-fds", report})).success());
    return content_of(report);
  }

  scratch_directory scratch;
};
SUBPROCESS_FOR_EACH_LAUNCHER(hostile_host);

/// Fails where one of `before` is not what it was.
void expect_unchanged(const std::map<int, descriptor_identity>& before)
{
  const std::map<int, descriptor_identity> now = descriptor_table();
  for (const auto& [fd, identity] : before) {
    const auto found = now.find(fd);
    if (found == now.end())
      ADD_FAILURE() << "the program's descriptor " << fd << " is closed";
    else
      EXPECT_EQ(found->second, identity) << "the program's descriptor " << fd;
  }
}

TEST_P(hostile_host, that_closes_what_it_does_not_know_keeps_its_own)
{
  hosted([&] {
    launch_in_every_way();
    close_the_unknown();
    std::vector<pipe_ends> own; // Takes the numbers that are free now.
    for (int i = 0; i < 35; ++i)
      own.push_back(make_pipe());
    const auto before = descriptor_table();
    for (int i = 0; i < 2; ++i)
      launch_in_every_way();
    expect_unchanged(before);
  });
}

TEST_P(hostile_host, that_closes_what_it_does_not_know_before_each_launch_can_launch)
{
  hosted([&] {
    for (int i = 0; i < 3; ++i) {
      launch_in_every_way();
      close_the_unknown();
    }
  });
}

TEST_P(hostile_host, that_closes_what_it_does_not_know_sees_the_end_of_its_pipes)
{
  hosted([&] {
    launch_in_every_way();
    close_the_unknown();
    for (int target = 3; target < 20; ++target) {
      pipe_ends ends = make_pipe(100); // As in a program with many.
      EXPECT_TRUE(
          run(helper({"fd-write", std::to_string(target), "hello"}).map_fd(ends.write_end.get(), target)).success());
      ends.write_end.reset();
      char buffer[8] = {};
      EXPECT_EQ(::read(ends.read_end.get(), buffer, sizeof buffer), 5);
      ASSERT_TRUE(becomes_readable(ends.read_end.get(), 1s)) << "somebody holds the pipe that was number " << target;
    }
  });
}

TEST_P(hostile_host, that_puts_a_file_onto_any_number_keeps_it_there)
{
  hosted([&] {
    launch_in_every_way();
    const std::string path = scratch.file("database", "");
    const unique_fd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
    for (int number = 3; number < 40; ++number) {
      const unique_fd database(::dup3(file.get(), number, O_CLOEXEC) == -1 ? -1 : number); // Whatever was there.
      const auto identity = descriptor_table()[number];
      const unique_fd high = pipe_with("x", 100);
      EXPECT_EQ(output_of(helper({"fd-read", "7"}).stdin_from(stdio::null()).map_fd(high.get(), 7)), "x");
      output_of({"exit", "0"});
      EXPECT_EQ(descriptor_table()[number], identity) << number;
      EXPECT_EQ(::write(number, "a record\n", 9), 9) << number;
    }
    EXPECT_EQ(content_of(path).size(), 37u * 9u);
  });
}

TEST_P(hostile_host, that_opens_files_where_a_launch_had_its_own_keeps_them)
{
  hosted([&] {
    for (int i = 0; i < 5; ++i) {
      launch_in_every_way();
      const std::set<int> open = open_descriptors();
      std::vector<unique_fd> own;
      for (int number = 3; number < 80; ++number)
        if (!open.contains(number))
          own.emplace_back(::open(scratch.file(std::to_string(number), "").c_str(), O_WRONLY | O_CLOEXEC));
      const auto before = descriptor_table();
      launch_in_every_way();
      expect_unchanged(before);
      for (int number = 3; number < 80; ++number)
        EXPECT_EQ(content_of(scratch / std::to_string(number)), "") << "written to by somebody";
    }
  });
}

// Hosts that were started without some standard stream, as by inetd or `cmd <&-`.

TEST_P(hostile_host, started_without_standard_streams_leaves_its_children_without_them)
{
  constexpr const char* which = "SUBPROCESS_TEST_CLOSED_STREAMS";
  for (const int closed : {1, 2, 4, 7}) {
    const bool done = tried_in_fresh_program([closed] {
      for (int stream = 0; stream < 3; ++stream)
        if (closed & (1 << stream))
          ::close(stream);
      ::setenv(which, std::to_string(closed).c_str(), 1);
    });
    if (done)
      continue;
    const int really = std::atoi(std::getenv(which));
    std::string expected;
    for (int i = 0; i < 3; ++i) {
      const std::string got = inherited();
      for (int stream = 0; stream < 3; ++stream) {
        const bool is_shut = really & (1 << stream);
        EXPECT_EQ(::fcntl(stream, F_GETFD) == -1, is_shut) << stream << " in the parent, launch " << i;
        EXPECT_EQ(("\n" + got).find("\n" + std::to_string(stream) + " ") == std::string::npos, is_shut)
            << stream << " in the child, launch " << i << ":\n"
            << got;
      }
      launch_in_every_way();
    }
    return;
  }
}

TEST_P(hostile_host, that_puts_a_connection_onto_its_closed_stdin_sees_its_end)
{
  if (tried_in_fresh_program([] { ::close(0); }))
    return;
  launch_in_every_way();
  std::vector<unique_fd> many;
  for (int i = 0; i < 80; ++i)
    many.push_back(make_pipe().read_end);
  pipe_ends connection = make_pipe();
  ASSERT_EQ(::dup2(connection.write_end.get(), 0), 0); // As inetd does.
  connection.write_end.reset();
  output_of({"exit", "0"});
  run(helper({"exit", "0"}).stdin_from(stdio::null()));
  ::close(0);
  EXPECT_TRUE(becomes_readable(connection.read_end.get(), 1s)) << "somebody holds the connection";
}

TEST_P(hostile_host, that_closes_its_streams_later_has_them_closed_in_its_children)
{
  hosted([&] {
    launch_in_every_way();
    const unique_fd saved = inheritable_copy(0, 60);
    for (int i = 0; i < 3; ++i) {
      ::close(0);
      EXPECT_NE(inherited().substr(0, 2), "0 ");
      output_of(helper({"cat"}).stdin_from(stdio::null()));
      EXPECT_EQ(::fcntl(0, F_GETFD), -1);
      ::dup2(saved.get(), 0);
      EXPECT_EQ(inherited().substr(0, 2), "0 ");
    }
  });
}

// As exec has it: the number may have come to an internal descriptor of somebody.
TEST_P(hostile_host, whose_standard_stream_is_close_on_exec_keeps_it_from_its_children)
{
  hosted([&] {
    for (int stream = 0; stream < 3; ++stream) {
      ASSERT_EQ(::fcntl(stream, F_SETFD, FD_CLOEXEC), 0);
      EXPECT_EQ(("\n" + inherited()).find("\n" + std::to_string(stream) + " "), std::string::npos) << stream;
      EXPECT_EQ(::fcntl(stream, F_GETFD), FD_CLOEXEC);
      ::fcntl(stream, F_SETFD, 0);
    }
  });
}

TEST_P(hostile_host, whose_standard_stream_is_close_on_exec_can_give_it_by_name)
{
  hosted([&] {
    const unique_fd text = pipe_with("given", 30);
    ASSERT_EQ(::dup3(text.get(), 0, O_CLOEXEC), 0);
    EXPECT_EQ(output_of(helper({"cat"}).stdin_from(stdio::from_fd(0))), "given");
  });
}

TEST_P(hostile_host, finds_no_descriptor_of_a_launch_among_the_standard_ones_or_open_to_an_exec)
{
  const std::string busy = scratch.helper_as("busy");
  hosted([&] {
    const unique_fd low(::open(busy.c_str(), O_WRONLY | O_CLOEXEC));
    const unique_fd writer(::fcntl(low.get(), F_DUPFD_CLOEXEC, 30)); // While it is there, the exec is tried again.
    for (int stream = 0; stream < 3; ++stream)
      ::close(stream);
    const auto before = descriptor_table();
    command what = program(busy, {"exit", "0"});
    what.retry_text_busy(100ms).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::null());
    what.map_fd(writer.get(), 9);
    std::atomic<bool> over = false;
    std::thread launch([&] {
      EXPECT_EQ(failure_of(what).code.value(), ETXTBSY);
      over = true;
    });
    EXPECT_TRUE(eventually([&] { return over || has_children(); }));
    // The kernel gives the lowest number, and so for a moment one of these: until it is
    // moved, no call later.
    using clock = std::chrono::steady_clock;
    std::map<int, descriptor_identity> seen;
    std::map<int, clock::time_point> low_since;
    while (!over) {
      auto now = descriptor_table();
      for (const int fd : {0, 1, 2}) {
        if (!now.contains(fd))
          low_since.erase(fd);
        else if (clock::now() - low_since.try_emplace(fd, clock::now()).first->second > 60ms)
          ADD_FAILURE() << fd << " is " << now.at(fd);
      }
      seen.merge(std::move(now));
    }
    launch.join();
    EXPECT_GT(seen.size(), before.size());
    for (const auto& [fd, identity] : seen) {
      if (before.contains(fd))
        continue;
      EXPECT_EQ(identity.own_flags, FD_CLOEXEC) << fd;
    }
  });
}

// Maps.

TEST_P(hostile_host, that_may_have_few_descriptors_has_them_all_for_itself)
{
  if (tried_in_fresh_program([] {
        for (int fd = 3; fd < 256; ++fd)
          ::close(fd);
        const rlimit few{256, 256};
        ::setrlimit(RLIMIT_NOFILE, &few);
      }))
    return;
  launch_in_every_way();
  for (const int fd : open_descriptors())
    EXPECT_LT(fd, 3) << "is the library's";
}

TEST_P(hostile_host, with_many_descriptors_gives_each_target_its_own)
{
  for (int target = 3; target < 20; ++target) {
    const unique_fd a = pipe_with("A", 64);
    const unique_fd b = pipe_with("B", 64);
    command what = helper({"fd-read", std::to_string(target), std::to_string(target + 1)});
    EXPECT_EQ(output_of(what.map_fd(a.get(), target).map_fd(b.get(), target + 1)), "AB") << target;
  }
}

// To copy a large table takes long: the child has its share of it at low numbers, which
// are held for that, or where it is.

std::vector<unique_fd> three_hundred_open()
{
  std::vector<unique_fd> many;
  while (many.empty() || many.back().get() < 300)
    many.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return many;
}

TEST_P(hostile_host, with_many_descriptors_and_no_low_number_gives_its_children_their_own)
{
  hosted([&] {
    launch_in_every_way();
    close_the_unknown();
    const std::vector<unique_fd> many = three_hundred_open();
    for (int i = 0; i < 2; ++i)
      launch_in_every_way();
  });
}

TEST_P(hostile_host, with_many_descriptors_that_closes_what_it_does_not_know_sees_the_end_of_its_pipes)
{
  hosted([&] {
    launch_in_every_way();
    close_the_unknown();
    std::vector<unique_fd> many = three_hundred_open();
    EXPECT_TRUE(run(helper({"exit", "0"})).success()); // From here on the table is known to be large.
    many.erase(many.begin(), many.begin() + 10);
    pipe_ends ends = make_pipe(300);
    EXPECT_TRUE(run(helper({"fd-write", "7", "hello"}).map_fd(ends.write_end.get(), 7)).success());
    ends.write_end.reset();
    char buffer[8] = {};
    EXPECT_EQ(::read(ends.read_end.get(), buffer, sizeof buffer), 5);
    EXPECT_TRUE(becomes_readable(ends.read_end.get(), 1s)) << "somebody holds the pipe";
  });
}

TEST_P(hostile_host, gives_children_what_a_slow_model_says_whatever_the_map)
{
  hosted([&] {
    constexpr int limit = 512;
    rlimit number;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &number), 0);
    number.rlim_cur = limit;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &number), 0);
    const std::string report = scratch / "report";
    int failed = 0;
    for (unsigned seed = 0; seed < static_cast<unsigned>(rounds(250)) && failed < 3; ++seed) {
      const random_host host(scratch, seed, limit);
      scratch.file("report", "");
      command what = helper({"report-fds", report});
      host.apply(what);
      const auto before = descriptor_table();
      std::error_code ec;
      const exit_status status = run(what, ec);
      const std::string got = content_of(report);
      EXPECT_FALSE(ec) << ec.message() << "\n" << host.story();
      EXPECT_TRUE(ec || status.success()) << status << "\n" << host.story();
      EXPECT_EQ(got, host.expected()) << host.story();
      expect_unchanged(before);
      failed += ec || got != host.expected();
    }
  });
}

// The edge of the table.

/// In a copy where descriptors end at 256.
class descriptor_edge : public per_launcher {
protected:
  static constexpr int end = 256;

  static unique_fd text_at(const char* text, int number)
  {
    const unique_fd any = pipe_with(text);
    return unique_fd(::dup3(any.get(), number, O_CLOEXEC));
  }

  void at_the_edge(const std::function<void()>& body) const
  {
    isolated([&] {
      ::alarm(30);
      const rlimit limit{end, end};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
      body();
    });
  }

  std::string read_in_child(int a, int to_a, int b, int to_b) const
  {
    command what = helper({"fd-read", std::to_string(to_a), std::to_string(to_b)});
    return output_of(what.map_fd(a, to_a).map_fd(b, to_b));
  }
};
SUBPROCESS_FOR_EACH_LAUNCHER(descriptor_edge);

TEST_P(descriptor_edge, last_numbers_can_be_targets)
{
  at_the_edge([&] {
    const unique_fd a = text_at("A", 100);
    const unique_fd b = text_at("B", 101);
    EXPECT_EQ(read_in_child(100, end - 2, 101, end - 1), "AB");
  });
}

TEST_P(descriptor_edge, last_number_can_be_swapped_with_another)
{
  at_the_edge([&] {
    const unique_fd a = text_at("A", end - 1);
    const unique_fd b = text_at("B", 20);
    EXPECT_EQ(read_in_child(end - 1, 20, 20, end - 1), "AB");
  });
}

TEST_P(descriptor_edge, last_numbers_can_be_swapped_with_each_other)
{
  at_the_edge([&] {
    const unique_fd a = text_at("A", end - 2);
    const unique_fd b = text_at("B", end - 1);
    EXPECT_EQ(read_in_child(end - 2, end - 1, end - 1, end - 2), "AB");
  });
}

TEST_P(descriptor_edge, numbers_beyond_the_last_are_an_error_that_names_them)
{
  at_the_edge([&] {
    const unique_fd a = text_at("A", 100);
    const spawn_failure failure = failure_of(helper({"fd-read", "256"}).map_fd(100, end));
    EXPECT_EQ(failure.step, spawn_step::map_fd);
    EXPECT_TRUE(failure.code.value() == EBADF || failure.code.value() == EMFILE || failure.code.value() == EINVAL)
        << failure.code.message();
    EXPECT_EQ(failure.detail, "100→256");
  });
}

TEST_P(descriptor_edge, with_few_numbers_free_a_launch_works_or_says_that_there_are_none)
{
  at_the_edge([&] {
    std::vector<unique_fd> all = take_all_descriptors();
    bool worked = false;
    for (int free = 0; free < 16; ++free) {
      const std::set<int> before = open_descriptors();
      std::error_code ec;
      const captured_output output = capture(helper({"echo", "hello"}), ec);
      EXPECT_TRUE(!ec || ec.value() == EMFILE) << ec.message();
      EXPECT_EQ(output.out, ec ? "" : "hello\n");
      EXPECT_FALSE(worked && ec) << "works with less than " << free;
      EXPECT_FALSE(has_children());
      EXPECT_EQ(open_descriptors(), before);
      worked = worked || !ec;
      all.pop_back();
    }
    EXPECT_TRUE(worked);
  });
}

// Streams that the command owns.

using owned_streams = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(owned_streams);

TEST_P(owned_streams, are_closed_after_a_launch_that_failed_anywhere)
{
  const scratch_directory scratch;
  const command failing[] = {
      program("/nonexistent"),
      program(std::string("nul\0byte", 8)),
      helper({"exit", "0"}).current_dir("/nonexistent"),
      helper({"exit", "0"}).stdin_from(stdio::read_file(scratch / "nowhere")),
      helper({"exit", "0"}).map_fd(9999, 20),
      helper({"exit", "0"}).process_group(1),
  };
  for (const command& base : failing) {
    pipe_ends ends = make_pipe();
    failure_of(command(base).stdout_to(stdio::from_fd(std::move(ends.write_end))));
    EXPECT_TRUE(becomes_readable(ends.read_end.get(), 1s)) << to_string(base);
  }
}

TEST_P(owned_streams, are_closed_after_a_launch_for_which_there_is_no_process)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root, to become one who may have none";
  isolated([&] {
    ASSERT_EQ(::setgroups(0, nullptr), 0);
    ASSERT_EQ(::setgid(64331), 0);
    ASSERT_EQ(::setuid(64331), 0);
    const rlimit none{0, 0};
    ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
    pipe_ends ends = make_pipe();
    const spawn_failure failure =
        failure_of(helper({"exit", "0"}).stdout_to(stdio::from_fd(std::move(ends.write_end))));
    EXPECT_EQ(failure.code.value(), EAGAIN);
    EXPECT_EQ(failure.step, spawn_step::fork);
    EXPECT_TRUE(becomes_readable(ends.read_end.get(), 1s));
  });
}

TEST_P(owned_streams, that_do_not_block_do_so_for_the_child)
{
  pipe_ends in = make_pipe();
  pipe_ends err = make_pipe();
  for (const pipe_ends* ends : {&in, &err})
    for (const int fd : {ends->read_end.get(), ends->write_end.get()})
      ASSERT_EQ(::fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  command what = helper({"fd-modes", "0", "1", "2"});
  what.stdin_from(stdio::from_fd(std::move(in.read_end))).stderr_to(stdio::from_fd(std::move(err.write_end)));
  EXPECT_EQ(output_of(what), "blocking\nblocking\nblocking\n");
}

} // namespace
} // namespace subprocess::tests
