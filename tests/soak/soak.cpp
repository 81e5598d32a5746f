// Children through every road, without pause, cancelled, dropped and killed at random,
// on an event loop that several threads run, beside a thread that makes blocking calls and
// one that forks the whole program; at the end nothing of it may be left.
//
//   soak [--seconds N] [--threads N] [--walkers N] [--seed N] [--sigchld] [--no-memory]
//
// The last line tells the figures, `N passed, N failed, N skipped`: one for each promise.

#include <sys/wait.h>
#include <unistd.h>

#include <asio.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <asio_integration/asio_integration.hpp>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/pipes.hpp"
#include "support/programs.hpp"

namespace {

using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using namespace subprocess;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using tests::helper;

struct options {
  std::chrono::seconds duration = 20s;
  unsigned threads = 3;
  unsigned walkers = 12;
  unsigned seed = std::random_device()();
  reaper_source source = reaper_source::automatic;
  bool watches_memory = true; // A sanitizer's own grows.
};

enum road {
  blocking,
  spawned,
  async_spawned,
  ran,
  captured,
  terminal,
  piped,
  communicated,
  limited,
  pooled,
  road_count
};
constexpr const char* names[] = {"blocking", "spawn",    "async_spawn", "async_run", "async_capture",
                                 "terminal", "pipeline", "communicate", "limit",     "pool"};

std::array<std::atomic<unsigned long>, road_count> done;
std::atomic<unsigned long> wrong;

void check(bool right, const char* what, std::error_code ec = {})
{
  if (right)
    return;
  ++wrong;
  std::cerr << "wrong: " << what << (ec ? ": " + ec.message() : "") << std::endl;
}

/// Cancels one operation after a random time, now and then twice, mostly never.
class canceller {
public:
  canceller(const asio::any_io_executor& executor, std::mt19937& random) : state_(std::make_shared<state>(executor))
  {
    const auto dice = random() % 10;
    times_ = dice < 6 ? 0 : dice < 9 ? 1 : 2;
    arm(state_, times_, std::chrono::microseconds(random() % 6000));
  }
  ~canceller() { state_->timer.cancel(); }

  bool may_have_cancelled() const { return times_ > 0; }

  template <class Token>
  auto operator()(Token&& token)
  {
    return asio::bind_cancellation_slot(state_->signal.slot(), std::forward<Token>(token));
  }

private:
  struct state {
    explicit state(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    asio::cancellation_signal signal;
  };

  static void arm(const std::shared_ptr<state>& s, int times, std::chrono::microseconds delay)
  {
    if (times == 0)
      return;
    s->timer.expires_after(delay);
    s->timer.async_wait([s, times, delay](std::error_code ec) {
      if (ec)
        return;
      s->signal.emit(asio::cancellation_type::terminal);
      arm(s, times - 1, delay / 4);
    });
  }

  std::shared_ptr<state> state_;
  int times_ = 0;
};

// Made here, since g++ 12 takes no braced list in a coroutine that awaits.
command exits()
{
  return helper({"exit", "7"});
}
command hangs()
{
  return helper({"hang"});
}
command cats()
{
  return helper({"cat"});
}
command cats_on_a_terminal()
{
  return cats().stdin_from(stdio::pty()).stdout_to(stdio::pty());
}
command cats_between_pipes()
{
  return cats().stdin_from(stdio::pipe()).stdout_to(stdio::pipe());
}
pipeline echoes()
{
  return helper({"echo", "through"}) | cats() | cats();
}

/// One of those who start children, one after the other, on a strand.
class walker {
public:
  walker(asio::io_context& loop, worker_pool& pool, clock_type::time_point end, unsigned seed)
      : executor_(asio::make_strand(loop)), pool_(pool), end_(end), random_(seed)
  {
  }

  void start(std::function<void()> at_end)
  {
    asio::co_spawn(executor_, walk(), [at_end = std::move(at_end)](std::exception_ptr failure) {
      try {
        if (failure)
          std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        check(false, error.what());
      }
      at_end();
    });
  }

private:
  awaitable<void> walk()
  {
    while (clock_type::now() < end_) {
      const auto way = static_cast<road>(1 + random_() % (road_count - 1));
      co_await go(way);
      ++done[way];
    }
  }

