#include "scenes.hpp"

#include <algorithm>
#include <fstream>
#include <vector>

#include "client.hpp"
#include "server_process.hpp"
#include "test_data.hpp"

using asio::ip::tcp;

namespace {

constexpr std::size_t mebibyte = 1 << 20;

bool contains(const std::string& line, std::string_view text)
{
  return line.find(text) != std::string::npos;
}

std::size_t count_reports(const server_process& server, std::string_view text)
{
  const auto reports = server.reports();
  const auto count = std::ranges::count_if(reports, [&](const std::string& line) { return contains(line, text); });
  return static_cast<std::size_t>(count);
}

// While the server runs on: the kernel's own list, where it has one.
bool has_children(pid_t process)
{
  const std::string id = std::to_string(process);
  std::ifstream children("/proc/" + id + "/task/" + id + "/children");
  pid_t first = -1;
  return static_cast<bool>(children >> first);
}

/// Waits for the reports of so many workers, and ends the server.
void finish(server_process& server, std::size_t workers, checks& results)
{
  server.await_reports(workers);
  results.expect(!has_children(server.id()), "every worker is reaped while the server runs on");
  const subprocess::exit_status status = server.terminate();
  for (const std::string& line : server.log())
    results.note("server: " + line);
  results.expect(status.success(), "after SIGTERM the server ends with " + to_string(status));
}

/// The largest number of workers that ran at the same time.
std::size_t most_at_once(const std::vector<std::string>& log)
{
  std::size_t running = 0;
  std::size_t most = 0;
  for (const std::string& line : log)
    if (contains(line, " started"))
      most = std::max(most, ++running);
    else if (line.starts_with("worker "))
      --running;
  return most;
}

} // namespace

void sorted_text(const std::string& server, checks& results)
{
  results.scene("a text through sort, from two clients");
  asio::io_context loop;
  server_process sorter(loop, server, {"--per-connection", "--", "sort"});
  const std::vector<std::string> texts = {some_text(40'000, 1), some_text(20'000, 2)};
  const auto answers = exchange(loop, sorter.endpoint(), texts);
  for (std::size_t i = 0; i < texts.size(); ++i)
    results.expect(answers[i] == sorted(texts[i]), std::to_string(texts[i].size()) + " bytes came back sorted");
  finish(sorter, texts.size(), results);
}

void gzip_and_back(const std::string& server, checks& results)
{
  results.scene("50 MiB through gzip -c, and back through gzip -dc, from two clients");
  asio::io_context loop;
  const std::vector<std::string> data = {some_bytes(50 * mebibyte, 3), some_bytes(50 * mebibyte, 4)};

  server_process packer(loop, server, {"--per-connection", "--", "gzip", "-c"});
  const auto packed = exchange(loop, packer.endpoint(), data);
  for (const std::string& answer : packed)
    results.expect(!answer.empty() && answer.size() < data[0].size(),
                   std::to_string(data[0].size()) + " bytes became " + std::to_string(answer.size()));
  finish(packer, packed.size(), results);

  server_process unpacker(loop, server, {"--per-connection", "--", "gzip", "-dc"});
  const auto unpacked = exchange(loop, unpacker.endpoint(), packed);
  for (std::size_t i = 0; i < data.size(); ++i)
    results.expect(unpacked[i] == data[i], "byte by byte the same after the way back");
  finish(unpacker, unpacked.size(), results);
}

void simultaneous_echo(const std::string& server, checks& results)
{
  results.scene("4 MiB each through cat, from eight clients at once, with four workers");
  asio::io_context loop;
  server_process echo(loop, server, {"--per-connection", "--max-workers", "4", "--", "cat"});
  std::vector<std::string> data;
  for (unsigned client = 0; client < 8; ++client)
    data.push_back(some_bytes(4 * mebibyte, client));
  const auto answers = exchange(loop, echo.endpoint(), data);
  for (std::size_t i = 0; i < data.size(); ++i)
    results.expect(answers[i] == data[i], "client " + std::to_string(i + 1) + " got back what it had sent");
  finish(echo, data.size(), results);
  const std::size_t most = most_at_once(echo.log());
  results.expect(most >= 1 && most <= 4, std::to_string(most) + " workers ran at the same time");
}

void failing_worker(const std::string& server, checks& results)
{
  results.scene("a worker that fails while its client still sends");
  asio::io_context loop;
  server_process failing(loop, server, {"--per-connection", "--", "sh", "-c", "echo partial; exit 3"});
  const std::string unwanted = some_bytes(8 * mebibyte, 5);
  for (const char* const round : {"the first client", "the next client"}) {
    const auto answers = exchange(loop, failing.endpoint(), {unwanted});
    results.expect(answers[0] == "partial\n", std::string(round) + " got what the worker wrote");
  }
  finish(failing, 2, results);
  results.expect(count_reports(failing, ": exit code: 3,") == 2, "the server reports exit code 3, twice");
}

void vanishing_client(const std::string& server, checks& results)
{
  results.scene("clients that vanish in mid-stream");
  asio::io_context loop;
  server_process endless(loop, server, {"--per-connection", "--", "yes"});
  run_coroutine(loop, vanish(endless.endpoint(), 100'000));
  run_coroutine(loop, vanish(endless.endpoint(), 1));
  finish(endless, 2, results);

  server_process silent(loop, server, {"--per-connection", "--", "sh", "-c", "echo; exec sleep 1000"});
  run_coroutine(loop, vanish(silent.endpoint(), 1));
  finish(silent, 1, results);
  results.expect(count_reports(silent, ": signal: 15 (SIGTERM),") == 1, "a worker that says nothing is told to end");
}

void stop_with_workers(const std::string& server, checks& results)
{
  results.scene("SIGTERM with four workers running, one of which ignores it");
  asio::io_context loop;
  server_process busy(loop, server,
                      {"--per-connection", "--grace", "500", "--", "sh", "-c",
                       "read order; [ \"$order\" = ignore ] && trap '' TERM; echo ready; exec sleep 1000"});
  std::vector<tcp::socket> connections;
  std::vector<std::string> answers(4);
  for (std::string& answer : answers)
    run_coroutine(loop, greet(connections.emplace_back(loop), busy.endpoint(),
                              connections.size() == 1 ? "ignore" : "obey", answer));
  results.expect(std::ranges::count(answers, "ready\n") == 4, "four workers run");

  const subprocess::exit_status status = busy.terminate();
  for (const std::string& line : busy.log())
    results.note("server: " + line);
  results.expect(status.success(), "the server ends with " + to_string(status));
  results.expect(count_reports(busy, ": signal: 15 (SIGTERM),") == 3, "three workers ended on SIGTERM");
  results.expect(count_reports(busy, ": signal: 9 (SIGKILL),") == 1, "the fourth was killed after the grace");
  for (std::size_t i = 0; i < connections.size(); ++i)
    run_coroutine(loop, read_to_end(connections[i], answers[i]));
  results.expect(std::ranges::count(answers, "ready\n") == 4, "every client sees the end of its connection");
}
