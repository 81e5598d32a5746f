// ask_workers line|frame|notify PROGRAM [ARG…]: asks a pool of these workers what it is
// that they answer in capitals, and ends them.

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <asio_integration/asio_integration.hpp>

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using namespace subprocess;

namespace {

void expect(const std::string& got, const std::string& wanted)
{
  if (got != wanted)
    throw std::runtime_error('"' + got + "\" instead of \"" + wanted + '"');
}

awaitable<void> ask_lines(worker_pool& pool)
{
  for (int i = 0; i < 20; ++i) {
    worker_lease worker = co_await pool.async_acquire(use_awaitable);
    const std::string answer = co_await worker.async_request("line " + std::to_string(i), use_awaitable);
    const std::string empty = co_await worker.async_request("", use_awaitable);
    expect(answer + '|' + empty, "LINE " + std::to_string(i) + '|');
    worker.done();
  }
}

awaitable<void> ask_frames(worker_pool& pool)
{
  for (const std::size_t size : {std::size_t(0), std::size_t(1), std::size_t(300), std::size_t(1) << 20}) {
    worker_lease worker = co_await pool.async_acquire(use_awaitable);
    std::string frame(size, '\n');
    if (size > 1)
      frame.replace(size / 2, 1, "x");
    const std::string answer = co_await worker.async_exchange(frame, use_awaitable);
    if (size > 1)
      frame.replace(size / 2, 1, "X");
    expect(std::to_string(answer == frame), "1");
    worker.done();
  }
}

// Closing its input is all that ends it.
awaitable<void> end_by_end_of_input(worker_pool& pool)
{
  worker_lease worker = co_await pool.async_acquire(use_awaitable);
  worker.child().stdin_pipe().close();
  const exit_status status = co_await worker.child().async_wait(use_awaitable);
  expect(to_string(status), "exit code: 0");
}

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

awaitable<void> ask_all(worker_pool& pool, std::string_view how)
{
  co_await pool.async_wait_ready(2, use_awaitable);
  if (how == "frame")
    co_await ask_frames(pool);
  else
    co_await ask_lines(pool);
  expect(std::to_string(pool.counts().deaths), "0");
  co_await end_by_end_of_input(pool);
}

// A || would go on with the pool when this fails.
awaitable<void> work(worker_pool& pool, std::string_view how, std::exception_ptr& mistake)
{
  try {
    co_await ask_all(pool, how);
  } catch (...) {
    mistake = std::current_exception();
  }
}

awaitable<void> run(worker_pool& pool, std::string_view how)
{
  std::error_code end;
  std::exception_ptr mistake;
  co_await ((work(pool, how, mistake) || pool.async_run(redirect_error(use_awaitable, end))) && print_events(pool));
  if (mistake)
    std::rethrow_exception(mistake);
  if (end && end != asio::error::operation_aborted)
    throw std::system_error(end, "the pool has ended");
}

worker_pool_options options_for(std::string_view how)
{
  worker_pool_options options;
  options.size = 2;
  options.lease_limit = 30s;
  if (how == "notify")
    options.ready = readiness::notify();
  else if (how == "line")
    options.ready = readiness::line("ready");
  if (how == "notify")
    options.watchdog = 20s;
  return options;
}

} // namespace

int main(int argc, char** argv)
{
  if (argc < 3)
    return 2;
  command worker(argv[2]);
  for (int i = 3; i < argc; ++i)
    worker.arg(argv[i]);
  asio::io_context loop;
  worker_pool pool(loop, worker.stderr_to(stdio::pipe()), options_for(argv[1]));
  int result = 0;
  asio::co_spawn(loop, run(pool, argv[1]), [&result](std::exception_ptr failure) {
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
