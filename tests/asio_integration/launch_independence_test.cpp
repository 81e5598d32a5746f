// No one waits for another's launch: a program that is being written, a file system or
// a FIFO that does not answer, a child that was stopped too early cost their own launch
// alone, which its limit and its cancellation end at once.

#include <asio_integration/asio_integration.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <csignal>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <subprocess/pipeline.hpp>

#include "io_fixture.hpp"
#ifdef SUBPROCESS_LINUX_OPTIONS
#include "support/exec_gate.hpp"
#endif

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

/// What nothing here may take, and no machine is too slow for.
constexpr std::chrono::seconds at_once{3};

struct launch_outcome {
  int calls = 0;
  std::error_code ec;
  async_child child;

  auto handler()
  {
    return [this](std::error_code e, auto) {
      ++calls;
      ec = e;
    };
  }
};

/// The operations that launch, each told of its end by a launch_outcome.
struct launching_operation {
  const char* name;
  void (*start)(asio::io_context&, const command&, launch_outcome&, asio::cancellation_slot);
};

constexpr launching_operation operations[] = {
    {"async_spawn",
     [](asio::io_context& context, const command& what, launch_outcome& outcome, asio::cancellation_slot slot) {
       async_spawn(context, what, asio::bind_cancellation_slot(slot, [&outcome](std::error_code ec, async_child child) {
                     ++outcome.calls;
                     outcome.ec = ec;
                     outcome.child = std::move(child);
                   }));
     }},
    {"async_run",
     [](asio::io_context& context, const command& what, launch_outcome& outcome, asio::cancellation_slot slot) {
       async_run(context, what, asio::bind_cancellation_slot(slot, outcome.handler()));
     }},
    {"async_capture",
     [](asio::io_context& context, const command& what, launch_outcome& outcome, asio::cancellation_slot slot) {
       async_capture(context, what, asio::bind_cancellation_slot(slot, outcome.handler()));
     }},
    {"async_pipeline",
     [](asio::io_context& context, const command& what, launch_outcome& outcome, asio::cancellation_slot slot) {
       async_pipeline(context, pipeline(what), asio::bind_cancellation_slot(slot, outcome.handler()));
     }},
};

/// What a launch waits for, until it is let go.
class obstacle {
public:
  virtual ~obstacle() = default;
  /// The helper's exit with 0, behind the obstacle.
  virtual command behind(launcher which) const = 0;
  virtual void let_go() = 0;
  virtual bool is_there() const { return true; }
};

class text_busy : public obstacle {
public:
  command behind(launcher which) const override
  {
    return command(path_, {"exit", "0"}).retry_text_busy(20s).use_launcher(which);
  }
  void let_go() override { writer_.reset(); }

private:
  scratch_directory scratch_;
  std::string path_ = scratch_.helper_as("busy");
  unique_fd writer_{::open(path_.c_str(), O_WRONLY | O_CLOEXEC)};
};

class silent_fifo : public obstacle {
public:
  enum class as { input, output, appended };

  explicit silent_fifo(as use) : use_(use) { ::mkfifo(path_.c_str(), 0600); }
  command behind(launcher which) const override
  {
    const command what = helper({"exit", "0"}).use_launcher(which);
    switch (use_) {
    case as::input: return command(what).stdin_from(stdio::read_file(path_));
    case as::output: return command(what).stderr_to(stdio::write_file(path_));
    default: return command(what).stderr_to(stdio::append_file(path_));
    }
  }
  void let_go() override { other_.reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC)); }

private:
  as use_;
  scratch_directory scratch_;
  std::string path_ = scratch_ / "fifo";
  unique_fd other_;
};

#ifdef SUBPROCESS_LINUX_OPTIONS
class held_exec : public obstacle {
public:
  command behind(launcher which) const override { return command(path_, {"exit", "0"}).use_launcher(which); }
  void let_go() override { gate_.open(); }
  bool is_there() const override { return gate_.works(); }

private:
  scratch_directory scratch_;
  std::string path_ = scratch_.helper_as("held");
  exec_gate gate_{path_};
};
#endif

struct named_obstacle {
  const char* name;
  std::unique_ptr<obstacle> (*make)();
};

