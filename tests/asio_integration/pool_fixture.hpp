#pragma once

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <asio_integration/worker_pool.hpp>

#include "io_fixture.hpp"

namespace subprocess::tests {

struct finished {
  int calls = 0;
  std::error_code ec;

  auto handler()
  {
    return [this](std::error_code e) {
      ++calls;
      ec = e;
    };
  }
};

struct leased {
  int calls = 0;
  std::error_code ec;
  worker_lease lease;

  auto handler()
  {
    return [this](std::error_code e, worker_lease l) {
      ++calls;
      ec = e;
      lease = std::move(l);
    };
  }
};

struct answered {
  int calls = 0;
  std::error_code ec;
  std::string text;

  auto handler()
  {
    return [this](std::error_code e, std::string t) {
      ++calls;
      ec = e;
      text = std::move(t);
    };
  }
};

inline std::error_code code_of(int number)
{
  return {number, std::system_category()};
}

// Deaths follow each other quickly, and none is too many.
inline worker_pool_options patient(std::size_t size = 1)
{
  worker_pool_options options;
  options.size = size;
  options.delay = {.first = std::chrono::milliseconds(1), .most = std::chrono::milliseconds(1)};
  options.most_deaths = 1000000;
  options.ready_within = std::chrono::seconds(60);
  return options;
}

// A pool, its async_run() and what it has told. At the end all has to be over.
class pooled : public io_fixture {
protected:
  void TearDown() override
  {
    if (pool && run.calls == 0)
      end_pool();
    pool.reset();
    io_fixture::TearDown();
  }

  command line_worker() const { return helper({"line-worker"}); }

  void make(const command& worker, const worker_pool_options& options) { pool.emplace(context(), worker, options); }

  void start_pool(const command& worker, const worker_pool_options& options)
  {
    make(worker, options);
    start_run();
  }

  void start_run()
  {
    pool->async_run(asio::bind_cancellation_slot(stop.slot(), run.handler()));
    listen();
  }

  void listen()
  {
    pool->async_next_event([this](std::error_code ec, pool_event event) {
      if (ec)
        return;
      told.push_back(std::move(event));
      if (pool) // A test may have destroyed it.
        listen();
    });
  }

  void cancel_run() { stop.emit(asio::cancellation_type::terminal); }

  void end_pool()
  {
    for (int i = 0; i < 3; ++i)
      cancel_run();
    run_until([this] { return run.calls == 1; });
  }

  worker_lease acquire()
  {
    leased got;
    pool->async_acquire(got.handler());
    run_until([&] { return got.calls == 1; });
    EXPECT_FALSE(got.ec) << got.ec.message();
    return std::move(got.lease);
  }

  answered request(worker_lease& lease, std::string line)
  {
    answered got;
    lease.async_request(std::move(line), got.handler());
    run_until([&] { return got.calls == 1; });
    return got;
  }

  // One request on a lease of its own.
  answered ask(std::string line)
  {
    worker_lease lease = acquire();
    answered got = request(lease, std::move(line));
    if (!got.ec)
      lease.done();
    return got;
  }

  std::error_code result_of_run()
  {
    run_until([this] { return run.calls == 1; });
    return run.ec;
  }

  std::size_t count(pool_event_kind kind) const
  {
    return static_cast<std::size_t>(std::ranges::count(told, kind, &pool_event::kind));
  }

  const pool_event& first(pool_event_kind kind)
  {
    run_until([&] { return count(kind) > 0; });
    return *std::ranges::find(told, kind, &pool_event::kind);
  }

  std::optional<worker_pool> pool;
  finished run;
  asio::cancellation_signal stop;
  std::deque<pool_event> told;
};
// One who asks, again and again, and each time gets the answer to what was asked, or
// an error.
class customer {
public:
  customer(worker_pool& pool, int number, int requests) : pool_(pool), number_(number), left_(requests) {}

  void go_on()
  {
    if (left_ == 0)
      return;
    pool_.async_acquire([this](std::error_code ec, worker_lease lease) {
      ASSERT_FALSE(ec) << ec.message();
      lease_ = std::move(lease);
      const std::string text = std::to_string(number_) + ' ' + std::to_string(left_);
      lease_.async_request(text, [this, text](std::error_code error, std::string answer) {
        if (error)
          ++failed;
        else if (answer == "re: " + text)
          ++served;
        else
          ADD_FAILURE() << answer << " for " << text;
        lease_.done();
        --left_;
        go_on();
      });
    });
  }

  int served = 0;
  int failed = 0;

private:
  worker_pool& pool_;
  const int number_;
  int left_;
  worker_lease lease_;
};

} // namespace subprocess::tests
