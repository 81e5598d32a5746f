// One child that lives long and answers line by line, shared by many coroutines:
// each sends a question and gets its own answer. When the worker dies, whoever
// still waits is told so.

#include <asio.hpp>

#include <csignal>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <asio_integration/asio_integration.hpp>

using asio::awaitable;
using asio::use_awaitable;

class line_worker {
public:
  line_worker(asio::io_context& loop, subprocess::command program)
      : child_(subprocess::spawn(loop,
                                 program.stdin_from(subprocess::stdio::pipe()).stdout_to(subprocess::stdio::pipe()))),
        answers_(child_.stdout_pipe()), news_(loop)
  {
  }

  /// Questions are answered in the order in which they were asked.
  awaitable<std::string> ask(std::string question)
  {
    const auto mine = std::make_shared<request>(child_.get_executor(), std::move(question));
    if (!death_) {
      waiting_.push_back(mine);
      news_.cancel();
      std::error_code woken;
      co_await mine->done.async_wait(asio::redirect_error(use_awaitable, woken));
    }
    if (!mine->answer)
      throw std::runtime_error("\"" + mine->question + "\" was not answered: the worker ended, " + *death_);
    co_return *mine->answer;
  }

  /// Works until close(), or until the worker is gone.
  awaitable<void> serve()
  {
    while (!waiting_.empty() || co_await more_to_do()) {
      if (!co_await answer(*waiting_.front()))
        break;
      waiting_.pop_front();
    }
    child_.stdin_pipe().close(); // The end of its work: it has a while to end by itself.
    const subprocess::stop_sequence patient = {{0, std::chrono::seconds(5)}, {SIGTERM, std::chrono::seconds(1)}};
    death_ = to_string(co_await child_.async_stop(patient, use_awaitable));
    for (const auto& one : std::exchange(waiting_, {}))
      one->done.cancel();
  }

  void close()
  {
    closed_ = true;
    news_.cancel();
  }

private:
  static constexpr auto never = std::chrono::steady_clock::time_point::max();

  struct request {
    request(const asio::any_io_executor& executor, std::string text) : question(std::move(text)), done(executor, never)
    {
    }

    std::string question;
    std::optional<std::string> answer;
    asio::steady_timer done; // Cancelled when there is an answer, or will be none.
  };

  awaitable<bool> more_to_do()
  {
    while (waiting_.empty() && !closed_) {
      std::error_code woken;
      news_.expires_at(never);
      co_await news_.async_wait(asio::redirect_error(use_awaitable, woken));
    }
    co_return !waiting_.empty();
  }

  awaitable<bool> answer(request& asked)
  {
    std::error_code ec;
    const std::string line = asked.question + '\n';
    co_await asio::async_write(child_.stdin_pipe(), asio::buffer(line), asio::redirect_error(use_awaitable, ec));
    const std::string text = co_await answers_.async_read_line(asio::redirect_error(use_awaitable, ec));
    if (ec) // It is gone: a broken pipe of the write is its end-of-file here.
      co_return false;
    asked.answer = text;
    asked.done.cancel();
    co_return true;
  }

  subprocess::async_child child_;
  subprocess::line_reader<subprocess::async_child::pipe_type> answers_;
  asio::steady_timer news_; // Cancelled when there is something to do.
  std::deque<std::shared_ptr<request>> waiting_;
  std::optional<std::string> death_;
  bool closed_ = false;
};

awaitable<void> customer(line_worker& worker, int number, int& served, int& refused)
{
  try {
    const std::string question = "question " + std::to_string(number);
    const std::string answer = co_await worker.ask(question);
    if (answer != "answer to " + question)
      throw std::logic_error("got \"" + answer + "\" for \"" + question + "\"");
    ++served;
  } catch (const std::runtime_error& error) {
    std::cout << error.what() << '\n';
    ++refused;
  }
  if (served + refused == 10)
    worker.close();
}

// Whether of ten customers so many are served, and the others told why not.
bool open_shop(const subprocess::command& program, int expected)
{
  int served = 0;
  int refused = 0;
  asio::io_context loop;
  line_worker worker(loop, program);
  const auto rethrow = [](std::exception_ptr failure) {
    if (failure)
      std::rethrow_exception(failure);
  };
  asio::co_spawn(loop, worker.serve(), rethrow);
  for (int i = 0; i < 10; ++i)
    asio::co_spawn(loop, customer(worker, i, served, refused), rethrow);
  loop.run();
  std::cout << served << " served, " << refused << " refused\n";
  return served == expected && served + refused == 10;
}

int main()
{
  const subprocess::command tireless("sed", {"-u", "s/^/answer to /"});
  const subprocess::command mortal("sed", {"-u", "s/^/answer to /; 3q7"});
  return open_shop(tireless, 10) && open_shop(mortal, 3) ? 0 : 1;
}
