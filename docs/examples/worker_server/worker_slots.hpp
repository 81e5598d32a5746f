#pragma once

#include <cstddef>
#include <utility>

#include <asio/awaitable.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

/// A fixed number of places for workers; whoever finds none free waits.
///
/// Thread safety: none, as everything in this server: one thread runs the loop.
class worker_slots {
public:
  /// One place, given back when it is destroyed. The slots must outlive it.
  class slot {
  public:
    explicit slot(worker_slots& owner) : owner_(&owner) {}
    slot(slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    slot& operator=(slot&&) = delete;
    ~slot() { release(); }

    void release()
    {
      if (worker_slots* const owner = std::exchange(owner_, nullptr))
        owner->give_back();
    }

  private:
    worker_slots* owner_;
  };

  worker_slots(const asio::any_io_executor& executor, std::size_t count)
      : free_(count), freed_(executor, asio::steady_timer::time_point::max())
  {
  }

  /// Waits for a free place.
  asio::awaitable<slot> acquire()
  {
    while (free_ == 0) {
      std::error_code cancelled; // By give_back().
      co_await freed_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    --free_;
    co_return slot(*this);
  }

private:
  void give_back()
  {
    ++free_;
    freed_.cancel_one();
  }

  std::size_t free_;
  asio::steady_timer freed_;
};