  awaitable<void> go(road way)
  {
    switch (way) {
    case spawned: return live(false);
    case async_spawned: return live(true);
    case ran: return run_one();
    case captured: return capture_one(cats(), random_() % 100'000);
    case terminal: return capture_one(cats_on_a_terminal(), 0);
    case piped: return pipe_one();
    case communicated: return communicate_one();
    case limited: return limit_one();
    default: return ask_pool();
    }
  }

  command next_command(bool will_be_ended)
  {
    switch (random_() % 4) {
    case 0: return will_be_ended ? hangs() : exits();
    case 1: return helper({"sleep", "2"});
    default: return exits();
    }
  }

  // Started, then killed, stopped, waited for or dropped.
  awaitable<void> live(bool off_the_loop)
  {
    enum { dropped, killed, stopped, awaited };
    const auto fate = random_() % 4;
    std::error_code ec;
    async_child child;
    command what = next_command(fate != awaited);
    if (off_the_loop) {
      canceller cancel(executor_, random_);
      child = co_await async_spawn(executor_, std::move(what), cancel(redirect_error(use_awaitable, ec)));
      check(!ec || (cancel.may_have_cancelled() && ec == asio::error::operation_aborted), "async_spawn", ec);
    } else {
      child = spawn(executor_, what, ec);
      check(!ec, "spawn", ec);
    }
    if (ec || fate == dropped) // Which kills it, and reaps it in the background.
      co_return;
    if (fate == killed)
      child.kill(ec);
    canceller cancel(executor_, random_);
    if (fate == stopped) {
      co_await child.async_stop(1ms, cancel(redirect_error(use_awaitable, ec)));
      co_return;
    }
    const exit_status status = co_await child.async_wait(cancel(redirect_error(use_awaitable, ec)));
    check(ec ? ec == asio::error::operation_aborted : status != exit_status(), "async_wait", ec);
    const bool is_known = child.status().has_value();
    child.kill(ec);
    check(!is_known || ec == std::errc::invalid_argument, "a kill after the status is known", ec);
  }

  awaitable<void> run_one()
  {
    std::error_code ec;
    canceller cancel(executor_, random_);
    const exit_status status = co_await async_run(executor_, exits(), cancel(redirect_error(use_awaitable, ec)));
    check(ec ? cancel.may_have_cancelled() : status.code() == 7, "async_run", ec);
  }

  awaitable<void> capture_one(command what, std::size_t size)
  {
    std::error_code ec;
    canceller cancel(executor_, random_);
    capture_options given;
    if (size)
      given.input = std::string(size, 'x');
    const captured_output output =
        co_await async_capture(executor_, std::move(what), std::move(given), cancel(redirect_error(use_awaitable, ec)));
    check(ec ? cancel.may_have_cancelled() : output.out.size() == size, "async_capture", ec);
  }

  awaitable<void> pipe_one()
  {
    std::error_code ec;
    canceller cancel(executor_, random_);
    const pipeline_result result =
        co_await async_pipeline(executor_, echoes(), cancel(redirect_error(use_awaitable, ec)));
    check(ec ? cancel.may_have_cancelled() : result.out == "through\n", "async_pipeline", ec);
  }

  awaitable<void> communicate_one()
  {
    std::error_code ec;
    async_child child = co_await async_spawn(executor_, cats_between_pipes(), redirect_error(use_awaitable, ec));
    check(!ec, "async_spawn", ec);
    if (ec)
      co_return;
    canceller cancel(executor_, random_);
    const captured_output output =
        co_await async_communicate(child, std::string("ask"), cancel(redirect_error(use_awaitable, ec)));
    check(ec ? cancel.may_have_cancelled() : output.out == "ask", "async_communicate", ec);
  }

  awaitable<void> limit_one()
  {
    std::error_code ec;
    run_options within;
    within.limit = std::chrono::microseconds(random_() % 4000);
    co_await async_run(executor_, hangs(), std::move(within), redirect_error(use_awaitable, ec));
    check(ec == std::errc::timed_out, "async_run within a limit", ec);
  }

  // The worker may be killed by its user, or by another's cancellation.
  awaitable<void> ask_pool()
  {
    std::error_code ec;
    canceller cancel(executor_, random_);
    worker_lease worker = co_await pool_.async_acquire(cancel(redirect_error(use_awaitable, ec)));
    if (ec) {
      check(cancel.may_have_cancelled(), "async_acquire", ec);
      co_return;
    }
    if (random_() % 20 == 0)
      worker.child().kill(ec);
    const std::string question = std::to_string(random_());
    const std::string answer = co_await worker.async_request(question, redirect_error(use_awaitable, ec));
    if (!ec) {
      check(answer == "re: " + question, "the answer of a worker");
      worker.done();
    }
  }

  asio::any_io_executor executor_;
  worker_pool& pool_;
  const clock_type::time_point end_;
  std::mt19937 random_;
};

void call_blocking(clock_type::time_point end, unsigned seed)
{
  std::mt19937 random(seed);
  for (; clock_type::now() < end; ++done[blocking]) {
    std::error_code ec;
    switch (random() % 4) {
    case 0: check(run(helper({"exit", "3"}), ec).code() == 3, "run", ec); break;
    case 1: check(capture(helper({"echo", "said"}), ec).out == "said\n", "capture", ec); break;
    case 2: {
      child dropped = spawn(helper({"exit", "0"}), ec);
      check(!ec, "spawn", ec);
      break;
    }
    default:
      run(helper({"hang"}), {.limit = std::chrono::microseconds(random() % 3000)}, ec);
      check(ec == std::errc::timed_out, "run within a limit", ec);
    }
  }
}

/// A fork of the whole program, which does nothing but live as long as this.
class living_copy {
public:
  living_copy() : pid_(::fork())
  {
    if (pid_ == 0)
      live();
    alive_.read_end.reset();
  }
  ~living_copy()
  {
    alive_.write_end.reset();
    if (pid_ != -1)
      ::waitpid(pid_, nullptr, 0);
  }
  living_copy(const living_copy&) = delete;
  living_copy& operator=(const living_copy&) = delete;

private:
  [[noreturn]] void live()
  {
    alive_.write_end.reset();
    char none;
    while (::read(alive_.read_end.get(), &none, 1) == -1 && errno == EINTR) {
    }
    ::_exit(0);
  }

