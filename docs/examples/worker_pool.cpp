// A pool of two workers that answer line by line, and ten who ask. One worker is killed
// in between: whoever has it is told so, and asks again; another worker takes its place.

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <iostream>
#include <string>

#include <asio_integration/asio_integration.hpp>

using asio::awaitable;
using asio::use_awaitable;
using namespace asio::experimental::awaitable_operators;

// A request is never sent twice by itself: only its sender knows whether it may be.
awaitable<std::string> ask(subprocess::worker_pool& pool, std::string question)
{
  for (;;) {
    subprocess::worker_lease worker = co_await pool.async_acquire(use_awaitable);
    std::error_code ec;
    std::string answer = co_await worker.async_request(question, asio::redirect_error(use_awaitable, ec));
    if (!ec) {
      worker.done();
      co_return answer;
    }
    std::cout << question << ": " << ec.message() << ", " << worker.lost().value_or(subprocess::exit_status()) << '\n';
  }
}

awaitable<void> customers(subprocess::worker_pool& pool, int& served)
{
  for (int i = 0; i < 10; ++i) {
    const std::string question = "question " + std::to_string(i);
    if (i == 5) { // Its request will fail, unless the pool hears of the death first.
      subprocess::worker_lease worker = co_await pool.async_acquire(use_awaitable);
      worker.child().kill();
      worker.done();
    }
    served += co_await ask(pool, question) == "answer to " + question;
  }
}

awaitable<void> log(subprocess::worker_pool& pool)
{
  for (;;)
    std::cout << co_await pool.async_next_event(use_awaitable) << '\n';
}

awaitable<void> serve(subprocess::worker_pool& pool, int& served)
{
  // When the customers are served, the pool is cancelled: it stops its workers and ends.
  co_await (customers(pool, served) || pool.async_run(use_awaitable) || log(pool));
}

int main()
{
  asio::io_context loop;
  subprocess::worker_pool pool(loop, subprocess::command("sed", {"-u", "s/^/answer to /"}),
                               {.size = 2, .delay = {.first = std::chrono::milliseconds(10)}});
  int served = 0;
  asio::co_spawn(loop, serve(pool, served), [](std::exception_ptr failure) {
    if (failure)
      std::rethrow_exception(failure);
  });
  loop.run();
  std::cout << served << " served\n";
  return served == 10 ? 0 : 1;
}
