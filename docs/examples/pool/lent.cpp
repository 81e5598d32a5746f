// Two processes, lent to who asks.

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <iostream>
#include <string>
#include <utility>

#include <asio_integration/asio_integration.hpp>

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using namespace asio::experimental::awaitable_operators;
using namespace subprocess;

awaitable<void> ask(worker_pool& pool, std::string text)
{
  worker_lease worker = co_await pool.async_acquire(use_awaitable);
  std::error_code ec;
  const std::string answer = co_await worker.async_request(std::move(text), redirect_error(use_awaitable, ec));
  if (!ec)
    worker.done();
  std::cout << (ec ? ec.message() : answer) << '\n';
}

awaitable<void> ask_all(worker_pool& pool)
{
  co_await (ask(pool, "a good day") && ask(pool, "an awful day") && ask(pool, "a great day"));
}

awaitable<void> run(worker_pool& pool)
{
  co_await (ask_all(pool) || pool.async_run(use_awaitable));
}

int main()
{
  asio::io_context loop;
  worker_pool pool(loop, command("python3", {"score_worker.py"}), {.size = 2, .ready = readiness::line("ready")});
  asio::co_spawn(loop, run(pool), [](std::exception_ptr failure) {
    if (failure)
      std::rethrow_exception(failure);
  });
  loop.run();
}
