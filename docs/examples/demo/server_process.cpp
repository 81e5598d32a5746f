#include "server_process.hpp"

#include <csignal>
#include <exception>
#include <stdexcept>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

void run_to_end(asio::io_context& loop)
{
  loop.restart();
  loop.run_for(std::chrono::minutes(1));
  if (!loop.stopped())
    throw std::runtime_error("nothing happened for too long");
}

void run_coroutine(asio::io_context& loop, asio::awaitable<void> coroutine)
{
  std::exception_ptr failure;
  asio::co_spawn(loop, std::move(coroutine), [&](std::exception_ptr thrown) { failure = std::move(thrown); });
  run_to_end(loop);
  if (failure)
    std::rethrow_exception(failure);
}

server_process::server_process(asio::io_context& loop, const std::string& program,
                               std::initializer_list<std::string_view> arguments)
    : loop_(loop)
{
  subprocess::command server(program, arguments);
  server.env("LC_ALL", "C").stdin_from(subprocess::stdio::null()).stdout_to(subprocess::stdio::pipe());
  process_ = subprocess::spawn(loop, server);

  run_coroutine(loop_, read_log([this] { return !log_.empty(); }));
  constexpr std::string_view greeting = "listening on port ";
  if (!log_.front().starts_with(greeting))
    throw std::runtime_error("the server said: " + log_.front());
  port_ = static_cast<asio::ip::port_type>(std::stoi(log_.front().substr(greeting.size())));
}

void server_process::await_reports(std::size_t count)
{
  run_coroutine(loop_, read_log([this, count] { return reports().size() >= count; }));
}

asio::awaitable<std::string> server_process::told(std::string text)
{
  while (true) {
    co_await read_log([this] { return found_ < log_.size(); });
    if (found_ == log_.size())
      throw std::runtime_error("the server never said: " + text);
    const std::string& line = log_[found_++];
    if (line.find(text) != std::string::npos)
      co_return line;
  }
}

asio::awaitable<void> server_process::stands_at(std::string text)
{
  asio::steady_timer pause(loop_);
  while (true) {
    send_signal(SIGUSR1);
    const std::string counts = co_await told(" deaths, ");
    if (counts.find(text) != std::string::npos)
      co_return;
    pause.expires_after(std::chrono::milliseconds(10));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

subprocess::exit_status server_process::terminate()
{
  send_signal(SIGTERM);
  return end();
}

subprocess::exit_status server_process::end()
{
  run_coroutine(loop_, read_log([] { return false; }));
  subprocess::exit_status status;
  process_.async_wait([&](std::error_code, subprocess::exit_status ended) { status = ended; });
  run_to_end(loop_);
  return status;
}

std::vector<std::string> server_process::reports() const
{
  std::vector<std::string> found;
  for (const std::string& line : log_)
    if (line.starts_with("worker ") && line.find(" of ") != std::string::npos)
      found.push_back(line);
  return found;
}

// Line by line until there is enough, or the server has closed its stdout.
asio::awaitable<void> server_process::read_log(std::function<bool()> enough)
{
  while (!enough()) {
    std::error_code ec;
    const std::size_t size = co_await asio::async_read_until(process_.stdout_pipe(), asio::dynamic_buffer(unread_),
                                                             '\n', asio::redirect_error(asio::use_awaitable, ec));
    if (ec == asio::error::eof)
      co_return;
    if (ec)
      throw std::system_error(ec, "the server's log");
    log_.push_back(unread_.substr(0, size - 1));
    unread_.erase(0, size);
  }
}
