// Calls of every kind, by a chosen launcher and source of the reaper, where the kernel refuses
// what is chosen. check_toolchains builds it with each compiler, check_kernels runs it on
// each kernel.
//
// usage: smoke [LAUNCHER [SOURCE [ERROR CALL...]]]
//
// LAUNCHER is automatic, fork or clone, SOURCE automatic, sigchld or pidfd, ERROR ENOSYS or
// EPERM. The last line is "right", "told: " and what is not to be had here, which the
// library has to say, or "WRONG".

#include "smoke.hpp"

#include <subprocess/subprocess.hpp>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "support/sandbox.hpp"

namespace smoke {
namespace {

using namespace subprocess;

std::atomic<int> failures = 0;

struct named_call {
  const char* name;
  long number;
};

constexpr named_call newer_calls[] = {
    {"clone3", SYS_clone3},
    {"close_range", SYS_close_range},
    {"dup3", SYS_dup3},
    {"memfd_create", SYS_memfd_create},
    {"pidfd_open", SYS_pidfd_open},
    {"pidfd_send_signal", SYS_pidfd_send_signal},
    {"unshare", SYS_unshare},
    {"waitid", SYS_waitid},
};

long number_of(std::string_view name)
{
  for (const named_call& call : newer_calls)
    if (call.name == name)
      return call.number;
  throw std::runtime_error("no such call: " + std::string(name));
}

/// The error of clone3(2) where it is not to be had; 0 where it complains of nothing but
/// its arguments.
int error_of_clone3()
{
  return ::syscall(SYS_clone3, nullptr, 0) == -1 && errno != EINVAL && errno != EFAULT ? errno : 0;
}

std::ptrdiff_t open_descriptors()
{
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

void run_both(const choice& chosen)
{
  blocking_calls(chosen);
#ifdef WITH_ASIO
  calls_on_a_loop(chosen);
#endif
}

/// Whether this launcher says that the kernel has not what it needs.
bool tells_of(const choice& chosen, int error)
{
  spawn_failure failure;
  spawn(command("true").use_launcher(chosen.how), failure);
  expect(failure.code.value() == error && failure.step == spawn_step::fork, "the launcher tells of the kernel's error");
  return failures == 0;
}

int check(const choice& chosen)
{
  if (const int error = error_of_clone3(); error && chosen.how == launcher::clone && tells_of(chosen, error)) {
    std::cout << "told: no clone3 (" << std::strerror(error) << ")\n";
    return 0;
  }
  run_both(chosen); // A handful of descriptors stays open for the life of the program.
  const std::ptrdiff_t before = open_descriptors();
  run_both(chosen);
  expect(open_descriptors() == before, "no descriptor stays open");
  expect(::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD, "no child is left");
  if (failures) {
    std::cout << "WRONG" << std::endl;
    return 1;
  }
  if (threads_are_refused())
    std::cout << "told: no threads\n";
  else if (chosen.source == "pidfd" && error_of_pidfd_open())
    std::cout << "told: no pidfd_open (" << std::strerror(error_of_pidfd_open()) << ")\n";
  else
    std::cout << "right\n";
  return 0;
}

launcher launcher_of(std::string_view name)
{
  return name == "fork" ? launcher::fork : name == "clone" ? launcher::clone : launcher::automatic;
}

} // namespace

void expect(bool holds, std::string_view what)
{
  static std::mutex one_line;
  const std::scoped_lock lock(one_line);
  if (holds)
    return;
  std::cerr << "does not hold: " << what << std::endl;
  ++failures;
}

int error_of_pidfd_open()
{
  const unique_fd opened(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  return opened ? 0 : errno;
}

bool threads_are_refused()
try {
  std::thread([] {}).join();
  return false;
} catch (const std::system_error&) {
  return true;
}

} // namespace smoke

int main(int argc, char** argv)
try {
  ::alarm(600); // Nothing here takes long, but an emulated machine.
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  smoke::choice chosen;
  if (words.size() > 0)
    chosen.how = smoke::launcher_of(words[0]);
  if (words.size() > 1)
    chosen.source = words[1];
  std::vector<long> refused;
  for (std::size_t i = 3; i < words.size(); ++i)
    refused.push_back(smoke::number_of(words[i]));
  if (!refused.empty() && !subprocess::tests::refuse_calls(refused, words[2] == "EPERM" ? EPERM : ENOSYS)) {
    std::cout << "SKIPPED: no seccomp filters in this kernel\n";
    return 77;
  }
  return smoke::check(chosen);
} catch (const std::exception& error) {
  std::cout << "WRONG: " << error.what() << std::endl;
  return 1;
}
