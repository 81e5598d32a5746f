#include "forking_host.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "deadline.hpp"

namespace subprocess::tests {
namespace {

constexpr unsigned worker_seconds = 8;

} // namespace

forking_host::forking_host(int workers)
    : thread_([this, workers] {
        for (int i = 0; i < workers && !enough_; ++i) {
          const pid_t worker = ::fork();
          if (worker == 0) {
            ::alarm(worker_seconds);
            for (;;)
              ::pause();
          }
          if (worker != -1)
            workers_.push_back(worker);
          ::poll(nullptr, 0, 1);
        }
        done_ = true;
      })
{
}

forking_host::~forking_host()
{
  enough_ = true;
  thread_.join();
  for (const pid_t worker : workers_)
    ::kill(worker, SIGKILL);
  for (const pid_t worker : workers_)
    ::waitpid(worker, nullptr, 0);
}

void forking_host::meanwhile(const std::function<void()>& launch)
{
  for (int round = 0; !done_; ++round) {
    const auto start = std::chrono::steady_clock::now();
    launch();
    const auto took = std::chrono::steady_clock::now() - start;
    ASSERT_LT(took, soon) << "round " << round << " waited for a worker of the host";
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
}

exit_status in_worker(const std::function<int()>& body)
{
  const pid_t worker = ::fork();
  if (worker == 0) {
    ::alarm(worker_seconds);
    int result = 99;
    try {
      result = body();
    } catch (...) {
    }
    ::_exit(result);
  }
  int status = 0;
  while (::waitpid(worker, &status, 0) == -1 && errno == EINTR) {
  }
  return exit_status(status);
}

} // namespace subprocess::tests
