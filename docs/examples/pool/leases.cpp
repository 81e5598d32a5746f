// What can be done with a lease. Run in the directory of its workers.

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <cerrno>
#include <chrono>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <asio_integration/asio_integration.hpp>

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using namespace subprocess;

awaitable<int> sum_of(worker_pool& pool, const std::vector<int>& numbers)
{
  worker_lease worker = co_await pool.async_acquire(use_awaitable);
  std::string sum = co_await worker.async_request("reset", use_awaitable); // What the one before has left.
  for (const int number : numbers)
    sum = co_await worker.async_request("add " + std::to_string(number), use_awaitable);
  worker.done();
  co_return std::stoi(sum);
}

awaitable<std::string> patient_ask(worker_pool& pool, std::string question)
{
  for (int tries = 0;; ++tries) {
    worker_lease worker = co_await pool.async_acquire(use_awaitable);
    std::error_code ec;
    const std::string answer = co_await worker.async_request(question, redirect_error(use_awaitable, ec));
    if (!ec) {
      worker.done();
      co_return answer;
    }
    if (ec.value() != EPIPE || tries == 2) // It has died, and may have done half of the work.
      throw std::system_error(ec, "no answer to \"" + question + '"');
  }
}

awaitable<std::string> quick_ask(worker_pool& pool, std::string question)
{
  worker_lease worker = co_await pool.async_acquire(use_awaitable);
  asio::steady_timer limit(pool.get_executor(), 200ms);
  const auto first =
      co_await (worker.async_request(std::move(question), use_awaitable) || limit.async_wait(use_awaitable));
  if (first.index() == 1)
    co_return "too late"; // The request is cancelled, and its worker recycled.
  worker.done();
  co_return std::get<0>(first);
}

awaitable<std::string> exchange(worker_pool& pool, std::string bytes)
{
  worker_lease worker = co_await pool.async_acquire(use_awaitable);
  std::string answer = co_await worker.async_exchange(std::move(bytes), use_awaitable);
  worker.done();
  co_return answer;
}

// Any number of lines, and an empty one.
awaitable<std::vector<std::string>> list(worker_pool& pool, std::string what)
{
  worker_lease worker = co_await pool.async_acquire(use_awaitable);
  async_child& child = worker.child();
  what += '\n';
  co_await asio::async_write(child.stdin_pipe(), asio::buffer(what), use_awaitable);
  std::vector<std::string> lines;
  line_reader answer(child.stdout_pipe());
  for (;;) {
    std::string line = co_await answer.async_read_line(use_awaitable);
    if (line.empty())
      break;
    lines.push_back(std::move(line));
  }
  worker.done();
  co_return lines;
}

awaitable<std::error_code> one_too_many(worker_pool& pool)
{
  const worker_lease held = co_await pool.async_acquire(use_awaitable);
  for (int waiting = 0; waiting < 2; ++waiting)
    pool.async_acquire([](std::error_code, worker_lease worker) { worker.done(); });
  std::error_code ec;
  const worker_lease none = co_await pool.async_acquire(redirect_error(use_awaitable, ec));
  co_return ec; // EAGAIN: two wait already.
}

namespace {

void expect(bool holds, const char* what)
{
  if (!holds)
    throw std::logic_error(what);
}

// A pool for as long as that takes.
void with(command worker, worker_pool_options options, const std::function<awaitable<void>(worker_pool&)>& work)
{
  asio::io_context loop;
  worker_pool pool(loop, std::move(worker), std::move(options));
  std::exception_ptr mistake; // A || would go on with the pool.
  const auto try_it = [&]() -> awaitable<void> {
    try {
      co_await work(pool);
    } catch (...) {
      mistake = std::current_exception();
    }
  };
  const auto run = [&]() -> awaitable<void> {
    std::error_code end;
    co_await (try_it() || pool.async_run(redirect_error(use_awaitable, end)));
    if (mistake)
      std::rethrow_exception(mistake);
  };
  asio::co_spawn(loop, run(), [](std::exception_ptr failure) {
    if (failure)
      std::rethrow_exception(failure);
  });
  loop.run();
}

awaitable<void> try_sums(worker_pool& pool)
{
  const std::vector<int> three = {1, 2, 3};
  const std::vector<int> two = {40, 2};
  const int first = co_await sum_of(pool, three);
  const int second = co_await sum_of(pool, two);
  expect(first == 6 && second == 42, "sum_of");
}

awaitable<void> try_asking(worker_pool& pool)
{
  const std::string good = co_await patient_ask(pool, "well");
  expect(good == "WELL", "patient_ask");
  std::error_code ec;
  try {
    const std::string none = co_await patient_ask(pool, "die");
  } catch (const std::system_error& error) {
    ec = error.code();
  }
  expect(ec.value() == EPIPE && pool.counts().deaths == 3, "patient_ask gives up");
  const std::string late = co_await quick_ask(pool, "hang");
  expect(late == "too late", "quick_ask");
}

awaitable<void> try_frames(worker_pool& pool)
{
  const std::string bytes("a\nb\0c", 5);
  const std::string answer = co_await exchange(pool, bytes);
  expect(answer == std::string("A\nB\0C", 5), "exchange");
}

awaitable<void> try_listing(worker_pool& pool)
{
  const std::vector<std::string> three = co_await list(pool, "3");
  const std::vector<std::string> none = co_await list(pool, "0");
  expect(three == std::vector<std::string>{"1", "2", "3"} && none.empty() && pool.counts().deaths == 0, "list");
}

awaitable<void> try_crowd(worker_pool& pool)
{
  const std::error_code ec = co_await one_too_many(pool);
  expect(ec.value() == EAGAIN, "one_too_many");
}

} // namespace

int main()
{
  try {
    with(command("sh", {"sums_worker.sh"}), {.size = 1}, try_sums);
    with(command("python3", {"moody_worker.py"}),
         {.size = 1, .delay = {.first = 1ms}, .ready = readiness::line("ready")}, try_asking);
    with(command("python3", {"frame_worker.py"}), {.size = 2}, try_frames);
    with(command("sh", {"-c", "while read -r n; do seq $n; echo; done"}), {.size = 1}, try_listing);
    with(command("cat"), {.size = 1, .most_waiting = 2}, try_crowd);
    std::cout << "all as it should be\n";
  } catch (const std::exception& error) {
    std::cout << error.what() << '\n';
    return 1;
  }
}
