#include "server.hpp"

#include <chrono>
#include <csignal>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "log.hpp"

using namespace asio::experimental::awaitable_operators;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;

namespace {

subprocess::command worker_command(const std::vector<std::string>& program)
{
  subprocess::command worker(program.front());
  for (std::size_t i = 1; i < program.size(); ++i)
    worker.arg(program[i]);
  worker.stdin_from(subprocess::stdio::pipe()).stdout_to(subprocess::stdio::pipe());
  return worker;
}

/// Runs a function at the end of a scope, however that is left.
template <class Function>
struct at_exit {
  Function function;
  ~at_exit() { function(); }
};

} // namespace

server::server(const asio::any_io_executor& executor, const server_options& options)
    : acceptor_(executor, tcp::endpoint(asio::ip::address_v4::loopback(), options.port)),
      signals_(executor, SIGINT, SIGTERM), someone_ended_(executor, asio::steady_timer::time_point::max()),
      limiter_(executor, options.max_workers), worker_(worker_command(options.program)), grace_(options.grace)
{
  log("listening on port " + std::to_string(acceptor_.local_endpoint().port()));
}

asio::awaitable<void> server::run()
{
  co_await (accept_connections() || signals_.async_wait(use_awaitable));
  acceptor_.close();
  stopping_ = true;
  log("stopping, " + std::to_string(sessions_.size()) + " sessions");
  for (session* const running : sessions_)
    running->stop();

  co_await (all_ended() || signals_.async_wait(use_awaitable));
  for (session* const running : sessions_) // Some are left only after a second signal.
    running->kill();
  co_await all_ended();
  log("stopped");
}

asio::awaitable<void> server::accept_connections()
{
  while (true) {
    subprocess::spawn_permit permit = co_await limiter_.async_acquire(use_awaitable);
    std::error_code ec;
    tcp::socket client = co_await acceptor_.async_accept(redirect_error(use_awaitable, ec));
    if (!ec) {
      asio::co_spawn(acceptor_.get_executor(), serve(std::move(client), std::move(permit)), asio::detached);
      continue;
    }
    if (ec == asio::error::operation_aborted)
      co_return;
    // Out of descriptors, most likely: a moment later there may be some.
    log("accept: " + ec.message());
    asio::steady_timer pause(acceptor_.get_executor(), std::chrono::milliseconds(100));
    co_await pause.async_wait(use_awaitable);
  }
}

asio::awaitable<void> server::serve(tcp::socket client, subprocess::spawn_permit permit)
{
  ++connections_;
  const at_exit goodbye{[this] {
    --connections_;
    someone_ended_.cancel();
  }};

  std::error_code ec;
  auto worker = co_await subprocess::async_spawn(client.get_executor(), worker_, redirect_error(use_awaitable, ec));
  if (ec) {
    log("cannot start " + to_string(worker_) + ": " + ec.message());
    co_return;
  }
  log("worker " + std::to_string(worker.id()) + " started");

  session connection(std::move(client), std::move(worker), std::move(permit), grace_);
  sessions_.insert(&connection);
  const at_exit forget{[&] { sessions_.erase(&connection); }};
  if (stopping_)
    connection.stop();
  co_await connection.run();
}

asio::awaitable<void> server::all_ended()
{
  while (connections_ > 0) {
    std::error_code woken;
    co_await someone_ended_.async_wait(redirect_error(use_awaitable, woken));
  }
}
