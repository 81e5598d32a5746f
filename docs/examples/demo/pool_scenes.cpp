// Requests, and what may happen to those who answer them.

#include "scenes.hpp"

#include <sys/types.h>

#include <cctype>
#include <csignal>
#include <optional>
#include <sstream>
#include <vector>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/this_coro.hpp>

#include "client.hpp"
#include "line_client.hpp"
#include "pool_worker.hpp"
#include "server_process.hpp"
#include "test_data.hpp"

using namespace asio::experimental::awaitable_operators;

namespace {

void finish(server_process& server, const subprocess::exit_status& status, checks& results)
{
  for (const std::string& line : server.log())
    results.note("server: " + line);
  results.expect(status.success(), "after SIGTERM the server ends with " + to_string(status));
}

std::string in_capitals(std::string text)
{
  for (char& one : text)
    one = static_cast<char>(std::toupper(static_cast<unsigned char>(one)));
  return text;
}

std::string each_line_in_capitals(const std::string& text)
{
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);)
    result += "ok: " + in_capitals(line) + '\n';
  return result;
}

void expect_answer(checks& results, const std::optional<std::string>& answer, const std::string& expected)
{
  results.expect(answer == expected, answer ? "the answer: " + *answer : "no answer, for " + expected);
}

asio::awaitable<void> kill_in_mid_request(server_process& server, pid_t worker)
{
  co_await server.stands_at("1 leased");
  ::kill(worker, SIGKILL);
}

asio::awaitable<void> killing_scene(server_process& server, checks& results)
{
  line_client client(co_await asio::this_coro::executor);
  co_await client.connect(server.endpoint());
  const std::optional<std::string> pid = co_await client.ask("pid");
  const auto worker = static_cast<pid_t>(std::stol(pid.value_or("ok: v1 0").substr(7)));
  results.expect(worker > 0, "the worker that was used last is " + std::to_string(worker));
  co_await server.stands_at("0 leased"); // Or the lease that is seen next is still this one.
  const std::optional<std::string> lost = co_await (client.ask("hang") && kill_in_mid_request(server, worker));
  expect_answer(results, lost, "failed: Broken pipe, signal: 9 (SIGKILL)");
  expect_answer(results, co_await client.ask("again"), "ok: v1 again");
  co_await server.told(std::to_string(worker) + "): died: signal: 9 (SIGKILL)");
  co_await server.told("): ready");
}

asio::awaitable<void> hanging_scene(server_process& server, checks& results)
{
  line_client client(co_await asio::this_coro::executor);
  line_client other(co_await asio::this_coro::executor);
  co_await client.connect(server.endpoint());
  co_await other.connect(server.endpoint());
  const auto [hung, beside] = co_await (client.ask("hang") && other.ask("beside"));
  expect_answer(results, beside, "ok: v1 beside");
  expect_answer(results, hung, "failed: Connection timed out, signal: 15 (SIGTERM)");
  expect_answer(results, co_await client.ask("again"), "ok: v1 again");
  co_await server.told("stopping: lease_limit");
  co_await server.told("): ready");
}

} // namespace

void lines_of_text(const std::string& server, checks& results)
{
  results.scene("texts through two workers, line by line, from four clients at once");
  asio::io_context loop;
  server_process pool(
      loop, server, {"--workers", "2", "--", "sed", "-u", "y/abcdefghijklmnopqrstuvwxyz/ABCDEFGHIJKLMNOPQRSTUVWXYZ/"});
  std::vector<std::string> texts;
  for (unsigned client = 0; client < 4; ++client)
    texts.push_back(some_text(1000, client) + std::string(100'000, 'x') + '\n');
  const auto answers = exchange(loop, pool.endpoint(), texts);
  for (std::size_t i = 0; i < texts.size(); ++i)
    results.expect(answers[i] == each_line_in_capitals(texts[i]), "1001 answers are right, and in order");
  finish(pool, pool.terminate(), results);
}

void worker_killed_in_mid_request(const std::string& server, checks& results)
{
  results.scene("a worker that is killed in mid-request");
  asio::io_context loop;
  server_process pool(loop, server, {"--workers", "2", "--ready", "ready", "--", "sh", "-c", pool_worker, "sh", "v1"});
  run_coroutine(loop, killing_scene(pool, results));
  finish(pool, pool.terminate(), results);
}

void hung_worker(const std::string& server, checks& results)
{
  results.scene("a worker that hangs, by SIGSTOP");
  asio::io_context loop;
  server_process pool(loop, server,
                      {"--workers", "2", "--ready", "ready", "--limit", "500", "--grace", "300", "--", "sh", "-c",
                       pool_worker, "sh", "v1"});
  run_coroutine(loop, hanging_scene(pool, results));
  finish(pool, pool.terminate(), results);
}
