// The life of a server with a pool: reloads, and its end in several ways.

#include "scenes.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/this_coro.hpp>

#include "client.hpp"
#include "customers.hpp"
#include "line_client.hpp"
#include "pool_worker.hpp"
#include "server_process.hpp"
#include "subreaper.hpp"

using namespace asio::experimental::awaitable_operators;

namespace {

/// A file that goes with the object, and holds the command of a server's workers.
class command_file {
public:
  command_file() : path_(std::filesystem::temp_directory_path() / ("demo-" + std::to_string(::getpid()) + ".command"))
  {
  }
  ~command_file() { std::filesystem::remove(path_); }
  command_file(const command_file&) = delete;
  command_file& operator=(const command_file&) = delete;

  const std::string& path() const { return path_; }

  void write(const std::string& program, const std::string& version) const
  {
    std::ofstream(path_) << program << "\n-c\n" << pool_worker << "\nsh\n" << version << '\n';
  }

private:
  std::string path_;
};

void note_log(const server_process& server, checks& results, std::string_view text = "")
{
  for (const std::string& line : server.log())
    if (line.find(text) != line.npos)
      results.note("server: " + line);
}

// From when on only workers of that version answer.
asio::awaitable<void> reload_to(server_process& server, customers& all, const command_file& file, std::string version,
                                checks& results)
{
  file.write("sh", version);
  server.send_signal(SIGHUP);
  co_await server.told("pool: replaced");
  co_await all.served(16); // Asked before, by each of eight, one at most; then again.
  const auto before = all.right;
  co_await all.served(200);
  for (const auto& [name, count] : all.right)
    results.expect(name == version ? count > 0 : before.contains(name) && before.at(name) == count,
                   std::to_string(count) + " answers by " + name);
}

asio::awaitable<void> reload_twice(server_process& server, customers& all, const command_file& file, checks& results)
{
  co_await all.served(200);
  co_await reload_to(server, all, file, "v2", results);
  co_await reload_to(server, all, file, "v3", results);
  file.write("/no/such/program", "v4");
  server.send_signal(SIGHUP);
  co_await server.told("pool: replace failed: No such file or directory");
  co_await all.served(200);
  results.expect(!all.right.contains("v4"), "what cannot be started leaves the old ones");
  all.leave();
}

asio::awaitable<void> terminate_when_full(server_process& server)
{
  co_await server.stands_at("4 leased, 0 starting, 0 stopping, 4 waiting");
  server.send_signal(SIGTERM);
}

asio::awaitable<void> ask_once(server_process& server, std::string question, std::size_t& answered, std::size_t& ended)
{
  line_client client(co_await asio::this_coro::executor);
  co_await client.connect(server.endpoint());
  const std::optional<std::string> answer = co_await client.ask(question);
  if (answer == "ok: v1 " + question)
    ++answered;
  const std::optional<std::string> after = co_await client.ask("one more");
  if (!after)
    ++ended;
}

asio::awaitable<void> terminate_when_served(server_process& server, customers& all)
{
  co_await all.served(500);
  server.send_signal(SIGTERM);
}

asio::awaitable<void> ask_of_a_crashing_one(server_process& server, std::string& answer)
{
  line_client client(co_await asio::this_coro::executor);
  co_await client.connect(server.endpoint());
  co_await server.told("backing off");
  const std::optional<std::string> got = co_await client.ask("anybody?");
  answer = got.value_or("none");
}

} // namespace

void crash_loop(const std::string& server, checks& results)
{
  results.scene("a worker that crashes again and again");
  asio::io_context loop;
  server_process pool(loop, server, {"--workers", "1", "--", "sh", "-c", "echo no luck >&2; exit 3"});
  std::string answer;
  run_coroutine(loop, ask_of_a_crashing_one(pool, answer));
  const subprocess::exit_status status = pool.end();
  note_log(pool, results);

  double expected = 100; // Of which up to a fifth is taken off by chance.
  int delays = 0;
  for (const std::string& line : pool.log())
    if (const std::size_t at = line.find("backing off for "); at != line.npos) {
      const double delay = std::stod(line.substr(at + 16));
      results.expect(delay <= expected && delay >= expected * .8 - 1, "a pause of " + line.substr(at + 16));
      expected *= 2;
      ++delays;
    }
  results.expect(delays == 5, std::to_string(delays) + " pauses, each twice as long as the one before");
  results.expect(answer.starts_with("failed: "), "who asks is told: " + answer);
  results.expect(status.code() == 1, "the server gives up, with " + to_string(status));
}

void reload_under_load(const std::string& server, checks& results)
{
  results.scene("other workers while eight clients ask: twice, and once such as cannot be started");
  asio::io_context loop;
  command_file file;
  file.write("sh", "v1");
  server_process pool(loop, server, {"--workers", "4", "--ready", "ready", "--command", file.path()});
  customers all(pool.endpoint());
  run_coroutine(loop, all.come_all() && reload_twice(pool, all, file, results));
  const subprocess::exit_status status = pool.terminate();
  note_log(pool, results, "relo");
  note_log(pool, results, "pool: ");
  results.expect(all.first_wrong.empty(), std::to_string(all.total) + " answers, all of them right " + all.first_wrong);
  results.expect(all.cut_off == 0, "no connection was lost");
  results.expect(status.success(), "after SIGTERM the server ends with " + to_string(status));
}

void stop_under_load(const std::string& server, checks& results)
{
  results.scene("SIGTERM while eight requests are under way, four of which wait for a worker");
  asio::io_context loop;
  server_process slow(loop, server, {"--workers", "4", "--ready", "ready", "--", "sh", "-c", pool_worker, "sh", "v1"});
  std::size_t answered = 0;
  std::size_t ended = 0;
  const auto ask = [&](const char* name) { return ask_once(slow, std::string("slow ") + name, answered, ended); };
  run_coroutine(loop, ask("a") && ask("b") && ask("c") && ask("d") && ask("e") && ask("f") && ask("g") && ask("h") &&
                          terminate_when_full(slow));
  subprocess::exit_status status = slow.end();
  note_log(slow, results);
  results.expect(answered == 8, std::to_string(answered) + " of 8 requests were answered");
  results.expect(ended == 8, "then all connections have ended");
  results.expect(status.success(), "the server ends with " + to_string(status));

  server_process quick(loop, server, {"--workers", "4", "--ready", "ready", "--", "sh", "-c", pool_worker, "sh", "v1"});
  customers all(quick.endpoint());
  run_coroutine(loop, all.come_all() && terminate_when_served(quick, all));
  status = quick.end();
  results.expect(all.first_wrong.empty(),
                 std::to_string(all.total) + " quick answers, all of them right " + all.first_wrong);
  results.expect(all.cut_off == 8, "all were told that it is over");
  results.expect(status.success(), "the server ends with " + to_string(status));
}

void server_killed(const std::string& server, checks& results)
{
  results.scene("SIGKILL for the server, whose workers would go on");
  asio::io_context loop;
  server_process pool(
      loop, server,
      {"--workers", "4", "--ready", "ready", "--", "sh", "-c", "trap '' TERM; echo ready; exec sleep 1000"});
  const auto all_ready = [](server_process& one) -> asio::awaitable<void> {
    for (int i = 0; i < 4; ++i)
      co_await one.told("): ready");
  };
  run_coroutine(loop, all_ready(pool));
  pool.send_signal(SIGKILL);
  const subprocess::exit_status status = pool.end();
  results.expect(status.signal() == SIGKILL, "the server ends with " + to_string(status));
  results.expect(no_child_is_left(std::chrono::seconds(10)), "none of its workers is left");
}
