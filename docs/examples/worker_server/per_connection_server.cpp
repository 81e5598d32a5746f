#include "per_connection_server.hpp"

#include <csignal>
#include <utility>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "log.hpp"
#include "next_client.hpp"
#include "worker_command.hpp"

using namespace asio::experimental::awaitable_operators;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;

namespace {

/// Runs a function at the end of a scope, however that is left.
template <class Function>
struct at_exit {
  Function function;
  ~at_exit() { function(); }
};

} // namespace

per_connection_server::per_connection_server(const asio::any_io_executor& executor, const server_options& options)
    : acceptor_(executor, tcp::endpoint(asio::ip::address_v4::loopback(), options.port)),
      signals_(executor, SIGINT, SIGTERM), someone_ended_(executor, asio::steady_timer::time_point::max()),
      limiter_(executor, options.max_workers), worker_(worker_command(options)), grace_(options.grace)
{
  log("listening on port " + std::to_string(acceptor_.local_endpoint().port()));
}

asio::awaitable<void> per_connection_server::run()
{
  co_await (accept_connections() || signals_.async_wait(use_awaitable));
  acceptor_.close();
  stopping_ = true;
  log("stopping, " + std::to_string(sessions_.size()) + " sessions");
  for (per_connection_session* const running : sessions_)
    running->stop();

  co_await (all_ended() || signals_.async_wait(use_awaitable));
  for (per_connection_session* const running : sessions_) // Some are left only after a second signal.
    running->kill();
  co_await all_ended();
  log("stopped");
}

asio::awaitable<void> per_connection_server::accept_connections()
{
  while (true) {
    subprocess::spawn_permit permit = co_await limiter_.async_acquire(use_awaitable);
    tcp::socket client = co_await next_client(acceptor_);
    asio::co_spawn(acceptor_.get_executor(), serve(std::move(client), std::move(permit)), asio::detached);
  }
}

asio::awaitable<void> per_connection_server::serve(tcp::socket client, subprocess::spawn_permit permit)
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

  per_connection_session connection(std::move(client), std::move(worker), std::move(permit), grace_);
  sessions_.insert(&connection);
  const at_exit forget{[&] { sessions_.erase(&connection); }};
  if (stopping_)
    connection.stop();
  co_await connection.run();
}

asio::awaitable<void> per_connection_server::all_ended()
{
  while (connections_ > 0) {
    std::error_code woken;
    co_await someone_ended_.async_wait(redirect_error(use_awaitable, woken));
  }
}
