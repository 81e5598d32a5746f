// Pools under load: many requests, many workers, workers that are killed, and servers
// that accept by themselves.

#include <asio_integration/worker_pool.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "pool_fixture.hpp"

namespace subprocess::tests {
namespace {

class pool_under_load : public pooled {
protected:
  // The library's own children are left alone.
  void kill_one_of_the_workers()
  {
    std::vector<pid_t> running = children();
    std::erase_if(running, [&](pid_t pid) { return std::ranges::find(told, pid, &pool_event::pid) == told.end(); });
    if (!running.empty())
      ::kill(running[dice() % running.size()], SIGKILL);
  }

  std::mt19937 dice{7};
};
SUBPROCESS_FOR_EACH_SETUP(pool_under_load);

int answers_of(const std::deque<customer>& all)
{
  int sum = 0;
  for (const customer& one : all)
    sum += one.served + one.failed;
  return sum;
}

int failures_of(const std::deque<customer>& all)
{
  int sum = 0;
  for (const customer& one : all)
    sum += one.failed;
  return sum;
}

TEST_P(pool_under_load, answers_each_of_10000_requests_once_while_workers_are_killed)
{
  constexpr int customers = 8;
  constexpr int requests = 1250;
  start_pool(line_worker(), patient(3));
  std::deque<customer> all;
  for (int i = 0; i < customers; ++i)
    all.emplace_back(*pool, i, requests).go_on();
  for (int next = 40; next < customers * requests; next += 40 + static_cast<int>(dice() % 160)) {
    run_until([&] { return answers_of(all) >= next; });
    kill_one_of_the_workers();
  }
  run_until([&] { return answers_of(all) == customers * requests; });
  EXPECT_GT(pool->counts().deaths, 30u);
  EXPECT_LE(static_cast<std::uint64_t>(failures_of(all)), pool->counts().deaths);
  cancel_run();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
  for (const customer& one : all)
    EXPECT_EQ(one.served + one.failed, requests); // None twice.
}

// ---- many workers ----

// Three descriptors for each.
bool room_for_descriptors(rlim_t needed)
{
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == -1 || files.rlim_max < needed)
    return false;
  files.rlim_cur = std::max(files.rlim_cur, needed);
  return ::setrlimit(RLIMIT_NOFILE, &files) == 0;
}

TEST_P(pool_under_load, a_thousand_workers_work)
{
  const auto many = static_cast<std::size_t>(rounds(1000));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  if (!room_for_descriptors(4 * many))
    GTEST_SKIP() << "RLIMIT_NOFILE is " << before.rlim_max;
  start_pool(line_worker(), patient(many));
  finished ready;
  pool->async_wait_ready(many, ready.handler());
  run_until([&] { return ready.calls == 1 || run.calls == 1; });
  if (run.ec == code_of(EAGAIN)) {
    ::setrlimit(RLIMIT_NOFILE, &before);
    GTEST_SKIP() << "there may not be so many processes";
  }
  ASSERT_FALSE(ready.ec) << ready.ec.message();

  std::deque<worker_lease> leases;
  for (std::size_t i = 0; i < many; ++i)
    leases.push_back(acquire());
  EXPECT_EQ(pool->counts().leased, many);
  std::size_t right = 0;
  for (std::size_t i = 0; i < many; ++i)
    leases[i].async_request(std::to_string(i), [&, i](std::error_code ec, const std::string& answer) {
      right += !ec && answer == "re: " + std::to_string(i);
      leases[i].done();
    });
  run_until([&] { return pool->counts().ready == many; });
  EXPECT_EQ(right, many);
  cancel_run();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
  EXPECT_EQ(pool->counts().deaths, 0u);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

// ---- servers that accept by themselves ----

struct listening {
  unique_fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  sockaddr_in address{};

  listening()
  {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket.get(), 64), 0);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  }
};

