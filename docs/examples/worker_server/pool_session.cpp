#include "pool_session.hpp"

#include <chrono>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

using namespace asio::experimental::awaitable_operators;
using asio::redirect_error;
using asio::use_awaitable;

pool_session::pool_session(asio::ip::tcp::socket client, subprocess::worker_pool& pool)
    : client_(std::move(client)), pool_(pool)
{
}

asio::awaitable<void> pool_session::run()
{
  bool goes_on = true;
  while (goes_on) {
    const bool asked = co_await next_request();
    if (!asked)
      break;
    const std::string line = co_await answer();
    goes_on = co_await send(line);
  }
  co_await say_goodbye();
}

void pool_session::stop()
{
  stopping_ = true;
  std::error_code ignored;
  if (is_waiting_)
    client_.cancel(ignored);
}

asio::awaitable<bool> pool_session::next_request()
{
  if (stopping_)
    co_return false;
  std::error_code ec;
  is_waiting_ = true;
  const std::size_t size = co_await asio::async_read_until(client_, asio::dynamic_buffer(input_, longest_request), '\n',
                                                           redirect_error(use_awaitable, ec));
  is_waiting_ = false;
  if (ec && (ec != asio::error::eof || input_.empty()))
    co_return false;
  request_ = ec ? std::exchange(input_, {}) : input_.substr(0, size - 1);
  input_.erase(0, size);
  co_return true;
}

// It is not sent to another worker when one fails: only the client knows whether it
// may be.
asio::awaitable<std::string> pool_session::answer()
{
  std::error_code ec;
  subprocess::worker_lease worker = co_await pool_.async_acquire(redirect_error(use_awaitable, ec));
  if (ec)
    co_return "failed: no worker: " + ec.message() + '\n';
  const std::string answer = co_await worker.async_request(std::move(request_), redirect_error(use_awaitable, ec));
  if (ec) {
    const auto end = worker.lost();
    co_return "failed: " + ec.message() + (end ? ", " + to_string(*end) : "") + '\n';
  }
  worker.done();
  co_return "ok: " + answer + '\n';
}

asio::awaitable<bool> pool_session::send(std::string line)
{
  std::error_code gone;
  co_await asio::async_write(client_, asio::buffer(line), redirect_error(use_awaitable, gone));
  co_return !gone;
}

// A socket that is closed with unread data in it resets the connection, and the client
// would lose the last answer.
asio::awaitable<void> pool_session::say_goodbye()
{
  std::error_code gone;
  client_.shutdown(asio::ip::tcp::socket::shutdown_send, gone);
  asio::steady_timer limit(client_.get_executor(), std::chrono::seconds(1));
  co_await (discard_rest() || limit.async_wait(use_awaitable));
}

asio::awaitable<void> pool_session::discard_rest()
{
  std::error_code ended;
  while (!ended) {
    input_.resize(4096);
    co_await client_.async_read_some(asio::buffer(input_), redirect_error(use_awaitable, ended));
  }
}