constexpr named_obstacle obstacles[] = {
    {"a program that is being written", [] { return std::unique_ptr<obstacle>(new text_busy); }},
    {"a FIFO without a writer", [] { return std::unique_ptr<obstacle>(new silent_fifo(silent_fifo::as::input)); }},
    {"a FIFO without a reader", [] { return std::unique_ptr<obstacle>(new silent_fifo(silent_fifo::as::output)); }},
    {"a FIFO to add to, without a reader",
     [] { return std::unique_ptr<obstacle>(new silent_fifo(silent_fifo::as::appended)); }},
#ifdef SUBPROCESS_LINUX_OPTIONS
    {"a file system that does not answer", [] { return std::unique_ptr<obstacle>(new held_exec); }},
#endif
};

class launch_independence : public io_fixture {
protected:
  /// Runs `body` behind each obstacle, in a copy that does not hang for long.
  template <class Body>
  void behind_each_obstacle(Body body)
  {
    for (const named_obstacle& one : obstacles) {
      SCOPED_TRACE(one.name);
      isolated_loop([&] {
        ::alarm(10);
        const std::unique_ptr<obstacle> wall = one.make();
        if (wall->is_there())
          body(*wall);
        end_context();
        EXPECT_TRUE(all_children_gone());
      });
    }
  }

  command slow(const obstacle& wall) const { return wall.behind(GetParam().which); }

  /// Runs the loop until `condition` holds, which has to be at once.
  void soon(const char* what, const std::function<bool()>& condition)
  {
    const auto start = std::chrono::steady_clock::now();
    run_until([&] { return condition() || std::chrono::steady_clock::now() - start > at_once; });
    EXPECT_TRUE(condition()) << what << " does not come at once";
  }

  /// Whether the loop turns.
  void expect_to_turn()
  {
    asio::steady_timer timer(context(), 1ms);
    bool fired = false;
    timer.async_wait([&](std::error_code) { fired = true; });
    soon("a timer", [&] { return fired; });
  }

  void start_slow_ones(const obstacle& wall, std::deque<launch_outcome>& outcomes, int each)
  {
    for (int i = 0; i < each; ++i)
      for (const launching_operation& operation : operations) {
        operation.start(context(), slow(wall), outcomes.emplace_back(), {});
        expect_to_turn();
      }
  }

  void expect_success(std::deque<launch_outcome>& outcomes)
  {
    for (launch_outcome& outcome : outcomes) {
      EXPECT_EQ(outcome.calls, 1);
      EXPECT_FALSE(outcome.ec) << outcome.ec.message();
      if (outcome.child.id() != -1) {
        EXPECT_EQ(end_of(outcome.child).code(), 0);
      }
    }
  }
};
SUBPROCESS_FOR_EACH_SETUP(launch_independence);

TEST_P(launch_independence, of_quick_ones_from_any_number_of_slow_ones)
{
  behind_each_obstacle([&](obstacle& wall) {
    std::deque<launch_outcome> slow_ones;
    start_slow_ones(wall, slow_ones, 2); // More than there are threads to launch.
    for (const launching_operation& operation : operations) {
      launch_outcome quick;
      operation.start(context(), helper({"exit", "0"}), quick, {});
      soon(operation.name, [&] { return quick.calls == 1; });
      EXPECT_FALSE(quick.ec) << quick.ec.message();
    }
    async_child now = start({"exit", "3"});
    EXPECT_EQ(end_of(now).code(), 3);
    for (const launch_outcome& outcome : slow_ones)
      EXPECT_EQ(outcome.calls, 0) << outcome.ec.message();
    wall.let_go();
    run_to_end();
    expect_success(slow_ones);
  });
}

