#include <asio_integration/detail/launch/launcher_threads.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <csignal>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <subprocess/detail/process/own_pid.hpp>

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
    if (!crew_)
      if (const std::error_code ec = start())
        return ec;
    asio::post(crew_->queue, std::move(job));
    return {};
  }

private:
  struct crew {
    asio::io_context queue{thread_count};
    asio::executor_work_guard<asio::io_context::executor_type> work{queue.get_executor()};
    std::vector<std::thread> threads;
    const pid_t owner = own_pid();
  };

  // One thread will do where no more are to be had.
  std::error_code start()
  {
    const all_signals_blocked inherited_by_the_threads;
    auto started = std::make_unique<crew>();
    try {
      while (started->threads.size() < static_cast<std::size_t>(thread_count))
        started->threads.emplace_back([queue = &started->queue] { queue->run(); });
    } catch (const std::system_error& error) {
      if (started->threads.empty())
        return error.code();
    }
    crew_ = std::move(started);
    return {};
  }

  void shutdown() override
  {
    if (!crew_)
      return;
    // In a fork of the program the threads are not there: they can neither be
    // joined nor leave the condition variable of their queue, which would wait
    // for that when it is destroyed.
    if (crew_->owner != own_pid()) {
      static_cast<void>(crew_.release());
      return;
    }
    crew_->queue.stop();
    for (std::thread& thread : crew_->threads)
      thread.join();
    crew_.reset();
  }

  std::mutex mutex_;
  std::unique_ptr<crew> crew_; // None before the first job.
};

} // namespace

std::error_code run_on_launcher_thread(asio::execution_context& context, std::function<void()> job)
{
  return asio::use_service<launcher_threads>(context).run(std::move(job));
}

} // namespace subprocess::detail
