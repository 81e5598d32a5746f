#include "baseline.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <subprocess/detail/process/orphans.hpp>
#include <subprocess/spawn.hpp>

#include "deadline.hpp"

namespace subprocess::tests {
namespace {

// A shell starts what runs in its background with these ignored, nohup one more;
// the tests of what children inherit begin where nothing is.
[[maybe_unused]] const bool signals_are_default = [] {
  for (const int number : {SIGHUP, SIGINT, SIGQUIT})
    std::signal(number, SIG_DFL);
  return true;
}();

// Long enough for what a closed descriptor or a dead child sets in motion.
constexpr std::chrono::seconds settling{5};

std::set<int> probe_descriptors()
{
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65536));
  std::set<int> open;
  for (int fd = 0; fd < end; ++fd)
    if (::fcntl(fd, F_GETFD) != -1)
      open.insert(fd);
  return open;
}

/// The number before the first field after the name, which may hold anything.
pid_t parent_of(const std::string& pid)
{
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  return name_end == std::string::npos ? -1 : std::atoi(line.c_str() + std::min(name_end + 4, line.size()));
}

std::vector<pid_t> children_of(pid_t parent)
{
  std::vector<pid_t> found;
  DIR* const directory = ::opendir("/proc");
  if (!directory)
    return found;
  while (const dirent* entry = ::readdir(directory)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid > 0 && parent_of(entry->d_name) == parent)
      found.push_back(pid);
  }
  ::closedir(directory);
  return found;
}

std::string list(const std::set<int>& numbers)
{
  std::string text;
  for (const int number : numbers)
    text += " " + std::to_string(number);
  return text;
}

void expect_no_children()
{
  if (eventually([] { return !has_children(); }, settling))
    return;
  for (const pid_t pid : children()) {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    ADD_FAILURE() << (info.si_pid == pid ? "a zombie is left: " : "a child is left running: ") << pid;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

} // namespace

std::set<int> open_descriptors()
{
  DIR* const directory = ::opendir("/proc/self/fd");
  if (!directory)
    return probe_descriptors();
  std::set<int> open;
  while (const dirent* entry = ::readdir(directory))
    if (entry->d_name[0] != '.')
      open.insert(std::atoi(entry->d_name));
  open.erase(::dirfd(directory));
  ::closedir(directory);
  return open;
}

std::vector<pid_t> children()
{
  return children_of(::getpid());
}

pid_t child_of(pid_t parent)
{
  const std::vector<pid_t> found = children_of(parent);
  return found.empty() ? -1 : found.front();
}

bool is_our_child(pid_t pid)
{
  siginfo_t info;
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool has_children()
{
  siginfo_t info;
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool all_children_gone()
{
  return eventually(
      [] {
        detail::reap_orphans();
        return !has_children();
      },
      settling);
}

// A fixed handful of descriptors stays open for the program's life, from the
// first launch on that gives its child one.
std::set<int> settled_descriptors()
{
  static const bool settled = run(command("/bin/true").stdin_from(stdio::null()).stdout_to(stdio::null())).success();
  EXPECT_TRUE(settled);
  return open_descriptors();
}

baseline_check::baseline_check() : descriptors_(settled_descriptors())
{
}

void baseline_check::verify() const
{
  if (!eventually([&] { return open_descriptors() == descriptors_; }, settling))
    ADD_FAILURE() << "descriptors at the start:" << list(descriptors_)
                  << "\nand at the end:" << list(open_descriptors());
  expect_no_children();
}

void baseline_check::verify_nothing_added() const
{
  const auto added = [&] {
    std::set<int> rest;
    std::ranges::set_difference(open_descriptors(), descriptors_, std::inserter(rest, rest.end()));
    return rest;
  };
  if (!eventually([&] { return added().empty(); }, settling))
    ADD_FAILURE() << "descriptors that are left:" << list(added());
  expect_no_children();
}

void baseline::SetUp()
{
  ASSERT_FALSE(has_children()) << "a child of before the test";
}

void baseline::TearDown()
{
  check_.verify();
}

} // namespace subprocess::tests
