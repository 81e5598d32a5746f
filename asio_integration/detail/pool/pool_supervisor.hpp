#pragma once

#include <sys/types.h>

#include <asio/posix/basic_stream_descriptor.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/operations/step_completion.hpp>
#include <asio_integration/detail/pool/notify_message.hpp>
#include <asio_integration/detail/pool/pool_core.hpp>
#include <asio_integration/detail/pool/pool_machine.hpp>
#include <asio_integration/detail/pool/pool_process.hpp>
#include <subprocess/detail/observation/tell_afterwards.hpp>

namespace subprocess::detail {

/// Does what the pool_machine decides, and tells it what happens. What takes time or
/// another's lock is started when the lock is free again.
class pool_supervisor final : public pool_core, public std::enable_shared_from_this<pool_supervisor> {
public:
  pool_supervisor(const asio::any_io_executor& executor, command worker, worker_pool_options options);
  ~pool_supervisor() override;

  void run(plain_waiter& added) override;
  void acquire(lease_waiter& added) override;
  void wait_ready(plain_waiter& added, std::size_t workers) override;
  void replace(plain_waiter& added, command next) override;
  void next_event(event_waiter& added) override;
  void cancel(wish what, std::uint64_t waiter_id) override;
  void give_back(std::uint64_t worker, lease_end how) noexcept override;
  void resize(std::size_t size) override;
  pool_counts counts() const override;
  spawn_failure last_failure() const override;
  std::uint64_t events_dropped() const override;
  void close() noexcept override;
  void shut_down() noexcept override;

  /// One step, and what follows from it. False when the context has ended.
  template <class Step>
  bool take_step(Step step);

  std::pmr::memory_resource* memory() const noexcept { return std::pmr::new_delete_resource(); }

private:
  friend struct pool_process;
  using process_pointer = std::shared_ptr<pool_process>;

  asio::execution_context& context() const { return asio::query(executor_, asio::execution::context); }
  static pool_time now() noexcept { return std::chrono::steady_clock::now(); }
  double random() noexcept;

  template <class List, class Waiter, class Event>
  void ask(List& list, Waiter& added, Event event);

  // pool_supervisor.cpp: who waits.
  void settle();
  void fail(std::error_code fault) noexcept;
  void finish_failed() noexcept;
  void timer_expired();
  void refuse_all(std::error_code error) noexcept;
  void cancel_wish(wish what, std::uint64_t waiter_id);

  // pool_actions.cpp: what the machine wants.
  void perform(const spawn_worker& action);
  void perform(const cancel_spawn& action);
  void perform(const stop_worker& action);
  void perform(const kill_worker& action);
  void perform(const hand_out& action);
  void perform(const refuse& action);
  void perform(const finish_wait& action);
  void perform(const finish_replace& action);
  void perform(const finish_run& action);
  void perform(const arm_timer& action);
  void perform(const disarm_timer&) {} // It expires in vain, once.
  void perform(const tell& action);
  void add_command(unsigned generation, command what);
  process_pointer find(std::uint64_t number) const;
  pid_t pid_of(std::uint64_t worker) const;
  void kill(const process_pointer& process);
  void publish(pool_event event);

  // pool_process.cpp: what happens to a worker.
  void spawned(pool_process& process, std::error_code ec, async_child child);
  void exited(pool_process& process, exit_status status);
  void stop_ended(pool_process& process, std::error_code ec);
  void give_up(pool_process& process, std::error_code ec);
  void forget(pool_process& process);
  void became_ready(pool_process& process);
  bool is_to_watch(pool_process& process);
  void watch_soon();
  void watch_all();
  void watch(pool_process& process);
  void stop_watching(pool_process& process);
  void stop_reading(pool_process& process);
  void wrote_unasked(pool_process& process, unsigned watch);
  void await_ready_line(pool_process& process);
  void read_ready_line(pool_process& process);
  void await_errors(pool_process& process);
  bool read_errors(pool_process& process);
  void tell_error_lines(pool_process& process);

  // pool_notify.cpp: what workers say.
  struct said {
    pid_t sender;
    notify_message message;
  };
  std::error_code open_notify();
  void close_notify() noexcept;
  void add_notify(command& what) const;
  void await_notify();
  void read_notify();
  void sort_out(said what);
  void sort_out_held();
  process_pointer worker_of(pid_t sender) const;
  void heard(pool_process& process, const notify_message& message);

  const asio::any_io_executor executor_;
  const worker_pool_options options_;
  mutable std::mutex mutex_;
  pool_machine machine_;
  pool_actions batch_;
  std::mt19937_64 dice_;
  std::map<unsigned, command> commands_; // By generation.
  unsigned last_generation_ = 0;
  std::map<asker_id, unsigned> replacing_;
  std::unordered_map<std::uint64_t, process_pointer> processes_; // By the worker's number.
  std::vector<std::shared_ptr<operation>> to_start_;             // When the lock is free.
  std::vector<process_pointer> to_watch_;                        // If they are idle when the loop comes to it.
  step_completion<pool_supervisor, completion<>> watch_task_;
  bool is_watch_posted_ = false;
  std::optional<loop_timer> timer_;
  pool_time armed_ = never;
  std::optional<asio::posix::basic_stream_descriptor<loop_executor>> notify_;
  std::string notify_name_;
  std::vector<said> held_; // By whom is not known yet.

  pending_list<std::error_code> runners_; // One, or none.
  asker_id runner_ = 0;
  pending_list<std::error_code, worker_lease> askers_;
  pending_list<std::error_code> ready_askers_;
  pending_list<std::error_code> replacers_;
  pending_list<std::error_code, pool_event> listeners_; // None while there are events.
  std::deque<pool_event> events_;
  std::uint64_t events_dropped_ = 0;
  spawn_failure last_failure_;
  bool was_run_ = false;
  bool is_finished_ = false;
  std::error_code fault_;
  bool has_failed_ = false; // By the fault; the machine is told nothing more.
  bool is_shut_down_ = false;
};

template <class Step>
bool pool_supervisor::take_step(Step step)
{
  std::vector<std::shared_ptr<operation>> started;
  {
    const tell_afterwards after_the_lock;
    const std::lock_guard lock(mutex_);
    if (is_shut_down_)
      return false;
    try {
      step();
      if (!has_failed_)
        settle();
    } catch (const std::bad_alloc&) {
      fail({ENOMEM, std::system_category()});
    } catch (const std::length_error&) { // More slots than there could be memory for.
      fail({ENOMEM, std::system_category()});
    }
    if (has_failed_)
      finish_failed();
    started.swap(to_start_);
  }
  for (const auto& one : started)
    one->start();
  return true;
}

template <class Step>
void pool_process::take_step(Step step)
{
  owner->take_step(std::move(step));
}

/// A step of a worker's on its streams, which are the caller's at times: it runs on the
/// loop, whatever their executor is.
template <class Step>
class process_step : public step_handler<pool_process, Step> {
public:
  using executor_type = loop_executor;

  process_step(std::shared_ptr<pool_process> process, const loop_executor& executor, Step step)
      : step_handler<pool_process, Step>(std::move(process), std::move(step)), executor_(executor)
  {
  }

  executor_type get_executor() const noexcept { return executor_; }

private:
  loop_executor executor_;
};

} // namespace subprocess::detail
