// What an event loop promises whatever others do to it: handlers and executors that throw,
// forks that go on with the context, contexts of one thread, children that may not be
// signalled or that a tracer keeps.

#include <asio_integration/asio_integration.hpp>

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "counting_allocator.hpp"
#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

/// An executor of the host's on the loop of a context, for as long as it is allowed.
class hosts_executor {
public:
  struct rules {
    bool rejects = false;
    int calls = 0;
  };

  hosts_executor(asio::io_context& context, std::shared_ptr<rules> shared) noexcept
      : context_(&context), rules_(std::move(shared))
  {
  }

  asio::execution_context& query(asio::execution::context_t) const noexcept { return *context_; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept
  {
    return asio::execution::blocking.never;
  }

  template <class Function>
  void execute(Function function) const
  {
    ++rules_->calls;
    if (rules_->rejects)
      throw std::runtime_error("the queue is full");
    asio::post(context_->get_executor(), std::move(function));
  }

  friend bool operator==(const hosts_executor& a, const hosts_executor& b) noexcept { return a.rules_ == b.rules_; }
  [[maybe_unused]] friend bool operator!=(const hosts_executor& a, const hosts_executor& b) noexcept
  {
    return !(a == b);
  }

private:
  asio::io_context* context_;
  std::shared_ptr<rules> rules_;
};

class event_loop_trust : public io_fixture {};
SUBPROCESS_FOR_EACH_SETUP(event_loop_trust);

TEST_P(event_loop_trust, a_handler_whose_executor_throws_costs_its_own_operation_only)
{
  const auto rules = std::make_shared<hosts_executor::rules>();
  rules->rejects = true;
  async_child first = start(helper({"exit", "1"}));
  int calls = 0;
  first.async_wait(
      asio::bind_executor(hosts_executor(context(), rules), [&](std::error_code, exit_status) { ++calls; }));
  wait_result beside;
  first.async_wait(beside.handler());
  EXPECT_THROW(run_to_end(), std::runtime_error);
  run_to_end();
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(beside.status.code(), 1);

  wait_result later;
  async_run(context(), helper({"exit", "2"}), later.handler());
  run_to_end();
  EXPECT_EQ(later.status.code(), 2);
}

TEST_P(event_loop_trust, a_handler_that_throws_costs_its_own_operation_only)
{
  wait_result first, second;
  async_run(context(), helper({"exit", "1"}), first.handler());
  async_run(context(), helper({"exit", "0"}), [](std::error_code, exit_status) { throw std::runtime_error("host"); });
  async_run(context(), helper({"exit", "2"}), second.handler());
  EXPECT_THROW(run_to_end(), std::runtime_error);
  run_to_end();
  EXPECT_EQ(first.status.code(), 1);
  EXPECT_EQ(second.status.code(), 2);
}

/// A handler that can be moved so often, as one is that has copies to make for that.
class fragile_handler {
public:
  fragile_handler(std::shared_ptr<int> calls, int& moves) : calls_(std::move(calls)), moves_(moves) {}
  fragile_handler(const fragile_handler& other) : calls_(other.calls_), moves_(other.moves_)
  {
    if (moves_-- == 0)
      throw std::runtime_error("moved too often");
  }