  tests::pipe_ends alive_ = tests::make_pipe(); // Before the fork.
  const pid_t pid_;
};

// Each copy lives while a few children come and go.
void fork_the_host(clock_type::time_point end, unsigned seed)
{
  std::mt19937 random(seed);
  while (clock_type::now() < end) {
    const living_copy copy;
    for (auto left = random() % 20; left > 0; --left) {
      std::error_code ec;
      check(run(helper({"exit", "4"}), ec).code() == 4, "run beside a copy", ec);
    }
  }
}

/// Of a line of /proc/self/status; -1 when there is none.
long status_value(const std::string& name)
{
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":"))
      return std::atol(line.c_str() + name.size() + 1);
  return -1;
}

// What the heap may still be torn into; a leak of a few bytes for each child is more.
constexpr long most_growth = 2048; // KiB

void soak(const options& given)
{
  const auto begin = clock_type::now();
  const auto end = begin + given.duration;
  asio::io_context loop;
  use_reaper(loop, given.source);
  worker_pool_options of_pool;
  of_pool.size = 2;
  of_pool.most_deaths = 1'000'000;
  of_pool.delay.first = 1ms;
  of_pool.delay.most = 2ms;
  const auto supervisor = asio::make_strand(loop);
  worker_pool pool(supervisor, helper({"line-worker"}), std::move(of_pool));
  asio::cancellation_signal stop_pool;
  pool.async_run(asio::bind_cancellation_slot(stop_pool.slot(), [](std::error_code ec) {
    check(ec == asio::error::operation_aborted, "the end of the pool", ec);
  }));

  std::vector<std::unique_ptr<walker>> walkers;
  std::atomic<unsigned> walking = given.walkers;
  for (unsigned i = 0; i < given.walkers; ++i) {
    walkers.push_back(std::make_unique<walker>(loop, pool, end, given.seed + i));
    walkers.back()->start([&] {
      if (--walking == 0)
        asio::post(supervisor, [&] { stop_pool.emit(asio::cancellation_type::terminal); });
    });
  }

  // What has grown by the first quarter is there to stay; from then on nothing grows.
  asio::steady_timer quarter(loop, given.duration / 4);
  long resident = 0;
  quarter.async_wait([&](std::error_code) { resident = status_value("VmRSS"); });

  std::vector<std::thread> threads;
  for (unsigned i = 0; i < given.threads; ++i)
    threads.emplace_back([&] { loop.run(); });
  threads.emplace_back(call_blocking, end, given.seed + 1000);
  threads.emplace_back(fork_the_host, end, given.seed + 2000);
  for (std::thread& thread : threads)
    thread.join();
  const long grown = status_value("VmRSS") - resident;
  std::cout << "resident memory after a quarter of the time " << resident << " KiB, and since then " << grown
            << " KiB\n";
  if (given.watches_memory)
    check(grown < most_growth, "resident memory has grown");
}

options read_options(int argc, char** argv)
{
  options given;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto number = [&] { return static_cast<unsigned>(i + 1 < argc ? std::strtoul(argv[++i], nullptr, 10) : 0); };
    if (name == "--seconds")
      given.duration = std::chrono::seconds(number());
    else if (name == "--threads")
      given.threads = number();
    else if (name == "--walkers")
      given.walkers = number();
    else if (name == "--seed")
      given.seed = number();
    else if (name == "--sigchld")
      given.source = reaper_source::sigchld;
    else if (name == "--no-memory")
      given.watches_memory = false;
  }
  return given;
}

/// Whether it comes true, now or soon: what was dropped ends in the background.
template <class Condition>
void check_soon(const char* what, Condition condition)
{
  run(helper({"exit", "0"})); // Takes what was dropped.
  check(tests::eventually(condition, 5s), what);
}

} // namespace

int main(int argc, char** argv)
{
  const options given = read_options(argc, argv);
  // What stays for the program's life is there from now on, the keeper of those that die
  // with it as well.
  command first = helper({"exit", "0"});
  run(first.die_with_program());
  const auto descriptors = tests::open_descriptors();
  const long threads = status_value("Threads");
  std::cout << "seed " << given.seed << std::endl;

  soak(given);
  check_soon("descriptors are left", [&] { return tests::open_descriptors() == descriptors; });
  check_soon("children are left", [] { return !tests::has_children(); });
  check_soon("threads are left", [&] { return status_value("Threads") == threads; });

  unsigned long children = 0;
  for (int way = 0; way < road_count; ++way) {
    children += done[way];
    std::cout << names[way] << ' ' << done[way] << ", ";
    check(done[way] > 0, "a road was not taken");
  }
  std::cout << "together " << children << "\n1 passed, " << wrong << " failed, 0 skipped\n";
  return wrong ? 1 : 0;
}
