// Memory that is not there, in a pool: each allocation of its life fails in turn. All that
// were asked are told, or the call throws; the pool ends, no worker and no descriptor is
// left, and the next pool of the context works.

#include <asio_integration/worker_pool.hpp> // First: proves it stands alone.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <new>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "allocations.hpp"
#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

// A pool from its start to its end, with a request in between and another command.
class short_life {
public:
  short_life(asio::io_context& loop, const command& worker)
      : worker_(worker), pool_(loop, worker,
                               {.delay = {.first = 1ms, .most = 1ms},
                                .most_deaths = 1000,
                                .recycle = {.peak_rss = std::size_t(1) << 40}}) // Looked at, and never enough.
  {
  }

  void begin()
  {
    ask([this] { pool_.async_run(asio::bind_cancellation_slot(stop_.slot(), tell())); });
    if (asked == 0) // It does not run, and who waits for a worker would go on waiting.
      return;
    ask([this] {
      pool_.async_acquire([this](std::error_code ec, worker_lease lease) {
        ++told;
        if (ec)
          return end();
        lease_ = std::move(lease);
        ask([this] { request(); });
      });
    });
  }

  int asked = 0;
  int told = 0;
  bool is_served = false;
  bool is_replaced = false;

private:
  // What throws is not told of.
  template <class Call>
  void ask(Call call)
  {
    try {
      ++asked;
      call();
    } catch (const std::bad_alloc&) {
      --asked;
      end();
    }
  }

  std::function<void(std::error_code)> tell()
  {
    return [this](std::error_code) { ++told; };
  }

  void request()
  {
    lease_.async_request("x", [this](std::error_code ec, const std::string& answer) {
      ++told;
      is_served = answer == "re: x";
      if (!ec)
        lease_.done();
      lease_ = worker_lease();
      ask([this] { replace(); });
    });
  }

  void replace()
  {
    pool_.async_replace(worker_, [this](std::error_code ec) {
      ++told;
      is_replaced = !ec;
      end();
    });
  }

  void end()
  {
    lease_ = worker_lease();
    stop_.emit(asio::cancellation_type::terminal);
  }

  const command worker_;
  worker_pool pool_;
  worker_lease lease_;
  asio::cancellation_signal stop_;
};

class pool_memory : public io_fixture {
protected:
  static constexpr std::size_t most = 4000; // Allocations of one life; there are far fewer.

  // Until nothing is left to do; a handler's lack of memory comes out of run().
  static void run_dry(asio::io_context& loop)
  {
    for (int left = 3; left > 0; --left)
      try {
        loop.restart();
        loop.run_for(5s);
        return;
      } catch (const std::bad_alloc&) {
      }
  }

  /// A life in which the allocation after `others` fails.
  /// \return Whether one did.
  bool try_once(asio::io_context& loop, const command& worker, std::size_t others)
  {
    bool failed = false;
    int asked = 0;
    int told = 0;
    bool is_whole = false;
    fail_one_allocation_after(others);
    try {
      short_life life(loop, worker);
      life.begin();
      run_dry(loop);
      failed = stop_failing_allocations();
      asked = life.asked;
      told = life.told;
      is_whole = life.is_served && life.is_replaced;
    } catch (const std::bad_alloc&) { // The pool was not made.
      failed = stop_failing_allocations();
    }
    EXPECT_EQ(told, asked) << "somebody was not told, or twice";
    EXPECT_TRUE(failed || is_whole);
    loop.restart();
    loop.run_for(5s);
    EXPECT_TRUE(loop.stopped()) << "the loop is held";
    return failed;
  }
};
SUBPROCESS_FOR_EACH_SETUP(pool_memory);

// Whose workers wait for somebody to write.
TEST_P(pool_memory, that_is_not_there_ends_starts_that_hang)
{
  const scratch_directory scratch;
  const std::string silent = scratch / "silent";
  ASSERT_EQ(::mkfifo(silent.c_str(), 0600), 0);
  const command worker = helper({"line-worker"}).stdin_from(stdio::read_file(silent));
  isolated_loop([&] {
    ::alarm(50);
    asio::io_context loop;
    use_source(loop);
    bool failed = true;
    for (std::size_t n = 0; failed && n < most && !HasFailure(); ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      worker_pool pool(loop, worker);
      asio::cancellation_signal stop;
      int told = 0;
      std::error_code end;
      pool.async_run(asio::bind_cancellation_slot(stop.slot(), [&](std::error_code ec) {
        ++told;
        end = ec;
      }));
      loop.restart();
      loop.poll();
      fail_one_allocation_after(n);
      pool.resize(3);
      failed = stop_failing_allocations();
      if (!failed)
        stop.emit(asio::cancellation_type::terminal);
      run_dry(loop);
      EXPECT_EQ(told, 1);
      EXPECT_EQ(end, failed ? std::error_code(ENOMEM, std::system_category()) : asio::error::operation_aborted);
      expect_no_children_of(loop);
    }
  });
}

TEST_P(pool_memory, that_is_not_there_ends_a_pool_cleanly)
{
  const command worker = helper({"line-worker"});
  isolated_loop([&] {
    ::alarm(100);
    asio::io_context loop;
    use_source(loop);
    EXPECT_FALSE(try_once(loop, worker, 1000000));
    const std::set<int> before = open_descriptors();
    std::size_t n = 0;
    while (n < most && !HasFailure()) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      if (!try_once(loop, worker, n++))
        break;
      expect_no_children_of(loop);
      EXPECT_EQ(open_descriptors(), before);
    }
    EXPECT_GT(n, 50u); // A pool does allocate.
    EXPECT_LT(n, most);
    EXPECT_FALSE(try_once(loop, worker, 1000000));
  });
}

TEST_P(pool_memory, for_more_workers_than_can_be_counted_is_not_there)
{
  for (const bool at_once : {true, false}) {
    asio::io_context loop;
    use_source(loop);
    worker_pool pool(loop, helper({"line-worker"}), {.size = at_once ? SIZE_MAX : 1});
    std::error_code told;
    EXPECT_NO_THROW(pool.async_run([&](std::error_code ec) { told = ec; }));
    if (!at_once) {
      EXPECT_NO_THROW(pool.resize(SIZE_MAX));
    }
    loop.run_for(patience);
    EXPECT_EQ(told, std::errc::not_enough_memory);
  }
}

} // namespace
} // namespace subprocess::tests
