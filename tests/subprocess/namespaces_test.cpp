#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/sandbox.hpp"

namespace subprocess::tests {
namespace {

class surroundings : public per_launcher {
protected:
  void SetUp() override
  {
    per_launcher::SetUp();
    if (!IsSkipped() && ::geteuid() != 0)
      GTEST_SKIP() << "needs root";
  }

  void expect_failure(const command& what, spawn_step step, int error, std::string_view detail) const
  {
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.step, step);
    EXPECT_EQ(failure.code, std::error_code(error, std::system_category()));
    EXPECT_EQ(failure.detail, detail);
  }

  static void become_somebody()
  {
    ASSERT_EQ(::setgid(64322), 0);
    ASSERT_EQ(::setuid(64321), 0);
    ::prctl(PR_SET_DUMPABLE, 1); // So that /proc/self stays ours.
  }

  command ids() const { return program(tool, {"ids"}); }

  scratch_directory scratch;
  const std::string tool = scratch.helper_as("tool");
};

// ---- namespaces ----

class namespaces : public surroundings {
protected:
  void SetUp() override
  {
    surroundings::SetUp();
    if (IsSkipped())
      return;
    // Asked of the system itself: what the library makes of it is what the tests are about.
    if (!in_copy([] { ::_exit(::unshare(CLONE_NEWUTS) == -1); }).success())
      GTEST_SKIP() << "namespaces are refused here";
    if (!in_copy([] {
           ::_exit(::unshare(CLONE_NEWNS) == -1 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == -1);
         }).success())
      GTEST_SKIP() << "the root is no mount, which is so within chroot, so that no mount can be made private";
  }

  /// The numbers that the kernel gives the namespaces, in one order.
  std::vector<std::string> seen_by(command what) const
  {
    std::istringstream lines(output_of(std::move(what)));
    std::vector<std::string> links;
    for (std::string line; std::getline(lines, line);)
      links.push_back(line);
    return links;
  }

  command links() const
  {
    const std::string of = "/proc/self/ns/";
    return program(tool, {"link", of + "user", of + "mnt", of + "pid", of + "net", of + "uts", of + "ipc"});
  }