TEST_P(launch_independence, lets_cancellation_end_one_launch_at_once_and_no_other)
{
  behind_each_obstacle([&](obstacle& wall) {
    std::deque<launch_outcome> others;
    start_slow_ones(wall, others, 1);
    for (const launching_operation& operation : operations)
      for (const auto type :
           {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        asio::cancellation_signal cancel;
        launch_outcome one;
        operation.start(context(), slow(wall), one, cancel.slot());
        expect_to_turn();
        cancel.emit(type);
        EXPECT_EQ(one.calls, 0) << "called from within";
        soon(operation.name, [&] { return one.calls == 1; });
        EXPECT_EQ(one.ec, asio::error::operation_aborted) << operation.name;
      }
    EXPECT_LE(children().size(), others.size()) << "the children of those that were cancelled are there";
    for (const launch_outcome& outcome : others)
      EXPECT_EQ(outcome.calls, 0);
    wall.let_go();
    run_to_end();
    expect_success(others);
  });
}

TEST_P(launch_independence, lets_a_limit_end_one_launch_at_once)
{
  behind_each_obstacle([&](obstacle& wall) {
    launch_outcome run;
    launch_outcome capture;
    launch_outcome pipeline_run;
    const auto start = std::chrono::steady_clock::now();
    async_run(context(), slow(wall), {.limit = 50ms}, run.handler());
    async_capture(context(), slow(wall), {.limit = 50ms}, capture.handler());
    async_pipeline(context(), slow(wall) | helper({"cat"}), {.limit = 50ms}, pipeline_run.handler());
    soon("the end of the three", [&] { return run.calls + capture.calls + pipeline_run.calls == 3; });
    EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
    for (const launch_outcome* outcome : {&run, &capture, &pipeline_run})
      EXPECT_EQ(outcome->ec, std::errc::timed_out) << outcome->ec.message();
    run_to_end();
    EXPECT_FALSE(has_children());
  });
}

TEST_P(launch_independence, leaves_nothing_of_a_launch_when_the_context_ends)
{
  behind_each_obstacle([&](obstacle& wall) {
    std::deque<launch_outcome> slow_ones;
    start_slow_ones(wall, slow_ones, 1);
    const auto start = std::chrono::steady_clock::now();
    end_context();
    EXPECT_LT(std::chrono::steady_clock::now() - start, at_once);
    EXPECT_TRUE(all_children_gone());
    for (const launch_outcome& outcome : slow_ones)
      EXPECT_EQ(outcome.calls, 0);
  });
}

TEST_P(launch_independence, opens_files_when_somebody_is_there_and_not_on_the_loop)
{
  isolated_loop([&] {
    ::alarm(10);
    const scratch_directory scratch;
    const std::string in = scratch / "in";
    const std::string out = scratch / "out";
    ASSERT_EQ(::mkfifo(in.c_str(), 0600) + ::mkfifo(out.c_str(), 0600), 0);
    wait_result result;
    async_run(context(), helper({"cat"}).stdin_from(stdio::read_file(in)).stdout_to(stdio::write_file(out)),
              result.handler());
    expect_to_turn();
    unique_fd writer(::open(in.c_str(), O_RDWR | O_CLOEXEC));
    const unique_fd reader(::open(out.c_str(), O_RDWR | O_CLOEXEC));
    write_all(writer.get(), "through\n");
    bool came = false;
    run_until([&] { return came = came || becomes_readable(reader.get(), 1ms); });
    EXPECT_EQ(read_line(reader.get()), "through");
    writer.reset();
    run_to_end();
    EXPECT_TRUE(result.status.success()) << result.ec.message();
  });
}

TEST_P(launch_independence, tells_of_files_that_cannot_be_opened_as_a_blocking_spawn_does)
{
  const scratch_directory scratch;
  const command bad[] = {
      helper({"cat"}).stdin_from(stdio::read_file(scratch / "nowhere")),
      helper({"cat"}).stdout_to(stdio::write_file(scratch / "nowhere/file")),
      helper({"cat"}).stderr_to(stdio::append_file(scratch.path())),
  };
  for (const command& what : bad) {
    spawn_failure blocking;
    spawn(what, blocking);
    spawn_failure failure;
    wait_result result;
    async_run(asio::any_io_executor(context().get_executor()), what, {.failure = &failure}, result.handler());
    run_to_end();
    EXPECT_TRUE(blocking);
    EXPECT_EQ(failure.code, blocking.code);
    EXPECT_EQ(failure.step, spawn_step::open_file);
    EXPECT_EQ(failure.context(), blocking.context());
    EXPECT_EQ(result.ec, blocking.code);
  }
}

// Children that somebody stops before they are the program: Ctrl-Z, a user's SIGSTOP.

TEST_P(launch_independence, goes_on_with_children_that_are_stopped_before_their_exec)
{
  isolated_loop([&] {
    ::alarm(10);
    text_busy wall;
    std::deque<launch_outcome> slow_ones;
    start_slow_ones(wall, slow_ones, 1);
    EXPECT_TRUE(eventually([&] { return children().size() == slow_ones.size(); }, at_once));
    for (const pid_t child : children())
      ::kill(child, SIGSTOP);
    expect_to_turn();
    wall.let_go();
    std::size_t told = 0;
    soon("the end of a launch", [&] {
      told = 0;
      for (const launch_outcome& outcome : slow_ones)
        told += static_cast<std::size_t>(outcome.calls);
      return told == slow_ones.size();
    });
    expect_success(slow_ones);
  });
}

TEST_P(launch_independence, ends_children_that_are_stopped_before_their_exec)
{
  isolated_loop([&] {
    ::alarm(10);
    text_busy wall;
    wait_result limited;
    async_run(context(), slow(wall), {.limit = 100ms}, limited.handler());
    asio::cancellation_signal cancel;
    wait_result cancelled;
    async_run(context(), slow(wall), asio::bind_cancellation_slot(cancel.slot(), cancelled.handler()));
    expect_to_turn();
    EXPECT_TRUE(eventually([&] { return children().size() == 2; }, at_once));
    for (const pid_t child : children())
      ::kill(child, SIGSTOP);
    cancel.emit(asio::cancellation_type::terminal);
    soon("the end of both", [&] { return limited.calls + cancelled.calls == 2; });
    EXPECT_EQ(limited.ec, std::errc::timed_out) << limited.ec.message();
    EXPECT_EQ(cancelled.ec, asio::error::operation_aborted) << cancelled.ec.message();
  });
}

// The clock of a child's report starts before its launch.

class launch_clock : public launch_independence {
protected:
  static std::chrono::nanoseconds cpu_time(const exit_report& report)
  {
    const auto time = [](const timeval& value) {
      return std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
    };
    return time(report.usage.ru_utime) + time(report.usage.ru_stime);
  }

  /// The reports of one child by every road, with a call of `before` each time.
  std::vector<std::pair<const char*, std::optional<exit_report>>> reports_of(const command& what,
                                                                             const std::function<void()>& before)
  {
    std::vector<std::pair<const char*, std::optional<exit_report>>> all;
    before();
    child blocking = spawn(what);
    blocking.wait();
    all.emplace_back("spawn", blocking.report());
    before();
    all.emplace_back("capture", capture(what).report);
    before();
    async_child now = spawn(context(), what);
    end_of(now);
    all.emplace_back("spawn on a loop", now.report());
    before();
    launch_outcome later;
    operations[0].start(context(), what, later, {});
    run_until([&] { return later.calls == 1; });
    end_of(later.child);
    all.emplace_back("async_spawn", later.child.report());
    before();
    capture_result captured;
    async_capture(context(), what, captured.handler());
    run_to_end();
    all.emplace_back("async_capture", captured.output.report);
    before();
    async_pipeline(context(), pipeline(what), [&](std::error_code, pipeline_result result) {
      all.emplace_back("async_pipeline", result.stages.at(0).report);
    });
    run_to_end();
    return all;
  }
};
SUBPROCESS_FOR_EACH_SETUP(launch_clock);

TEST_P(launch_clock, gives_no_child_more_processor_time_than_time)
{
  for (const auto& [road, report] : reports_of(helper({"burn", "10"}), [] {})) {
    ASSERT_TRUE(report) << road;
    // The kernel rounds each part of it up to a microsecond.
    EXPECT_GE(report->wall_time + 2us, cpu_time(*report)) << road;
  }
}

TEST_P(launch_clock, counts_what_the_launch_takes)
{
  const scratch_directory scratch;
  const std::string busy = scratch.helper_as("busy");
  std::thread closer;
  const auto be_busy = [&] { // Until 30 ms after the launch has begun.
    if (closer.joinable())
      closer.join();
    closer = std::thread([writer = unique_fd(::open(busy.c_str(), O_WRONLY | O_CLOEXEC))]() mutable {
      eventually([] { return has_children(); });
      ::poll(nullptr, 0, 30);
      writer.reset();
    });
  };
  const auto reports = reports_of(program(busy, {"exit", "0"}).retry_text_busy(20s), be_busy);
  closer.join();
  for (const auto& [road, report] : reports) {
    ASSERT_TRUE(report) << road;
    EXPECT_GE(report->wall_time, 25ms) << road;
  }
}

} // namespace
} // namespace subprocess::tests
