#include "deadline.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace subprocess::tests {
namespace {

bool readable(int fd, const deadline& end)
{
  for (;;) {
    pollfd watched{fd, POLLIN, 0};
    const int ready = ::poll(&watched, 1, end.milliseconds_left());
    if (ready > 0)
      return true;
    if (ready == 0 && end.passed())
      return false;
  }
}

/// Reads some bytes; false at the end, on errors and when time runs out.
bool read_some(int fd, std::size_t most, std::string& text, const deadline& end)
{
  if (!readable(fd, end)) {
    ADD_FAILURE() << "nothing to read in time; so far: " << text;
    return false;
  }
  char buffer[65536];
  const ssize_t got = ::read(fd, buffer, std::min(most, sizeof buffer));
  const int error = got == -1 ? errno : 0;
  if (error == EINTR)
    return true;
  if (error)
    ADD_FAILURE() << "read: " << std::strerror(error);
  else
    text.append(buffer, static_cast<std::size_t>(got));
  return got > 0;
}

class sigpipe_guard {
public:
  sigpipe_guard()
  {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &old_);
  }
  ~sigpipe_guard()
  {
    sigset_t pending;
    int taken;
    if (::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1)
      ::sigwait(&sigpipe_, &taken);
    ::pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }
  sigpipe_guard(const sigpipe_guard&) = delete;
  sigpipe_guard& operator=(const sigpipe_guard&) = delete;

private:
  sigset_t sigpipe_;
  sigset_t old_;
};

} // namespace

int rounds(int usual)
{
  const char* const times = std::getenv("SUBPROCESS_TEST_ROUNDS");
  return times ? std::max(1, static_cast<int>(usual * std::atof(times))) : usual;
}

int deadline::milliseconds_left() const
{
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

bool becomes_readable(int fd, std::chrono::nanoseconds limit)
{
  return readable(fd, deadline(limit));
}

std::string read_all(int fd)
{
  const deadline end;
  std::string text;
  while (read_some(fd, static_cast<std::size_t>(-1), text, end)) {
  }
  return text;
}

std::string read_line(int fd)
{
  const deadline end;
  std::string line;
  while (!line.ends_with('\n') && read_some(fd, 1, line, end)) {
  }
  if (line.ends_with('\n'))
    line.pop_back();
  return line;
}

void write_all(int fd, std::string_view text)
{
  // A reader that is gone has to fail the test, not to end it.
  const sigpipe_guard guard;
  while (!text.empty()) {
    const ssize_t done = ::write(fd, text.data(), text.size());
    const int error = done == -1 ? errno : 0;
    if (error && error != EINTR) {
      ADD_FAILURE() << "write: " << std::strerror(error);
      return;
    }
    if (done > 0)
      text.remove_prefix(static_cast<std::size_t>(done));
  }
}

} // namespace subprocess::tests