  void operator()(std::error_code, exit_status) const { ++*calls_; }

private:
  std::shared_ptr<int> calls_;
  int& moves_;
};

TEST_P(event_loop_trust, a_handler_that_throws_when_it_is_moved_is_freed)
{
  async_child ended = start(helper({"exit", "0"}));
  end_of(ended);
  for (int moves = 0, called = 0; called == 0; ++moves) {
    ASSERT_LT(moves, 100);
    for (const bool is_operation : {false, true}) {
      const auto calls = std::make_shared<int>(0);
      int left = moves;
      int thrown = 0;
      try {
        if (is_operation)
          ended.async_wait_closed(fragile_handler(calls, left));
        else
          ended.async_wait(fragile_handler(calls, left));
        run_to_end();
      } catch (const std::runtime_error&) {
        ++thrown;
      }
      run_to_end();
      EXPECT_EQ(*calls + thrown, 1);
      EXPECT_EQ(calls.use_count(), 1) << moves << ' ' << is_operation;
      called += *calls;
    }
  }
}

TEST_P(event_loop_trust, an_executor_that_was_passed_once_is_let_go_with_its_operation)
{
  const auto rules = std::make_shared<hosts_executor::rules>();
  wait_result first;
  async_run(asio::any_io_executor(hosts_executor(context(), rules)), helper({"exit", "0"}), first.handler());
  run_to_end();
  EXPECT_EQ(first.calls, 1);
  EXPECT_EQ(rules.use_count(), 1);
  const int calls = rules->calls;
  wait_result later;
  async_run(context(), helper({"exit", "0"}), later.handler());
  run_to_end();
  EXPECT_EQ(later.calls, 1);
  EXPECT_EQ(rules->calls, calls);
}

TEST_P(event_loop_trust, a_copy_that_goes_on_after_notify_fork_has_a_reaper_of_its_own)
{
  isolated_loop([&] {
    async_child running = start(helper({"hang"}));
    context().poll();
    context().restart();
    context().notify_fork(asio::execution_context::fork_prepare);
    const pid_t copy = ::fork();
    if (copy == 0) {
      context().notify_fork(asio::execution_context::fork_child);
      wait_result own, of_parent;
      async_run(context(), helper({"exit", "7"}), own.handler());
      running.async_wait(of_parent.handler());
      context().run_for(20s);
      const bool good = own.status.code() == 7 && of_parent.ec == std::errc::no_child_process;
      ::_exit(good ? 0 : 1);
    }
    context().notify_fork(asio::execution_context::fork_parent);
    int status = 0;
    EXPECT_EQ(::waitpid(copy, &status, 0), copy);
    EXPECT_EQ(status, 0) << "the copy's own children are reaped, the parent's are not its";
    wait_result told;
    running.async_wait(told.handler());
    running.kill();
    run_to_end();
    EXPECT_EQ(told.status.signal(), SIGKILL) << "nobody took the parent's events";
  });
}

TEST_P(event_loop_trust, a_copy_is_told_that_what_it_waits_for_is_its_parents)
{
  const scratch_directory scratch;
  const std::string silent = scratch / "silent";
  ASSERT_EQ(::mkfifo(silent.c_str(), 0600), 0);
  isolated_loop([&] {
    async_child running = start(helper({"hang"}));
    wait_result ended;
    running.async_wait(ended.handler());
    wait_result launched;
    asio::cancellation_signal cancel;
    async_run(context(), helper({"exit", "0"}).stdin_from(stdio::read_file(silent)),
              asio::bind_cancellation_slot(cancel.slot(), launched.handler()));
    run_until([] { return children().size() == 2; });
    context().notify_fork(asio::execution_context::fork_prepare);
    const pid_t copy = ::fork();
    if (copy == 0) {
      context().notify_fork(asio::execution_context::fork_child);
      context().restart();
      context().run_for(20s);
      const bool good = ended.calls == 1 && ended.ec == std::errc::no_child_process && launched.calls == 1 &&
                        launched.ec == std::errc::no_child_process;
      ::_exit(good ? 0 : 1);
    }
    context().notify_fork(asio::execution_context::fork_parent);
    int status = 0;
    EXPECT_EQ(::waitpid(copy, &status, 0), copy);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(ended.calls + launched.calls, 0);
    running.kill();
    cancel.emit(asio::cancellation_type::terminal);
    run_to_end();
    EXPECT_EQ(ended.status.signal(), SIGKILL);
    EXPECT_EQ(launched.ec, asio::error::operation_aborted);
  });
}

TEST_P(event_loop_trust, a_copy_takes_no_event_of_its_parent)
{
  isolated_loop([&] {
    for (int round = 0; round < 5; ++round) {
      async_child running = start(helper({"sleep", "50"}));
      context().poll();
      context().restart();
      context().notify_fork(asio::execution_context::fork_prepare);
      const pid_t copy = ::fork();
      if (copy == 0) {
        context().notify_fork(asio::execution_context::fork_child);
        asio::steady_timer timer(context(), 300ms);
        timer.async_wait([](std::error_code) {});
        context().run();
        ::_exit(0);
      }
      context().notify_fork(asio::execution_context::fork_parent);
      wait_result told;
      running.async_wait(told.handler());
      run_to_end();
      EXPECT_EQ(told.calls, 1);
      ::waitpid(copy, nullptr, 0);
    }
  });
}

TEST_P(event_loop_trust, a_child_that_its_tracer_keeps_costs_no_time)
{
  isolated_loop([&] {
    async_child traced = start(helper({"sleep", "100"}));
    const pid_t child = traced.id();
    pipe_ends seized = make_pipe();
    pipe_ends released = make_pipe();
    const pid_t tracer = ::fork();
    if (tracer == 0) { // It keeps the child until the other pipe ends.
      released.write_end.reset();
      char byte = 'x';
      const bool good =
          ::ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0 && ::write(seized.write_end.get(), &byte, 1) == 1;
      seized.write_end.reset();
      ::_exit(good && ::read(released.read_end.get(), &byte, 1) == 0 ? 0 : 1);
    }
    seized.write_end.reset();
    if (!becomes_readable(seized.read_end.get()) || read_all(seized.read_end.get()).empty()) {
      ::waitpid(tracer, nullptr, 0);
      traced.kill();
      GTEST_SKIP() << "it cannot be traced here";
    }
    wait_result told;
    traced.async_wait(told.handler());
    rusage before{}, after{};
    ::getrusage(RUSAGE_SELF, &before);
    context().restart();
    context().run_for(1500ms); // The child has ended after a tenth of a second.
    ::getrusage(RUSAGE_SELF, &after);
    EXPECT_EQ(told.calls, 0);
    released.write_end.reset();
    run_to_end();
    EXPECT_EQ(told.status.code(), 0);
    const auto used = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000 +
                      (after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1000 +
                      (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000 +
                      (after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1000;
    EXPECT_LT(used, 300) << "milliseconds of CPU time";
    ::waitpid(tracer, nullptr, 0);
  });
}

TEST_P(event_loop_trust, a_context_of_one_thread_is_touched_by_no_other)
{
  asio::io_context loop(ASIO_CONCURRENCY_HINT_UNSAFE);
  use_source(loop);
  int told = 0;
  for (int i = 0; i < 20; ++i)
    async_spawn(loop, helper({"exit", "0"}).pre_exec([] { return std::error_code(); }).use_launcher(launcher::fork),
                [&](std::error_code ec, async_child) { told += !ec; });
  loop.run_for(patience);
  EXPECT_EQ(told, 20);
}

TEST_P(event_loop_trust, a_run_to_be_stopped_as_a_group_that_is_none_is_killed)
{
  reached_cat cat = this->cat();
  asio::cancellation_signal cancel;
  wait_result result;
  async_run(context(), std::move(cat.what.stop_with(stop_sequence{{SIGTERM, 1h}}.of_group())),
            asio::bind_cancellation_slot(cancel.slot(), result.handler()));
  cat.expect_answer();
  cancel.emit(asio::cancellation_type::terminal);
  run_to_end();
  EXPECT_EQ(result.ec, asio::error::operation_aborted);
  cat.expect_gone();
}

// What sudo is: it takes another user than ours, and may not be signalled.
TEST_P(event_loop_trust, a_child_that_may_not_be_signalled_holds_nobody)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "only root can make a set-user-ID program";
  const scratch_directory scratch;
  const std::string takes_root = scratch.helper_as("takes-root");
  ASSERT_EQ(::chmod(takes_root.c_str(), 04755), 0);
  isolated_loop([&] {
    ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
    const auto begin = std::chrono::steady_clock::now();
    wait_result limited, cancelled;
    asio::cancellation_signal cancel;
    const command deaf = program(takes_root, {"take-root-and-sleep", "3000"})
                             .stdout_to(stdio::null())
                             .stop_with(stop_sequence::gentle(100ms));
    async_run(context(), deaf, {.limit = 300ms}, limited.handler());
    async_run(context(), deaf, asio::bind_cancellation_slot(cancel.slot(), cancelled.handler()));
    { // Dropped, it holds no loop.
      async_child dropped = start(deaf);
    }
    { // It may not outlive its context.
      asio::steady_timer timer(context(), 300ms);
      timer.async_wait([&](std::error_code) { cancel.emit(asio::cancellation_type::terminal); });
      run_to_end();
    }
    EXPECT_EQ(limited.ec, std::errc::timed_out);
    EXPECT_EQ(cancelled.ec, asio::error::operation_aborted);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2500ms) << "they sleep for three seconds";
    end_context();
    EXPECT_TRUE(all_children_gone());
  });
}

template <class Function>
struct with_allocator {
  using allocator_type = counting_allocator<int>;
  Function function;
  memory_account* book;

  allocator_type get_allocator() const noexcept { return allocator_type(*book); }
  template <class... Args>
  void operator()(Args&&... args)
  {
    function(std::forward<Args>(args)...);
  }
};

TEST_P(event_loop_trust, the_handlers_allocator_has_its_memory_back_before_the_handler_is_called)
{
  memory_account book;
  int calls = 0;
  auto handler = [&] {
    auto count = [&](std::error_code, auto&&...) {
      ++calls;
      EXPECT_EQ(book.out(), 0);
    };
    return with_allocator<decltype(count)>{count, &book};
  };
  async_run(context(), helper({"exit", "0"}), handler());
  run_to_end();
  EXPECT_GE(book.taken, 2) << "the handler and the operation";
  async_capture(context(), helper({"streams"}), {.limit = 60s}, handler());
  run_to_end();
  async_spawn(context(), helper({"exit", "0"}), handler());
  run_to_end();
  async_child cat = start({"cat"});
  async_communicate(cat, "text", handler());
  run_to_end();
  async_child waits = start({"hang"});
  waits.async_stop(10ms, handler());
  run_to_end();
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(book.out(), 0);
}

TEST_P(event_loop_trust, a_full_table_is_an_error_of_the_first_operation_of_a_context)
{
  isolated([&] {
    asio::io_context loop;
    use_source(loop);
    rlimit old{};
    ::getrlimit(RLIMIT_NOFILE, &old);
    int first_free = ::dup(0);
    ::close(first_free);
    const rlimit none{static_cast<rlim_t>(first_free), old.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    wait_result result;
    capture_result captured;
    EXPECT_NO_THROW(async_run(loop, helper({"exit", "0"}), {.limit = 1h}, result.handler()));
    EXPECT_NO_THROW(async_capture(loop, helper({"exit", "0"}), captured.handler()));
    ::setrlimit(RLIMIT_NOFILE, &old);
    loop.run_for(patience);
    EXPECT_EQ(result.ec, std::errc::too_many_files_open);
    EXPECT_EQ(captured.ec, std::errc::too_many_files_open);

    wait_result later;
    async_run(loop, helper({"exit", "0"}), later.handler());
    loop.restart();
    loop.run_for(patience);
    EXPECT_FALSE(later.ec) << "a lack that has passed decides nothing";
  });
}

TEST_P(event_loop_trust, a_child_that_is_to_be_stopped_when_dropped_goes_by_its_sequence)
{
  pipe_ends out = make_pipe();
  {
    async_child dropped = start(helper({"trap-and-tell", std::to_string(SIGTERM)})
                                    .stdout_to(stdio::from_fd(out.write_end.get()))
                                    .stderr_to(stdio::from_fd(out.write_end.get()))
                                    .stop_on_destroy());
    EXPECT_EQ(read_line(out.read_end.get()), "ready");
  }
  out.write_end.reset();
  EXPECT_TRUE(has_children()) << "the destructor does not wait";
  run_to_end();
  EXPECT_FALSE(has_children());
  EXPECT_EQ(read_line(out.read_end.get()), "caught " + std::to_string(SIGTERM));
}

TEST_P(event_loop_trust, a_child_that_something_else_has_started_can_be_adopted)
{
  const pid_t pid = ::fork();
  if (pid == 0)
    ::_exit(9);
  async_child taken = adopt(context(), pid);
  EXPECT_EQ(taken.id(), pid);
  EXPECT_EQ(end_of(taken).code(), 9);

  std::error_code ec;
  EXPECT_EQ(adopt(context(), ::getppid(), ec).id(), -1);
  EXPECT_EQ(ec, std::errc::no_child_process);
}

} // namespace
} // namespace subprocess::tests
