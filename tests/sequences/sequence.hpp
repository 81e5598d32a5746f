#pragma once

#include <asio/cancellation_signal.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <asio_integration/async_child.hpp>
#include <subprocess/child.hpp>

#include "support/deadline.hpp"

#include "ordered_child.hpp"
#include "step.hpp"

namespace subprocess::tests {

/// What is not as the model says.
struct wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Makes the steps of one sequence with real children, and knows what each has to show.
///
/// A child does only what it is told, and a step ends when the kernel says that it has
/// happened. So how a child is is known at every moment, and what the library has noticed
/// of it is the only thing to ask about.
class sequence {
public:
  explicit sequence(const sequence_setup& setup);

  /// Ends all that is left, however it is.
  ~sequence();
  sequence(const sequence&) = delete;
  sequence& operator=(const sequence&) = delete;

  /// \return Whether it could be made.
  bool make(const step& next);

  /// Lets all end, and looks for what is left.
  void finish();

private:
  static constexpr std::size_t slot_count = 3;
  static constexpr std::size_t loop_count = 2;

  /// What the library has noticed of an end.
  enum class noticed { no, maybe, yes };

  /// The model of one child.
  struct known_child {
    ordered_child real;
    bool on_loop = false;
    std::size_t loop = 0;
    bool dies_when_dropped = false;
    bool is_stopped = false;
    bool was_stolen = false; // By other code of the program.
    noticed end_is = noticed::no;
    bool has_pipes = false;
  };
  using known = std::shared_ptr<known_child>;

  /// Where a child object is.
  struct slot {
    known is; // Null: the objects are empty.
    child blocking;
    async_child on_loop;
    std::vector<std::future<exit_status>> waits; // Threads in wait().
  };

  struct result {
    std::error_code ec;
    exit_status status;
    std::atomic<int> calls = 0;
  };

  /// A handler of the loop, and who it waits for; null: for an empty object.
  struct waiting {
    std::shared_ptr<result> told = std::make_shared<result>();
    std::weak_ptr<void> alive; // The handler.
    std::shared_ptr<asio::cancellation_signal> cancel = std::make_shared<asio::cancellation_signal>();
    std::size_t loop = 0;
    known of;
    bool was_cancelled = false;
    bool may_be_dropped = false;
    bool was_checked = false;
  };

  struct running_loop {
    explicit running_loop(const sequence_setup& setup);
    ~running_loop();

    asio::io_context io;
    asio::strand<asio::io_context::executor_type> strand = asio::make_strand(io);
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    std::vector<std::thread> threads;
  };

  static void check(bool right, const std::string& what, std::error_code ec = {});
  running_loop& loop(std::size_t index);
  template <class Condition>
  void turn_until(const std::string& what, Condition condition)
  {
    const auto holds = [&] {
      poll_loops();
      return condition();
    };
    check(eventually(holds, soon), what);
  }
  void poll_loops();
  bool is_polled() const { return setup_.threads == 0; }

  // The model.
  static bool has_ended(const known& one) { return one && one->real.end(); }
  void ended(const known& one);
  void check_refusal(const known& one, std::error_code ec, const std::string& what);
  void check_status(const known& one, const std::optional<exit_status>& status, std::error_code ec,
                    const std::string& what);
  void check_told(waiting& one);
  void check_all();
  void check_slot(slot& one);
  void check_pidfds();
  void settle();
  void dropped(const known& one);

  // Steps.
  bool make_on(slot& on, const step& next);
  command next_command(const known& one, unsigned way) const;
  void place(slot& into, const known& one, child made);
  void place(slot& into, const known& one, async_child made);
  bool spawn(slot& into, unsigned way);
  bool spawn_on_loop(slot& into, unsigned way);
  bool async_spawn(slot& into, unsigned way);
  bool adopt(slot& into, unsigned way);
  bool fail_to_spawn(unsigned way);
  bool run(unsigned way);
  bool try_wait(slot& on);
  bool wait(slot& on);
  bool wait_for(slot& on, unsigned way);
  bool begin_wait(slot& on, unsigned way);
  bool kill(slot& on, unsigned way);
  bool check_signal(slot& on, unsigned way);
  bool stop_and_go(slot& on, unsigned way);
  bool stop(slot& on);
  bool order_exit(slot& on, unsigned way);
  bool raise(slot& on, unsigned way);
  bool async_wait(slot& on, unsigned way);
  bool cancel_wait(unsigned way);
  bool detach(slot& on);
  bool drop(slot& on);
  bool move(slot& from, slot& to);
  bool take_pipes(slot& on, unsigned way);
  bool take_pidfd(slot& on, unsigned way);
  bool race(slot& on, unsigned way);
  bool steal(slot& on);
  bool fork_host();
  bool end_loop(std::size_t which);

  waiting& new_waiting(slot& on);
  void begin_async_wait(slot& on, waiting& one);
  static std::error_code signal(slot& on, int number);
  void join_waits(slot& on);
  int live_as_copy();

  const sequence_setup setup_;
  std::set<int> descriptors_;
  std::array<std::unique_ptr<running_loop>, loop_count> loops_; // Outlive the children.
  std::array<slot, slot_count> slots_;
  std::vector<known> background_; // Dropped.
  std::vector<std::unique_ptr<waiting>> waiting_;
  std::vector<unique_fd> taken_; // Pidfds of ours.
  bool has_thefts_ = false;
};

} // namespace subprocess::tests
