// A child with less privilege than its parent: nobody of that privilege reaches the
// parent through it, neither its memory nor its descriptors, nor holds it up.

#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

constexpr uid_t lesser_user = 64341;
constexpr gid_t lesser_group = 64342;

class privilege : public baseline {
protected:
  void SetUp() override
  {
    baseline::SetUp();
    if (::geteuid() != 0)
      GTEST_SKIP() << "needs root, to have something to lose";
  }

  command program(std::initializer_list<std::string_view> verb) const { return command(tool, verb); }

  /// Programs that change each kind of privilege.
  std::vector<command> lesser(std::initializer_list<std::string_view> verb) const
  {
    return {
        program(verb).uid(lesser_user),
        program(verb).gid(lesser_group),
        program(verb).groups({lesser_group}),
        program(verb).uid(lesser_user).gid(lesser_group).drop_groups(),
        program(verb).chroot("/"),
        program(verb).ambient_capabilities({CAP_NET_BIND_SERVICE}),
        program(verb).user_namespace(),
    };
  }

  /// A process of the lesser user, until the object goes.
  child start_lesser(std::initializer_list<std::string_view> verb) const
  {
    command what = program(verb);
    what.uid(lesser_user).gid(lesser_group).stdin_from(stdio::pipe()).stdout_to(stdio::pipe());
    child started = spawn(what);
    EXPECT_EQ(read_line(started.stdout_pipe().get()), "ready");
    return started;
  }

  scratch_directory scratch;
  const std::string tool = scratch.helper_as("tool"); // Where any user may run it.
};

TEST_F(privilege, is_given_up_in_a_memory_of_its_own)
{
  for (const command& what : lesser({"exit", "0"})) {
    spawn_failure failure;
    child started = spawn(what, failure);
    if (failure && failure.step == spawn_step::namespaces)
      continue; // User namespaces are refused here.
    ASSERT_FALSE(failure) << failure.context() << ": " << failure.code.message();
    EXPECT_EQ(started.launcher_used(), launcher::fork) << to_string(what);
    EXPECT_TRUE(end_of(started).success());
  }
}

TEST_F(privilege, is_not_given_up_by_the_launcher_that_shares_memory)
{
  for (command& what : lesser({"exit", "0"})) {
    spawn_failure failure;
    child started = spawn(what.use_launcher(launcher::clone), failure);
    EXPECT_EQ(failure.code.value(), EINVAL) << failure.context();
    EXPECT_EQ(failure.step, spawn_step::prepare) << failure.context();
    EXPECT_NE(failure.detail, "");
    if (!failure)
      end_of(started);
  }
}

TEST_F(privilege, that_stays_is_no_reason_to_copy_memory)
{
  if (const auto reason = why_unavailable(launcher::clone))
    GTEST_SKIP() << *reason;
  child started = spawn(program({"exit", "0"}).nice(5).umask(077).current_dir("/"));
  EXPECT_EQ(started.launcher_used(), launcher::clone);
  EXPECT_TRUE(end_of(started).success());
}

/// Launches with the lesser user by several threads; some of them take long.
class lesser_launches {
public:
  lesser_launches(const std::string& tool, const std::string& busy, int rounds)
  {
    for (int i = 0; i < threads; ++i)
      threads_.emplace_back([this, tool, busy, rounds] {
        for (int round = 0; round < rounds; ++round) {
          std::error_code ec;
          run(command(busy, {"exit", "0"}).uid(lesser_user).gid(lesser_group).retry_text_busy(3ms), ec);
          EXPECT_EQ(ec.value(), ETXTBSY) << ec.message();
          run(command(tool, {"exit", "0"}).uid(lesser_user).gid(lesser_group), ec);
          EXPECT_FALSE(ec) << ec.message();
        }
        ++done_;
      });
  }
  ~lesser_launches()
  {
    for (std::thread& thread : threads_)
      thread.join();
  }
  lesser_launches(const lesser_launches&) = delete;
  lesser_launches& operator=(const lesser_launches&) = delete;

  bool done() const { return done_ == threads; }

private:
  static constexpr int threads = 3;
  std::atomic<int> done_ = 0;
  std::vector<std::thread> threads_;
};

TEST_F(privilege, of_the_parent_is_not_within_reach_of_the_childs_user)
{
  const std::string busy = scratch.helper_as("busy");
  isolated([&] {
    const unique_fd writer(::open(busy.c_str(), O_WRONLY | O_CLOEXEC)); // While it is there, the exec is tried again.
    const std::string text = "known to the parent alone";
    std::vector<char> secret(text.begin(), text.end());
    const unique_fd file(::open(scratch.file("secret", text, 0600).c_str(), O_RDONLY | O_CLOEXEC));
    const unique_fd high(::fcntl(file.get(), F_DUPFD_CLOEXEC, 40));
    child spy = start_lesser({"spy", std::to_string(::getpid()),
                              std::to_string(reinterpret_cast<std::uintptr_t>(secret.data())),
                              std::to_string(high.get()), text});
    {
      const lesser_launches launches(tool, busy, rounds(80));
    }
    spy.stdin_pipe().reset();
    const std::string found = read_all(spy.stdout_pipe().get());
    EXPECT_EQ(found.substr(0, found.find('\n')), "") << "the child's user found the secret";
    EXPECT_TRUE(end_of(spy).success());
    EXPECT_EQ(std::string(secret.begin(), secret.end()), text);
  });
}

// What the kernel takes from a process that has changed its user: core dumps, and being
// looked at by its own user's debugger.
TEST_F(privilege, of_the_child_does_not_change_the_parents_attributes)
{
  const std::string busy = scratch.helper_as("busy");
  isolated([&] {
    const unique_fd writer(::open(busy.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::prctl(PR_GET_DUMPABLE), 1);
    bool lost = false;
    {
      const lesser_launches launches(tool, busy, rounds(30));
      while (!launches.done())
        lost = lost || ::prctl(PR_GET_DUMPABLE) != 1;
    }
    EXPECT_FALSE(lost) << "the parent was not dumpable for a while";
    EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  });
}

TEST_F(privilege, of_a_parent_that_is_not_dumpable_stays_so)
{
  isolated([&] {
    ASSERT_EQ(::prctl(PR_SET_DUMPABLE, 0), 0);
    for (const command& what : lesser({"exit", "0"})) {
      std::error_code ec;
      run(what, ec);
      EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 0);
    }
  });
}

TEST_F(privilege, of_the_childs_user_to_stop_it_does_not_hold_the_parent)
{
  const std::string busy = scratch.helper_as("busy");
  isolated([&] {
    ::alarm(15);
    const unique_fd writer(::open(busy.c_str(), O_WRONLY | O_CLOEXEC));
    child stopper = start_lesser({"stop-children", std::to_string(::getpid())});
    for (int i = 0; i < 3; ++i) {
      const auto start = std::chrono::steady_clock::now();
      std::error_code ec;
      spawn(command(busy, {"exit", "0"}).uid(lesser_user).gid(lesser_group).retry_text_busy(100ms), ec);
      EXPECT_EQ(ec.value(), ETXTBSY) << ec.message();
      EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    }
    stopper.stdin_pipe().reset();
    EXPECT_TRUE(end_of(stopper).success());
  });
}

} // namespace
} // namespace subprocess::tests
