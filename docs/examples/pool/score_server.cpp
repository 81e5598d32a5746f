// score_server [ADDRESS PORT [WORKER]]: to each line, how friendly it is.

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <utility>

#include <asio_integration/asio_integration.hpp>

#include "notify.hpp"

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using namespace subprocess;

class score_server {
public:
  score_server(asio::io_context& loop, const tcp::endpoint& where, std::string script)
      : where_(where), script_(std::move(script)), acceptor_(loop), stop_(loop, SIGINT, SIGTERM), reload_(loop, SIGHUP),
        stopping_(loop, never), session_ended_(loop, never),
        pool_(loop, worker(), {.size = 2, .ready = readiness::line("ready"), .lease_limit = 5s, .most_waiting = 1000})
  {
  }

  awaitable<void> run()
  {
    std::error_code end;
    co_await ((pool_.async_run(redirect_error(use_awaitable, end)) || serve_until_stopped() || reload()) && log());
    stopping_.expires_at(now); // Whoever is left, if the pool has ended by itself.
    if (end != asio::error::operation_aborted)
      throw std::system_error(end, "the pool has ended");
  }

private:
  static constexpr auto never = std::chrono::steady_clock::time_point::max();
  static constexpr auto now = std::chrono::steady_clock::time_point::min();

  // In a process group of its own, so that Ctrl-C is heard by the server alone.
  command worker() const
  {
    command python("python3", {script_});
    return python.process_group(0).env_remove("NOTIFY_SOCKET").stderr_to(stdio::pipe());
  }

  awaitable<void> serve_until_stopped()
  {
    co_await (serve_clients() || stop_.async_wait(use_awaitable));
    stop_.clear(); // A second signal ends the program at once, and the workers with it.
    notify("STOPPING=1");
    acceptor_.close();
    stopping_.expires_at(now);
    while (sessions_ > 0) {
      std::error_code woken;
      co_await session_ended_.async_wait(redirect_error(use_awaitable, woken));
    }
  }

  awaitable<void> serve_clients()
  {
    co_await pool_.async_wait_ready(1, use_awaitable);
    acceptor_ = tcp::acceptor(acceptor_.get_executor(), where_); // Who connects before is refused.
    std::cout << "port " << acceptor_.local_endpoint().port() << std::endl;
    notify("READY=1"); // To systemd, if it has started this.
    for (;;) {
      std::error_code ec;
      tcp::socket client = co_await acceptor_.async_accept(redirect_error(use_awaitable, ec));
      if (ec) { // Mostly because there is no descriptor for it: a moment later there may be one.
        asio::steady_timer moment(acceptor_.get_executor(), 100ms);
        co_await moment.async_wait(use_awaitable);
        continue;
      }
      ++sessions_;
      asio::co_spawn(acceptor_.get_executor(), serve(std::move(client)), [this](std::exception_ptr) {
        --sessions_;
        session_ended_.cancel();
      });
    }
  }

  awaitable<void> serve(tcp::socket client)
  {
    std::string input;
    for (;;) {
      const auto line = asio::dynamic_buffer(input, 65536);
      const auto first = co_await (asio::async_read_until(client, line, '\n', use_awaitable) || told_to_stop());
      if (first.index() == 1)
        co_return;
      const std::size_t size = std::get<0>(first);
      const std::string answer = co_await answer_to(input.substr(0, size - 1));
      input.erase(0, size);
      co_await asio::async_write(client, asio::buffer(answer), use_awaitable);
    }
  }

  awaitable<void> told_to_stop()
  {
    std::error_code ignored;
    co_await stopping_.async_wait(redirect_error(use_awaitable, ignored));
  }

  awaitable<std::string> answer_to(std::string text)
  {
    std::error_code ec;
    worker_lease worker = co_await pool_.async_acquire(redirect_error(use_awaitable, ec));
    if (ec)
      co_return "no worker: " + ec.message() + '\n';
    const std::string answer = co_await worker.async_request(std::move(text), redirect_error(use_awaitable, ec));
    if (ec)
      co_return "no answer: " + ec.message() + '\n'; // Another worker takes this one's place.
    worker.done();
    co_return answer + '\n';
  }

  awaitable<void> log()
  {
    for (;;) {
      std::error_code all_told;
      const pool_event event = co_await pool_.async_next_event(redirect_error(use_awaitable, all_told));
      if (all_told)
        co_return;
      std::cerr << event << '\n';
    }
  }

  awaitable<void> reload()
  {
    for (;;) {
      co_await reload_.async_wait(use_awaitable);
      std::error_code told; // By an event too.
      co_await pool_.async_replace(worker(), redirect_error(use_awaitable, told));
    }
  }

  tcp::endpoint where_;
  std::string script_;
  tcp::acceptor acceptor_;
  asio::signal_set stop_;
  asio::signal_set reload_;
  asio::steady_timer stopping_;      // Expires when the server is told to stop.
  asio::steady_timer session_ended_; // Cancelled each time.
  int sessions_ = 0;
  worker_pool pool_;
};

int main(int argc, char** argv)
{
  asio::io_context loop;
  tcp::endpoint where(asio::ip::address_v4::loopback(), 0); // Any port.
  if (argc > 2)
    where = tcp::endpoint(asio::ip::make_address(argv[1]), static_cast<asio::ip::port_type>(std::stoi(argv[2])));
  score_server server(loop, where, argc > 3 ? argv[3] : "score_worker.py");
  int result = 0;
  asio::co_spawn(loop, server.run(), [&result](std::exception_ptr failure) {
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
