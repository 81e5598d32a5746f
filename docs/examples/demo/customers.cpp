#include "customers.hpp"

#include <chrono>
#include <optional>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "line_client.hpp"

using namespace asio::experimental::awaitable_operators;

asio::awaitable<void> customers::come(std::string name)
{
  line_client client(co_await asio::this_coro::executor);
  co_await client.connect(server_);
  for (unsigned number = 0; !leaving_; ++number) {
    const std::string question = name + " asks " + std::to_string(number);
    const std::optional<std::string> answer = co_await client.ask(question);
    if (!answer) {
      ++cut_off;
      co_return;
    }
    compare(question, *answer);
  }
}

asio::awaitable<void> customers::come_all()
{
  co_await (come("Ada") && come("Bob") && come("Cleo") && come("Dan") && come("Eve") && come("Finn") && come("Gus") &&
            come("Hope"));
}

asio::awaitable<void> customers::served(std::size_t more)
{
  asio::steady_timer pause(co_await asio::this_coro::executor);
  for (const std::size_t enough = total + more; total < enough && first_wrong.empty();) {
    pause.expires_after(std::chrono::milliseconds(5));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

void customers::compare(const std::string& question, const std::string& answer)
{
  const std::size_t version_end = answer.find(' ', 4);
  if (answer.starts_with("ok: ") && version_end != answer.npos && answer.substr(version_end + 1) == question) {
    ++right[answer.substr(4, version_end - 4)];
    ++total;
  } else if (first_wrong.empty())
    first_wrong = question + " -> " + answer;
}
