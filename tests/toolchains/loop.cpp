#include "smoke.hpp"

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <asio_integration/asio_integration.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace smoke {
namespace {

using namespace subprocess;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;
using asio::redirect_error;
using asio::use_awaitable;

class loop_roads {
public:
  explicit loop_roads(const choice& chosen) : how_(chosen.how) {}

  command shell(const std::string& script) const { return command("sh", {"-c", script}).use_launcher(how_); }

  asio::awaitable<void> all() const
  {
    co_await ends();
    co_await streams();
    co_await cancelled();
    co_await many();
    co_await pool();
  }

  asio::awaitable<void> ends() const
  {
    const auto executor = co_await asio::this_coro::executor;
    async_child started = co_await co::spawn(shell("exit 7"));
    expect(how_ == launcher::automatic || started.launcher_used() == how_,
           "the launcher that was asked for, on a loop");
    // Two who wait for the same child.
    const auto [one, other] = co_await (started.async_wait(use_awaitable) && started.async_wait(use_awaitable));
    expect(one.code() == 7 && other == one && started.status() == one, "two who wait for one exit code");
    expect((co_await co::run(shell("kill -TERM $$"))).signal() == SIGTERM, "a signal as the end, on a loop");
    async_child stopped = spawn(executor, shell("exec sleep 1000"));
    expect((co_await stopped.async_stop(10s, use_awaitable)).signal() == SIGTERM, "async_stop");
    std::error_code ec;
    const run_options limited{.limit = 20ms};
    co_await async_run(executor, shell("exec sleep 1000"), limited, redirect_error(use_awaitable, ec));
    expect(ec == std::errc::timed_out, "a time limit, on a loop");
    co_await async_spawn(executor, command("/nowhere/at-all").use_launcher(how_), redirect_error(use_awaitable, ec));
    expect(ec == std::errc::no_such_file_or_directory, "a missing program, on a loop");
  }

  asio::awaitable<void> streams() const
  {
    const auto executor = co_await asio::this_coro::executor;
    const capture_options given{.input = "given\n"}; // Braces in a co_await are too much for g++ 12.
    const captured_output both = co_await co::capture(shell("cat; echo told >&2"), given);
    expect(both.out == "given\n" && both.err == "told\n", "all three streams, on a loop");
    const pipeline_result two = co_await async_pipeline(executor, shell("echo one") | shell("cat"), use_awaitable);
    expect(two.out == "one\n" && two.pipefail().success(), "a pipeline, on a loop");
    async_child talks = spawn(executor, shell("echo first; echo second").stdout_to(stdio::pipe()));
    line_reader lines(talks.stdout_pipe());
    expect(co_await lines.async_read_line(use_awaitable) == "first", "a line");
    expect(co_await lines.async_read_line(use_awaitable) == "second", "the next one");
    expect((co_await talks.async_wait(use_awaitable)).success(), "the end of who talks");
    async_child answers = spawn(executor, shell("cat").stdin_from(stdio::pipe()).stdout_to(stdio::pipe()));
    const captured_output answer = co_await async_communicate(answers, std::string(200000, 'y'), use_awaitable);
    expect(answer.out.size() == 200000 && answer.status.success(), "more than a pipe holds, both ways, on a loop");
  }

  asio::awaitable<void> cancelled() const
  {
    asio::steady_timer soon(co_await asio::this_coro::executor, 20ms);
    const auto first = co_await (co::run(shell("exec sleep 1000")) || soon.async_wait(use_awaitable));
    expect(first.index() == 1, "who is cancelled does not come first");
    async_child asleep = co_await co::spawn(shell("exec sleep 1000"));
    soon.expires_after(1ms);
    const auto second = co_await (asleep.async_wait(use_awaitable) || soon.async_wait(use_awaitable));
    expect(second.index() == 1 && !asleep.status(), "a wait is cancelled, and the child runs on");
    asleep.kill();
    expect((co_await asleep.async_wait(use_awaitable)).signal() == SIGKILL, "and is waited for again");
    spawn(co_await asio::this_coro::executor, shell("exec sleep 1000")); // Dropped.
  }

  asio::awaitable<void> many() const
  {
    const auto executor = co_await asio::this_coro::executor;
    constexpr int count = 8;
    int right = 0, left = count;
    asio::steady_timer all(executor, asio::steady_timer::time_point::max());
    for (int i = 0; i < count; ++i)
      async_run(executor, shell("exit " + std::to_string(i)), [&, i](std::error_code ec, exit_status status) {
        right += !ec && status.code() == i;
        if (--left == 0)
          all.cancel();
      });
    std::error_code ec;
    co_await all.async_wait(redirect_error(use_awaitable, ec));
    expect(right == count, "each child's own exit code");
  }

  asio::awaitable<void> pool() const
  {
    const auto executor = co_await asio::this_coro::executor;
    worker_pool workers(executor, shell("while read word; do echo \"<$word>\"; done"), {.size = 2});
    if (threads_are_refused()) { // By one, the workers end with the program.
      std::error_code ec;
      co_await workers.async_run(redirect_error(use_awaitable, ec));
      expect(ec == std::errc::resource_unavailable_try_again, "a pool says that there is no thread");
      co_return;
    }
    const auto asks = [&]() -> asio::awaitable<void> {
      worker_lease lease = co_await workers.async_acquire(use_awaitable);
      expect(co_await lease.async_request("word", use_awaitable) == "<word>", "a worker's answer");
      lease.done();
    };
    const auto ended = co_await (workers.async_run(use_awaitable) || asks());
    expect(ended.index() == 1, "a pool lives until it is cancelled");
  }

private:
  launcher how_;
};

void expect_no_failure(std::exception_ptr failure)
{
  try {
    if (failure)
      std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    expect(false, std::string("no exception leaves the coroutine: ") + error.what());
  }
}

} // namespace

void calls_on_a_loop(const choice& chosen)
{
  asio::io_context loop;
  if (chosen.source != "automatic") {
    const reaper_source source = chosen.source == "pidfd" ? reaper_source::pidfd : reaper_source::sigchld;
    std::error_code ec;
    use_reaper(loop, source, ec);
    const bool refused = source == reaper_source::pidfd && error_of_pidfd_open() != 0;
    expect(refused ? ec == std::errc::function_not_supported : !ec, "the source that is asked for, or ENOSYS");
    expect(refused || reaper_in_use(loop) == source, "the source in use");
  }
  asio::co_spawn(loop, loop_roads(chosen).all(), expect_no_failure);
  loop.run();
}

} // namespace smoke
