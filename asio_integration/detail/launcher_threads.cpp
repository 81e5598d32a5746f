#include <asio_integration/detail/launcher_threads.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <unistd.h>

#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

namespace subprocess::detail {
namespace {

// Launches overlap: while one thread waits for an exec, another starts the next.
// More than the cores and one gains nothing, and piles up unfinished execs.
constexpr int thread_count = 3;

/// The signals of the host are for the host's threads.
class all_signals_blocked {
public:
  all_signals_blocked() noexcept
  {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &old_, nullptr); }

private:
  sigset_t old_;
};

class launcher_threads final : public asio::execution_context::service {
public:
  using key_type = launcher_threads;
  static inline asio::execution_context::id id;

  explicit launcher_threads(asio::execution_context& context) : asio::execution_context::service(context) {}

  std::error_code run(std::function<void()> job)
  {
    const std::lock_guard lock(mutex_);
    if (threads_.empty())
      if (const std::error_code ec = start())
        return ec;
    asio::post(queue_, std::move(job));
    return {};
  }

private:
  // One thread will do where no more are to be had.
  std::error_code start()
  {
    const all_signals_blocked inherited_by_the_threads;
    owner_ = ::getpid();
    try {
      while (threads_.size() < static_cast<std::size_t>(thread_count))
        threads_.emplace_back([this] { queue_.run(); });
    } catch (const std::system_error& error) {
      if (threads_.empty())
        return error.code();
    }
    return {};
  }

  void shutdown() override
  {
    if (!threads_.empty() && owner_ != ::getpid()) {
      // In a fork of the program the threads are not there to be joined.
      static_cast<void>(new std::vector<std::thread>(std::move(threads_)));
      return;
    }
    queue_.stop();
    for (std::thread& thread : threads_)
      thread.join();
    threads_.clear();
  }

  std::mutex mutex_;
  asio::io_context queue_{thread_count};
  asio::executor_work_guard<asio::io_context::executor_type> work_{queue_.get_executor()};
  std::vector<std::thread> threads_;
  pid_t owner_ = -1;
};

} // namespace

std::error_code run_on_launcher_thread(asio::execution_context& context, std::function<void()> job)
{
  return asio::use_service<launcher_threads>(context).run(std::move(job));
}

} // namespace subprocess::detail
