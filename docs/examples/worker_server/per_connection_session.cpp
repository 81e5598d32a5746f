#include "per_connection_session.hpp"

#include <csignal>
#include <sstream>
#include <utility>
#include <variant>

#include <asio/buffer.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "keep_alive.hpp"
#include "log.hpp"

using namespace asio::experimental::awaitable_operators;
using asio::redirect_error;
using asio::use_awaitable;

namespace {

std::string name_of(const asio::ip::tcp::socket& client)
{
  std::error_code gone;
  std::ostringstream text;
  text << client.remote_endpoint(gone);
  return text.str();
}

template <class Stream>
void close(Stream& stream)
{
  std::error_code ignored;
  stream.close(ignored);
}

} // namespace

per_connection_session::per_connection_session(asio::ip::tcp::socket client, subprocess::async_child worker,
                                               subprocess::spawn_permit permit, std::chrono::milliseconds grace)
    : client_(std::move(client)), worker_(std::move(worker)), permit_(std::move(permit)), grace_(grace),
      deadline_(client_.get_executor(), clock::time_point::max()), name_(name_of(client_))
{
}

asio::awaitable<void> per_connection_session::run()
{
  co_await (exchange() && oversee());
}

void per_connection_session::stop()
{
  stopping_ = true;
  deadline_.expires_at(clock::now());
}

void per_connection_session::kill()
{
  std::error_code ended_already;
  worker_.kill(ended_already);
  stop();
  give_up();
}

// The client is gone, or what it does no longer matters. Closing an object ends
// the operation that waits on it, so everybody else comes to an end too.
void per_connection_session::give_up()
{
  close(client_);
  close(worker_.stdin_pipe());
  close(worker_.stdout_pipe());
  deadline_.expires_at(clock::now());
}

asio::awaitable<void> per_connection_session::exchange()
{
  co_await (both_directions() && watch_client());
}

asio::awaitable<void> per_connection_session::both_directions()
{
  co_await (feed() && deliver());
  finished_ = true;
  close(client_);
  // A worker that has closed both its streams has a grace to end by itself.
  if (deadline_.expiry() > clock::now())
    deadline_.expires_after(grace_);
}

// Client to worker. A worker that reads no more, or has ended, is no reason to
// stop reading: closing a socket with unread data in it resets the connection,
// and the client would lose what the worker wrote.
asio::awaitable<void> per_connection_session::feed()
{
  std::error_code ec;
  while (true) {
    const std::size_t size = co_await client_.async_read_some(asio::buffer(in_), redirect_error(use_awaitable, ec));
    if (ec)
      break;
    received_ += size;
    if (!worker_.stdin_pipe().is_open())
      continue;
    std::error_code refused; // EPIPE, as a rule.
    co_await asio::async_write(worker_.stdin_pipe(), asio::buffer(in_, size), redirect_error(use_awaitable, refused));
    if (refused)
      close(worker_.stdin_pipe());
  }
  close(worker_.stdin_pipe()); // The client's half-close becomes the worker's end-of-file.
  if (ec != asio::error::eof)
    give_up();
}

// Worker to client.
asio::awaitable<void> per_connection_session::deliver()
{
  std::error_code ec;
  while (true) {
    waiting_for_output_ = true;
    const std::size_t size =
        co_await worker_.stdout_pipe().async_read_some(asio::buffer(out_), redirect_error(use_awaitable, ec));
    waiting_for_output_ = false;
    if (ec)
      break;
    co_await asio::async_write(client_, asio::buffer(out_, size), redirect_error(use_awaitable, ec));
    if (ec) {
      give_up();
      co_return;
    }
    sent_ += size;
  }
  close(worker_.stdout_pipe());
  client_.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
}

// A reset is seen here even while nobody reads from the client or writes to it.
// Without an error it is only the end of both directions.
asio::awaitable<void> per_connection_session::watch_client()
{
  std::error_code closed;
  co_await client_.async_wait(asio::ip::tcp::socket::wait_error, redirect_error(use_awaitable, closed));
  if (!closed && pending_error(client_))
    give_up();
}

asio::awaitable<void> per_connection_session::oversee()
{
  co_await await_end();
  report();
  permit_.release();
  // A process that the worker left behind may hold the other end.
  close(worker_.stdin_pipe());
  co_await let_client_finish();
}

// The worker ends by itself, or is stopped once the deadline has come.
asio::awaitable<void> per_connection_session::await_end()
{
  while (deadline_.expiry() > clock::now()) {
    std::error_code moved;
    const auto first = co_await (worker_.async_wait(redirect_error(use_awaitable, wait_error_)) ||
                                 deadline_.async_wait(redirect_error(use_awaitable, moved)));
    if (first.index() == 0) {
      status_ = std::get<0>(first);
      co_return;
    }
  }
  status_ = co_await worker_.async_stop(grace_, redirect_error(use_awaitable, wait_error_));
}

// What the worker has written goes to the client, however slow that is. But
// nothing waits for ever: not for a process that the worker left behind with its
// stdout, not for a client that does not close its side, not for anybody once
// the server stops.
asio::awaitable<void> per_connection_session::let_client_finish()
{
  while (!finished_) {
    const auto sent = sent_;
    const bool stopping = stopping_;
    std::error_code moved;
    deadline_.expires_after(grace_);
    co_await deadline_.async_wait(redirect_error(use_awaitable, moved));
    if (finished_ || stopping != stopping_)
      continue;
    if (stopping_ || !worker_.stdout_pipe().is_open())
      give_up();
    else if (waiting_for_output_ && sent == sent_)
      close(worker_.stdout_pipe());
  }
}

void per_connection_session::report() const
{
  const std::chrono::duration<double> wall = clock::now() - started_;
  std::ostringstream line;
  line << "worker " << worker_.id() << " of " << name_ << ": ";
  if (wait_error_)
    line << "lost: " << wait_error_.message();
  else
    line << status_;
  if (const auto usage = worker_.usage())
    line << ", cpu " << seconds(usage->ru_utime) + seconds(usage->ru_stime) << " s";
  line << ", wall " << wall.count() << " s, " << received_ << " bytes in, " << sent_ << " out";
  log(line.str());
}
