#include "client.hpp"

#include <exception>

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "server_process.hpp"

using namespace asio::experimental::awaitable_operators;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;

namespace {

// A server may stop listening to us, as one does whose worker has ended; what
// it has to say counts all the same.
asio::awaitable<void> send(tcp::socket& connection, const std::string& data)
{
  std::error_code refused;
  co_await asio::async_write(connection, asio::buffer(data), redirect_error(use_awaitable, refused));
  connection.shutdown(tcp::socket::shutdown_send, refused);
}

asio::awaitable<void> talk(tcp::endpoint server, const std::string& data, std::string& answer)
{
  tcp::socket connection(co_await asio::this_coro::executor);
  co_await connection.async_connect(server, use_awaitable);
  co_await (send(connection, data) && read_to_end(connection, answer));
}

} // namespace

std::vector<std::string> exchange(asio::io_context& loop, const tcp::endpoint& server,
                                  const std::vector<std::string>& inputs)
{
  std::vector<std::string> answers(inputs.size());
  std::exception_ptr failure;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    asio::co_spawn(loop, talk(server, inputs[i], answers[i]), [&](const std::exception_ptr& thrown) {
      if (thrown)
        failure = thrown;
    });
  run_to_end(loop);
  if (failure)
    std::rethrow_exception(failure);
  return answers;
}

asio::awaitable<void> greet(tcp::socket& connection, const tcp::endpoint& server, std::string line, std::string& answer)
{
  co_await connection.async_connect(server, use_awaitable);
  line += '\n';
  co_await asio::async_write(connection, asio::buffer(line), use_awaitable);
  co_await asio::async_read_until(connection, asio::dynamic_buffer(answer), '\n', use_awaitable);
}

asio::awaitable<void> vanish(const tcp::endpoint& server, std::size_t bytes)
{
  tcp::socket connection(co_await asio::this_coro::executor);
  co_await connection.async_connect(server, use_awaitable);
  std::string taken(bytes, '\0');
  co_await asio::async_read(connection, asio::buffer(taken), use_awaitable);
  connection.set_option(asio::socket_base::linger(true, 0)); // Turns close() into a reset.
  connection.close();
}

asio::awaitable<void> read_to_end(tcp::socket& connection, std::string& text)
{
  std::error_code ended;
  co_await asio::async_read(connection, asio::dynamic_buffer(text), redirect_error(use_awaitable, ended));
}
