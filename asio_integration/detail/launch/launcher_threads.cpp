#include <asio_integration/detail/launch/launcher_threads.hpp>

#include <condition_variable>
#include <csignal>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <subprocess/detail/launch/core_locks.hpp>
#include <subprocess/detail/process/own_pid.hpp>

namespace subprocess::detail {
namespace {

// Launches overlap: while one thread waits for the kernel, another starts the next.
constexpr std::size_t thread_count = 3;

/// The signals of the host are for the host's threads.
class all_signals_blocked {
public:
  all_signals_blocked() noexcept
  {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &old_, nullptr); }

private:
  sigset_t old_;
};

/// A queue of jobs and the threads that take them. It uses no descriptor, which the
/// host could close.
class job_queue {
public:
  /// Does what it can: one thread will do where no more are to be had.
  /// \throws std::system_error, std::bad_alloc  There is none at all.
  job_queue()
  {
    threads_.reserve(thread_count);
    const all_signals_blocked inherited_by_the_threads;
    try {
      while (threads_.size() < thread_count)
        threads_.emplace_back([this] { work(); });
    } catch (const std::exception&) { // No thread to be had, or no memory.
      if (threads_.empty())
        throw;
    }
  }

  // What is still queued is dropped with it. An empty deque takes memory, which a
  // destructor may not find.
  ~job_queue()
  {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    woken_.notify_all();
    for (std::thread& thread : threads_)
      thread.join();
  }

  void push(std::function<void()> job)
  {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    woken_.notify_one();
  }

  bool is_ours() const noexcept { return owner_ == own_pid(); }

private:
  void work()
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      woken_.wait(lock, [this] { return is_over_ || !jobs_.empty(); });
      if (is_over_)
        return;
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  const pid_t owner_ = own_pid();
  std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<std::function<void()>> jobs_;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

class launcher_threads final : public asio::execution_context::service {
public:
  using key_type = launcher_threads;
  static inline asio::execution_context::id id;

  explicit launcher_threads(asio::execution_context& context) : asio::execution_context::service(context) {}

  void run(std::function<void()> job)
  {
    const std::lock_guard lock(threads_lock());
    leave_to_parent();
    if (!queue_)
      queue_ = std::make_unique<job_queue>();
    queue_->push(std::move(job));
  }

private:
  // In a fork of the program the threads are not there: they can neither be joined nor
  // leave the lock and the condition that they hold.
  void leave_to_parent() noexcept
  {
    if (queue_ && !queue_->is_ours())
      static_cast<void>(queue_.release());
  }

  void shutdown() override
  {
    std::unique_ptr<job_queue> ended;
    {
      const std::lock_guard lock(threads_lock());
      leave_to_parent();
      ended = std::move(queue_);
    }
  }

  std::unique_ptr<job_queue> queue_; // None before the first job.
};

} // namespace

std::error_code run_on_launcher_thread(asio::execution_context& context, std::function<void()> job)
{
  try {
    asio::use_service<launcher_threads>(context).run(std::move(job));
    return {};
  } catch (const std::system_error& error) {
    return error.code();
  }
}

} // namespace subprocess::detail