// Connects again and again, and counts who answers.
class visitors {
public:
  explicit visitors(const sockaddr_in& address)
  {
    for (int i = 0; i < 3; ++i)
      threads_.emplace_back([this, address] {
        while (!over_)
          visit(address);
      });
  }
  ~visitors() { leave(); }

  void leave()
  {
    over_ = true;
    for (std::thread& one : threads_)
      one.join();
    threads_.clear();
  }

  std::atomic<int> old_ones = 0;
  std::atomic<int> new_ones = 0;
  std::atomic<int> refused = 0; // Or cut off.

private:
  void visit(const sockaddr_in& address)
  {
    const unique_fd connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char text[8] = {};
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::recv(connection.get(), text, 4, MSG_WAITALL) == 4)
      ++(std::string_view(text) == "old\n" ? old_ones : new_ones);
    else
      ++refused;
  }

  std::vector<std::thread> threads_;
  std::atomic<bool> over_ = false;
};

TEST_P(pool_under_load, servers_that_accept_are_replaced_without_a_refused_connection)
{
  const listening place;
  const auto server = [&](std::string_view name) {
    return helper({"accept-worker", name})
        .listen_fds({place.socket.get()})
        .stdin_from(stdio::null())
        .stdout_to(stdio::inherit());
  };
  start_pool(server("old"), patient(3));
  visitors all(place.address);
  run_until([&] { return all.old_ones >= 50; });
  finished replaced;
  pool->async_replace(server("new"), replaced.handler());
  run_until([&] { return replaced.calls == 1; });
  EXPECT_FALSE(replaced.ec) << replaced.ec.message();
  const int last_old = all.old_ones + 3; // Answered before, and not counted yet.
  const int before = all.new_ones;
  run_until([&] { return all.new_ones >= before + 50; });
  EXPECT_LE(all.old_ones, last_old);
  all.leave();
  EXPECT_EQ(all.refused, 0);
  EXPECT_EQ(pool->counts().deaths, 0u);
}

// ---- for long ----

// A second, or as many as SUBPROCESS_SOAK_SECONDS says: ./dev soak has 120.
std::chrono::milliseconds soak_time()
{
  const char* const text = std::getenv("SUBPROCESS_SOAK_SECONDS");
  return std::chrono::seconds(text ? std::strtol(text, nullptr, 10) : 1);
}

std::size_t resident_pages()
{
  std::size_t all = 0;
  std::size_t resident = 0;
  std::istringstream(content_of("/proc/self/statm")) >> all >> resident;
  return resident;
}

TEST_P(pool_under_load, soaks)
{
  worker_pool_options options = patient(4);
  options.recycle = {.uses = 200, .jitter = 100};
  start_pool(line_worker(), options);
  const auto end = std::chrono::steady_clock::now() + soak_time() / static_cast<long>(io_setups().size());
  std::uint64_t total = 0;
  std::size_t early_pages = 0;
  for (unsigned round = 0; round < 2 || std::chrono::steady_clock::now() < end; ++round) {
    std::deque<customer> all;
    for (int i = 0; i < 8; ++i)
      all.emplace_back(*pool, i, 100).go_on();
    run_until([&] { return answers_of(all) >= 300; });
    kill_one_of_the_workers();
    pool->resize(2 + round % 4);
    finished replaced;
    if (round % 5 == 0)
      pool->async_replace(line_worker().env("ROUND", std::to_string(round)), replaced.handler());
    run_until([&] { return answers_of(all) == 800 && (round % 5 != 0 || replaced.calls == 1); });
    total += 800;
    EXPECT_LE(failures_of(all), 1);
    told.clear();
    if (round == 20)
      early_pages = resident_pages();
  }
  if (early_pages > 0) {
    EXPECT_LT(resident_pages(), early_pages + 1024) << "after " << total << " requests";
  }
  cancel_run();
  EXPECT_EQ(result_of_run(), asio::error::operation_aborted);
}

} // namespace
} // namespace subprocess::tests
