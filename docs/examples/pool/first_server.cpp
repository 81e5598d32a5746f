// A server that will not do yet.

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <iostream>
#include <string>
#include <utility>

#include <asio_integration/asio_integration.hpp>

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;
using namespace subprocess;

awaitable<std::string> answer_to(worker_pool& pool, std::string text)
{
  worker_lease worker = co_await pool.async_acquire(use_awaitable);
  const std::string answer = co_await worker.async_request(std::move(text), use_awaitable);
  worker.done();
  co_return answer + '\n';
}

awaitable<void> serve(worker_pool& pool, tcp::socket client)
{
  std::string input;
  for (;;) {
    const std::size_t size = co_await asio::async_read_until(client, asio::dynamic_buffer(input), '\n', use_awaitable);
    const std::string answer = co_await answer_to(pool, input.substr(0, size - 1));
    input.erase(0, size);
    co_await asio::async_write(client, asio::buffer(answer), use_awaitable);
  }
}

awaitable<void> accept_clients(worker_pool& pool, tcp::acceptor& acceptor)
{
  for (;;) {
    tcp::socket client = co_await acceptor.async_accept(use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve(pool, std::move(client)), asio::detached);
  }
}

awaitable<void> run(worker_pool& pool, tcp::acceptor& acceptor)
{
  co_await (accept_clients(pool, acceptor) || pool.async_run(use_awaitable));
}

int main()
{
  asio::io_context loop;
  tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
  std::cout << "port " << acceptor.local_endpoint().port() << std::endl;
  worker_pool pool(loop, command("python3", {"score_worker.py"}), {.size = 2, .ready = readiness::line("ready")});
  asio::co_spawn(loop, run(pool, acceptor), asio::detached);
  loop.run();
}
