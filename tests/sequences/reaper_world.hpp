#pragma once

#include <sys/types.h>

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/reaper/reaper_core.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>

#include "fake_kernel.hpp"

namespace subprocess::tests {

/// What a thread does next. All but the first two, `ends` and `stolen` wait until the
/// child is in the reaper's table.
enum class act {
  born,     ///< The kernel makes the child.
  tracked,  ///< The reaper gets it.
  ends,     ///< By itself, with a status of its own.
  stolen,   ///< Reaped by other code of the program; waits until it has ended.
  wait,     ///< By a waiter of that number.
  wait_on,  ///< By a waiter that waits again when it is told, by the waiter after it.
  cancel,   ///< That waiter.
  kill,     ///< SIGKILL.
  drop,     ///< As an async_child does that is destroyed.
  look,     ///< As other code of the library does, that waits without a loop.
  poll,     ///< Begins to poll the pidfd,
  poll_end, ///< and ends it.
  end_loop, ///< The context ends.
};

struct deed {
  act what;
  std::size_t child = 0;
  std::size_t waiter = 0;
};
std::string to_string(const deed& done);

/// Threads that share a reaper, and how it is woken.
struct reaper_scenario {
  std::vector<std::vector<deed>> threads;
  std::vector<pid_t> numbers = {11, 12}; ///< Of the children.
  bool watches = true;                   ///< As pidfds do; else as SIGCHLD.
  bool has_pidfds = true;                ///< That a launch gives.
};

/// The real reaper, table and process on a kernel that is a handful of numbers. The event
/// loop is one more thread, which takes a turn at a time. A move is a call, which is as
/// much as goes on under one lock.
class reaper_world {
public:
  explicit reaper_world(const reaper_scenario& given);
  ~reaper_world();

  std::size_t movers() const { return given_.threads.size() + 1; }
  bool may_move(std::size_t mover) const;
  bool move(std::size_t mover);
  std::string name_of_next(std::size_t mover) const;
  void end();
  std::string state() const;
  const std::vector<std::string>& faults() const { return faults_; }

private:
  static constexpr std::size_t most_waiters = 6;

  struct waiting;
  class source;

  struct child {
    std::shared_ptr<detail::process> handle;
    bool is_tracked = false;
    bool was_stolen = false;
    bool is_polled = false;
    std::optional<exit_status> told; // By the process, once.
  };

  void act_on(const deed& done);
  void wait(std::size_t which, std::size_t waiter, bool again);
  void told(waiting& one, std::error_code ec, exit_status status);
  void kill(std::size_t which);
  void check_children();
  void check_waiter(std::size_t index);
  void fault(const std::string& what) { faults_.push_back(what); }
  bool turn();
  bool is_busy();

  const reaper_scenario& given_;
  fake_kernel kernel_;
  std::vector<std::size_t> next_; // Of each thread.
  std::vector<child> children_;
  std::deque<waiting> waiters_;
  detail::event_queue loop_;
  source* source_ = nullptr;
  std::shared_ptr<detail::reaper_core> reaper_;
  bool has_ended_ = false;        // The context.
  bool is_turning_ = false;       // The loop makes this move.
  const waiting* asks_ = nullptr; // Who waits within this move.
  std::vector<std::string> faults_;
};

} // namespace subprocess::tests
