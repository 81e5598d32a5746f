#include "pool_server.hpp"

#include <csignal>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <asio/bind_cancellation_slot.hpp>
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

// What the workers write to stderr goes to the log.
subprocess::command pooled_command(const server_options& options)
{
  return worker_command(options).stderr_to(subprocess::stdio::pipe());
}

subprocess::worker_pool_options pool_options(const server_options& options)
{
  subprocess::worker_pool_options result;
  result.size = options.workers;
  result.lease_limit = options.limit;
  if (!options.ready.empty())
    result.ready = subprocess::readiness::line(options.ready);
  return result;
}

} // namespace

pool_server::pool_server(const asio::any_io_executor& executor, const server_options& options)
    : options_(options), acceptor_(executor, tcp::endpoint(asio::ip::address_v4::loopback(), options.port)),
      stop_signals_(executor, SIGINT, SIGTERM), requests_(executor, SIGUSR1, SIGHUP),
      change_(executor, asio::steady_timer::time_point::max()),
      pool_(executor, pooled_command(options), pool_options(options))
{
  log("listening on port " + std::to_string(acceptor_.local_endpoint().port()));
}

asio::awaitable<void> pool_server::run()
{
  co_await (run_pool() && log_events() && (serve_until_stopped() || obey_requests()));
  log("stopped");
  if (why_pool_ended_ != asio::error::operation_aborted)
    throw std::system_error(why_pool_ended_, "the pool has ended");
}

asio::awaitable<void> pool_server::run_pool()
{
  co_await pool_.async_run(
      asio::bind_cancellation_slot(end_pool_.slot(), redirect_error(use_awaitable, why_pool_ended_)));
  pool_has_ended_ = true;
  change_.cancel();
}

asio::awaitable<void> pool_server::log_events()
{
  while (true) {
    std::error_code all_told;
    const auto event = co_await pool_.async_next_event(redirect_error(use_awaitable, all_told));
    if (all_told)
      co_return;
    log(to_string(event));
  }
}

// Those who have a request under way still need the pool.
asio::awaitable<void> pool_server::serve_until_stopped()
{
  co_await (accept_connections() || stop_signals_.async_wait(use_awaitable) || pool_ended());
  acceptor_.close();
  stopping_ = true;
  log("stopping, " + std::to_string(sessions_.size()) + " connections");
  for (pool_session* const one : sessions_)
    one->stop();
  co_await (all_ended() || hurry());
  end_pool_.emit(asio::cancellation_type::terminal);
  co_await (pool_ended() || hurry());
}

asio::awaitable<void> pool_server::accept_connections()
{
  while (true) {
    tcp::socket client = co_await next_client(acceptor_);
    asio::co_spawn(acceptor_.get_executor(), serve(std::move(client)), asio::detached);
  }
}

asio::awaitable<void> pool_server::serve(tcp::socket client)
{
  pool_session session(std::move(client), pool_);
  sessions_.insert(&session);
  if (stopping_)
    session.stop();
  co_await session.run();
  sessions_.erase(&session);
  change_.cancel();
}

asio::awaitable<void> pool_server::all_ended()
{
  while (!sessions_.empty()) {
    std::error_code woken;
    co_await change_.async_wait(redirect_error(use_awaitable, woken));
  }
}

asio::awaitable<void> pool_server::pool_ended()
{
  while (!pool_has_ended_) {
    std::error_code woken;
    co_await change_.async_wait(redirect_error(use_awaitable, woken));
  }
}

asio::awaitable<void> pool_server::hurry()
{
  while (true) {
    co_await stop_signals_.async_wait(use_awaitable);
    log("in a hurry");
    end_pool_.emit(asio::cancellation_type::terminal);
  }
}

asio::awaitable<void> pool_server::obey_requests()
{
  while (true) {
    const int signal = co_await requests_.async_wait(use_awaitable);
    if (signal == SIGUSR1)
      log_counts();
    else
      asio::co_spawn(acceptor_.get_executor(), reload(), asio::detached);
  }
}

// The event of the pool tells how it went.
asio::awaitable<void> pool_server::reload()
{
  try {
    log("reloading");
    co_await pool_.async_replace(pooled_command(options_), use_awaitable);
  } catch (const std::exception& failure) {
    log(std::string("not reloaded: ") + failure.what());
  }
}

void pool_server::log_counts() const
{
  const subprocess::pool_counts now = pool_.counts();
  std::ostringstream line;
  line << now.ready << " ready, " << now.leased << " leased, " << now.starting << " starting, " << now.stopping
       << " stopping, " << now.waiting << " waiting, " << now.deaths << " deaths, " << sessions_.size()
       << " connections";
  log(line.str());
}