  void expect_new(const std::vector<std::string>& seen, std::initializer_list<bool> wanted) const
  {
    const std::vector<std::string> own = seen_by(links());
    ASSERT_EQ(seen.size(), wanted.size());
    std::size_t i = 0;
    for (const bool is_new : wanted) {
      EXPECT_EQ(seen[i] != own[i], is_new) << own[i];
      ++i;
    }
  }
};
SUBPROCESS_FOR_EACH_ROAD(namespaces);

TEST_P(namespaces, are_those_that_were_asked_for)
{
  using enum new_namespace;
  expect_new(seen_by(links().namespaces({uts})), {false, false, false, false, true, false});
  expect_new(seen_by(links().namespaces({mount, net, ipc})), {false, true, false, true, false, true});
}

TEST_P(namespaces, of_pids_are_entered_by_birth)
{
  using enum new_namespace;
  const command first = program(tool, {"pid"}).namespaces({pid});
  EXPECT_EQ(output_of(first), "1\n");
}

TEST_P(namespaces, without_the_rights_are_errors_that_say_so)
{
  isolated([&] {
    become_somebody();
    expect_failure(ids().namespaces({new_namespace::net, new_namespace::uts}), spawn_step::namespaces, EPERM,
                   "net uts");
    expect_failure(ids().namespaces({new_namespace::pid}), spawn_step::namespaces, EPERM, "pid");
    child next = spawn(ids().use_launcher(launcher::automatic).stdout_to(stdio::null()));
    EXPECT_EQ(next.launcher_used(), launcher::clone); // None the worse for it.
    end_of(next);
  });
}

TEST_P(namespaces, that_are_refused_are_called_by_their_names)
{
  using enum new_namespace;
  isolated([&] {
    if (!refuse_calls({SYS_unshare}, EPERM))
      return;
    expect_failure(ids().user_namespace(), spawn_step::namespaces, EPERM, "user");
    expect_failure(ids().user_namespace().namespaces({mount, net, uts, ipc}), spawn_step::namespaces, EPERM,
                   "user mount net uts ipc");
  });
}

TEST_P(namespaces, leave_the_parents_alone)
{
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/ns/mnt");
  output_of(ids().namespaces({new_namespace::mount}));
  EXPECT_EQ(std::filesystem::read_symlink("/proc/self/ns/mnt"), own);
}

class user_namespaces : public namespaces {
protected:
  void SetUp() override
  {
    namespaces::SetUp();
    if (IsSkipped())
      return;
    if (!in_copy([] { ::_exit(::unshare(CLONE_NEWUSER) == -1); }).success())
      GTEST_SKIP() << "namespaces of users are refused here, as they are within chroot";
  }
};
SUBPROCESS_FOR_EACH_ROAD(user_namespaces);

TEST_P(user_namespaces, come_with_the_others_that_were_asked_for)
{
  using enum new_namespace;
  expect_new(seen_by(links().user_namespace()), {true, false, false, false, false, false});
  expect_new(seen_by(links().user_namespace().namespaces({mount, net, uts, ipc})),
             {true, true, false, true, true, true});
  expect_new(seen_by(links().user_namespace().namespaces({mount, pid, net, uts, ipc})),
             {true, true, true, true, true, true});
}

TEST_P(user_namespaces, map_the_parents_ids)
{
  EXPECT_EQ(output_of(ids().user_namespace()).substr(0, 8), "0 0 0 0\n");
  EXPECT_EQ(output_of(ids().user_namespace(7, 8)).substr(0, 8), "7 7 8 8\n");
  isolated([&] {
    become_somebody();
    const command unprivileged = ids().user_namespace(0, 5).namespaces({new_namespace::uts});
    spawn_failure failure;
    child probe = spawn(command(unprivileged).stdout_to(stdio::null()), failure);
    if (failure.code == std::errc::operation_not_permitted)
      return; // Some systems let nobody else make them.
    end_of(probe);
    EXPECT_EQ(output_of(unprivileged).substr(0, 8), "0 0 5 5\n");
    EXPECT_EQ(output_of(program(tool, {"pid"}).user_namespace().namespaces({new_namespace::pid})), "1\n");
  });
}

TEST_P(user_namespaces, say_which_id_cannot_be_mapped)
{
  constexpr auto none = static_cast<uid_t>(-1);
  expect_failure(ids().user_namespace(none, 0), spawn_step::namespaces, EINVAL, "uid_map " + std::to_string(none));
  expect_failure(ids().user_namespace(0, none), spawn_step::namespaces, EINVAL, "gid_map " + std::to_string(none));
}

TEST_P(user_namespaces, leave_the_parents_alone)
{
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/ns/user");
  output_of(ids().user_namespace().namespaces({new_namespace::mount}));
  EXPECT_EQ(std::filesystem::read_symlink("/proc/self/ns/user"), own);
}

// ---- cgroups ----

class cgroups : public surroundings {
protected:
  void SetUp() override
  {
    surroundings::SetUp();
    if (IsSkipped())
      return;
    for (const std::filesystem::path root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
      std::error_code ec;
      const std::filesystem::path made = root / ("subprocess_test." + std::to_string(::getpid()));
      if (!std::filesystem::exists(root / "cgroup.procs") || !std::filesystem::create_directory(made, ec))
        continue;
      group = made;
      return;
    }
    GTEST_SKIP() << "no cgroup v2 to make a group in";
  }

  void TearDown() override
  {
    if (!group.empty())
      ::rmdir(group.c_str());
    surroundings::TearDown();
  }

  command own_group() const { return program(tool, {"read", "/proc/self/cgroup"}); }
  std::string line() const { return "0::/" + group.filename().native() + "\n"; }
  bool is_in_group(const std::string& text) const { return text.find(line()) != std::string::npos; }

  std::filesystem::path group;
};
SUBPROCESS_FOR_EACH_ROAD(cgroups);

TEST_P(cgroups, are_given_by_path_or_descriptor)
{
  EXPECT_FALSE(is_in_group(output_of(own_group())));
  EXPECT_TRUE(is_in_group(output_of(own_group().cgroup(group))));
  const unique_fd directory(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_TRUE(is_in_group(output_of(own_group().cgroup(directory.get()))));
  EXPECT_TRUE(is_in_group(output_of(own_group().cgroup(directory.get()).map_fd(1, directory.get()))));
  EXPECT_TRUE(is_in_group(output_of(own_group().cgroup(group).uid(64321)))); // While the rights are there.
  EXPECT_FALSE(is_in_group(content_of("/proc/self/cgroup")));
}

TEST_P(cgroups, that_are_none_are_errors)
{
  expect_failure(own_group().cgroup("/nope"), spawn_step::cgroup, ENOENT, "\"/nope\"");
  expect_failure(own_group().cgroup(scratch.path()), spawn_step::cgroup, ENOENT, "\"" + scratch.path().native() + "\"");
  expect_failure(own_group().cgroup(9999), spawn_step::cgroup, EBADF, "9999");
}

} // namespace
} // namespace subprocess::tests
