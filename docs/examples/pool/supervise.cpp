// supervise PROGRAM [ARG…]: keeps two of it running, whatever they do, and says what happens.

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <chrono>
#include <csignal>
#include <iostream>

#include <asio_integration/asio_integration.hpp>

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using namespace subprocess;

awaitable<void> print_events(worker_pool& pool)
{
  for (;;) {
    std::error_code all_told;
    const pool_event event = co_await pool.async_next_event(redirect_error(use_awaitable, all_told));
    if (all_told)
      co_return;
    std::cout << event << std::endl;
  }
}

awaitable<void> run(worker_pool& pool)
{
  asio::signal_set stop(co_await asio::this_coro::executor, SIGINT, SIGTERM);
  std::error_code end;
  co_await ((pool.async_run(redirect_error(use_awaitable, end)) || stop.async_wait(use_awaitable)) &&
            print_events(pool));
  if (end && end != asio::error::operation_aborted)
    throw std::system_error(end, "the pool has ended");
}

int main(int, char** argv)
{
  command worker(argv[1]);
  for (char** more = argv + 2; *more; ++more)
    worker.arg(*more);
  worker.stdin_from(stdio::null()).stdout_to(stdio::inherit()); // No leases, no pipes.
  worker.stderr_to(stdio::pipe());                              // Its lines are events.
  worker.process_group(0).stop_with({{SIGTERM, 10s}});          // Time for the job it has.

  worker_pool_options options;
  options.size = 2;
  options.restart = restart_when::on_failure;
  options.delay = {.first = 100ms, .most = 30s, .healthy = 10s};
  options.most_deaths = 5;
  options.within = 10s;
  options.permanent_failures = {78}; // EX_CONFIG of sysexits.h: another try would not help.

  asio::io_context loop;
  worker_pool pool(loop, worker, options);
  int result = 0;
  asio::co_spawn(loop, run(pool), [&result](std::exception_ptr failure) {
    try {
      if (failure)
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      std::cout << error.what() << '\n';
      result = 1;
    }
  });
  loop.run();
  return result;
}
