// prefork WORKER: a listening socket, and two workers that accept from it by themselves.

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <csignal>
#include <iostream>
#include <string>

#include <asio_integration/asio_integration.hpp>

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using namespace subprocess;

command accepting(const std::string& script, tcp::acceptor& listening)
{
  command worker("python3", {script});
  worker.listen_fds({listening.native_handle()});               // Descriptor 3 of the worker.
  worker.stdin_from(stdio::null()).stdout_to(stdio::inherit()); // No leases, no pipes.
  worker.process_group(0).stop_with({{SIGTERM, 30s}});          // Time for the connections it has.
  return worker;
}

awaitable<void> print_events(worker_pool& pool)
{
  for (;;) {
    std::error_code all_told;
    const pool_event event = co_await pool.async_next_event(redirect_error(use_awaitable, all_told));
    if (all_told)
      co_return;
    std::cerr << event << '\n';
  }
}

awaitable<void> reload(worker_pool& pool, const std::string& script, tcp::acceptor& listening)
{
  asio::signal_set hangup(co_await asio::this_coro::executor, SIGHUP);
  for (;;) {
    co_await hangup.async_wait(use_awaitable);
    std::error_code told; // By an event too.
    co_await pool.async_replace(accepting(script, listening), redirect_error(use_awaitable, told));
  }
}

awaitable<void> run(worker_pool& pool, const std::string& script, tcp::acceptor& listening)
{
  asio::signal_set stop(co_await asio::this_coro::executor, SIGINT, SIGTERM);
  std::error_code end;
  co_await ((pool.async_run(redirect_error(use_awaitable, end)) || stop.async_wait(use_awaitable) ||
             reload(pool, script, listening)) &&
            print_events(pool));
  if (end != asio::error::operation_aborted)
    throw std::system_error(end, "the pool has ended");
}

int main(int, char** argv)
{
  const std::string script = argv[1];
  asio::io_context loop;
  tcp::acceptor listening(loop, {asio::ip::address_v4::loopback(), 0});
  listening.non_blocking(true); // Two may be woken for one connection.
  std::cout << "port " << listening.local_endpoint().port() << std::endl;
  worker_pool pool(loop, accepting(script, listening), {.size = 2, .ready = readiness::notify()});
  int result = 0;
  asio::co_spawn(loop, run(pool, script, listening), [&result](std::exception_ptr failure) {
    try {
      if (failure)
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
      result = 1;
    }
  });
  loop.run();
  return result;
}
