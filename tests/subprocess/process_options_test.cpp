#include <subprocess/process_options.hpp> // First: proves it stands alone.

#include <subprocess/spawn.hpp>

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/isolated.hpp"
#include "support/launchers.hpp"

namespace subprocess::tests {
namespace {

/// What every POSIX system has.
class options : public per_launcher {
protected:
  static void needs_root()
  {
    if (::geteuid() != 0)
      GTEST_SKIP() << "needs root";
  }

  static void become_somebody()
  {
    ASSERT_EQ(::setgid(64322), 0);
    ASSERT_EQ(::setuid(64321), 0);
  }

  void expect_failure(const command& what, spawn_step step, int error, std::string_view detail) const
  {
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.step, step);
    EXPECT_EQ(failure.code, std::error_code(error, std::system_category()));
    EXPECT_EQ(failure.detail, detail);
  }
};
SUBPROCESS_FOR_EACH_ROAD(options);

TEST_P(options, umask_is_the_childs_alone)
{
  const mode_t own = ::umask(022);
  EXPECT_EQ(output_of(helper({"umask"})), "0022\n");
  EXPECT_EQ(output_of(helper({"umask"}).umask(0137)), "0137\n");
  EXPECT_EQ(output_of(helper({"umask"}).umask(0)), "0000\n");
  EXPECT_EQ(::umask(own), 022u);
}

TEST_P(options, rlimit_sets_soft_and_hard)
{
  const std::string limits = output_of(helper({"limits"})
                                           .rlimit(RLIMIT_NOFILE, 100, 120)
                                           .rlimit(RLIMIT_CORE, 0, 0)
                                           .rlimit(RLIMIT_CPU, 90, 100)
                                           .rlimit(RLIMIT_CPU, 80, 100));
  EXPECT_NE(limits.find("nofile 100 120\n"), std::string::npos) << limits;
  EXPECT_NE(limits.find("core 0 0\n"), std::string::npos) << limits;
  EXPECT_NE(limits.find("cpu 80 100\n"), std::string::npos) << limits;
}

TEST_P(options, rlimit_leaves_the_parents_limits_alone)
{
  rlimit before;
  ::getrlimit(RLIMIT_NOFILE, &before);
  output_of(helper({"limits"}).rlimit(RLIMIT_NOFILE, 100, 120));
  rlimit after;
  ::getrlimit(RLIMIT_NOFILE, &after);
  EXPECT_EQ(after.rlim_cur, before.rlim_cur);
  EXPECT_EQ(after.rlim_max, before.rlim_max);
}

TEST_P(options, rlimit_failures_name_the_limit)
{
  expect_failure(helper({"limits"}).rlimit(RLIMIT_CORE, 0, 0).rlimit(RLIMIT_NOFILE, 9, 8), spawn_step::setrlimit,
                 EINVAL, "NOFILE");
  expect_failure(helper({"limits"}).rlimit(9999, 1, 1), spawn_step::setrlimit, EINVAL, "9999");
}

TEST_P(options, rlimit_is_raised_before_the_user_changes)
{
  needs_root();
  if (IsSkipped())
    return;
  const scratch_directory scratch;
  const rlimit low{5, 5};
  const rlimit high{7, 9};
  const exit_status may_raise = in_copy([&] {
    ::setrlimit(RLIMIT_CORE, &low);
    ::_exit(::setrlimit(RLIMIT_CORE, &high) == 0 ? 0 : 1);
  });
  if (!may_raise.success())
    GTEST_SKIP() << "needs CAP_SYS_RESOURCE";
  isolated([&] {
    ASSERT_EQ(::setrlimit(RLIMIT_CORE, &low), 0);
    const command what = program(scratch.helper_as("tool"), {"limits"}).uid(64321);
    EXPECT_NE(output_of(command(what).rlimit(RLIMIT_CORE, 7, 9)).find("core 7 9\n"), std::string::npos);
  });
}

TEST_P(options, nice_is_the_value_itself)
{
  EXPECT_EQ(output_of(helper({"nice"}).nice(7)), "7\n");
  isolated([&] {
    ASSERT_EQ(::setpriority(PRIO_PROCESS, 0, 3), 0);
    EXPECT_EQ(output_of(helper({"nice"}).nice(5)), "5\n");
  });
}

TEST_P(options, nice_below_ones_rights_is_an_error)
{
  needs_root();
  if (IsSkipped())
    return;
  isolated([&] {
    become_somebody();
    expect_failure(program("true").nice(-5), spawn_step::nice, EACCES, "-5");
  });
}

TEST_P(options, scheduling_sets_policy_and_priority)
{
  EXPECT_EQ(output_of(helper({"scheduling"})), std::to_string(SCHED_OTHER) + " 0\n");
#ifdef SCHED_BATCH
  EXPECT_EQ(output_of(helper({"scheduling"}).scheduling(SCHED_BATCH)), std::to_string(SCHED_BATCH) + " 0\n");
#endif
  expect_failure(helper({"scheduling"}).scheduling(SCHED_OTHER, 5), spawn_step::scheduling, EINVAL,
                 std::to_string(SCHED_OTHER) + ",5");
}

TEST_P(options, chroot_moves_the_root_and_the_search_for_the_program)
{
  needs_root();
  if (IsSkipped())
    return;
  const scratch_directory scratch;
  std::filesystem::create_directories(scratch / "root/inner");
  // A program alone in there needs its libraries; a missing one is error enough.
  expect_failure(program("/inner/none").chroot(scratch / "root"), spawn_step::exec, ENOENT, "");
  expect_failure(program("/bin/true").chroot(scratch / "root"), spawn_step::exec, ENOENT, "");
  expect_failure(program("/x").chroot(scratch / "root").current_dir("/nope"), spawn_step::chdir, ENOENT, "\"/nope\"");
  EXPECT_EQ(output_of(helper({"cwd"}).chroot("/")), "/\n");
  EXPECT_EQ(output_of(helper({"cwd"}).chroot("/").current_dir("/usr")), "/usr\n");
}

TEST_P(options, chroot_failures_name_the_path)
{
  needs_root();
  if (IsSkipped())
    return;
  expect_failure(program("true").chroot("/nope"), spawn_step::chroot, ENOENT, "\"/nope\"");
  isolated([&] {
    become_somebody();
    expect_failure(program("true").chroot("/"), spawn_step::chroot, EPERM, "\"/\"");
  });
}

TEST_P(options, chroot_leaves_the_parent_where_it_is)
{
  needs_root();
  if (IsSkipped())
    return;
  const std::filesystem::path before = std::filesystem::current_path();
  output_of(helper({"cwd"}).chroot("/"));
  EXPECT_EQ(std::filesystem::current_path(), before);
}

TEST_P(options, signal_mask_is_what_the_program_gets)
{
  EXPECT_EQ(output_of(helper({"sigmask"}).signal_mask({SIGUSR1, SIGHUP, SIGTERM})), "1\n10\n15\n");
  EXPECT_EQ(output_of(helper({"sigmask"}).signal_mask({})), "");
  expect_failure(helper({"sigmask"}).signal_mask({SIGHUP, 0}), spawn_step::prepare, EINVAL, "signal mask 1,0");
  expect_failure(helper({"sigmask"}).signal_mask({65}), spawn_step::prepare, EINVAL, "signal mask 65");
}

TEST_P(options, ignored_signals_can_be_reset)
{
  isolated([&] {
    for (const int number : {SIGHUP, SIGUSR2, SIGPIPE})
      std::signal(number, SIG_IGN);
    EXPECT_EQ(output_of(helper({"sigdispositions"})), "1 ignored\n12 ignored\n");
    EXPECT_EQ(output_of(helper({"sigdispositions"}).reset_ignored_signals()), "");
    EXPECT_EQ(std::signal(SIGHUP, SIG_DFL), SIG_IGN);
  });
}

TEST_P(options, groups_can_be_kept_and_dropped)
{
  needs_root();
  if (IsSkipped())
    return;
  const scratch_directory scratch;
  isolated([&] {
    const gid_t groups[] = {7, 8};
    ASSERT_EQ(::setgroups(2, groups), 0);
    const command ids = program(scratch.helper_as("tool"), {"ids"});
    EXPECT_EQ(output_of(command(ids).uid(64321).keep_groups()), "64321 64321 0 0\n7 8\n");
    EXPECT_EQ(output_of(command(ids).drop_groups()), "0 0 0 0\n\n");
    EXPECT_EQ(output_of(command(ids).uid(64321).keep_groups().groups({5})), "64321 64321 0 0\n5\n");
  });
}

class on_a_terminal : public options {
protected:
  void SetUp() override
  {
    options::SetUp();
    main.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!main || ::grantpt(main.get()) == -1 || ::unlockpt(main.get()) == -1)
      GTEST_SKIP() << "no pseudo-terminals here";
    terminal.reset(::open(::ptsname(main.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(terminal);
  }
  void TearDown() override
  {
    main.reset();
    terminal.reset();
    options::TearDown();
  }

  unique_fd main;
  unique_fd terminal;
};
SUBPROCESS_FOR_EACH_LAUNCHER(on_a_terminal);

TEST_P(on_a_terminal, it_becomes_the_controlling_one_of_a_new_session)
{
  EXPECT_EQ(output_of(helper({"foreground", "0"}).stdin_from(stdio::from_fd(terminal.get())).controlling_terminal()),
            "foreground\n");
  EXPECT_EQ(output_of(helper({"foreground", "5"}).map_fd(terminal.get(), 5).controlling_terminal(5)), "foreground\n");
  EXPECT_EQ(output_of(helper({"foreground", "0"}).stdin_from(stdio::from_fd(terminal.get())).session_leader()),
            "background\n");
}

TEST_P(on_a_terminal, a_group_can_be_put_into_the_foreground)
{
  isolated([&] {
    ASSERT_NE(::setsid(), -1);
    ASSERT_EQ(::ioctl(terminal.get(), TIOCSCTTY, 0), 0);
    const command what = helper({"foreground", "0"}).stdin_from(stdio::from_fd(terminal.get())).process_group();
    EXPECT_EQ(output_of(what), "background\n");
    EXPECT_EQ(output_of(command(what).foreground()), "foreground\n");
    EXPECT_EQ(output_of(command(what).foreground()), "foreground\n"); // Now we are in the background.
    std::signal(SIGTTOU, SIG_IGN);
    ::tcsetpgrp(terminal.get(), ::getpgrp());
  });
}

TEST_P(on_a_terminal, a_spawn_that_fails_leaves_its_foreground_as_it_was)
{
  isolated([&] {
    ASSERT_NE(::setsid(), -1);
    ASSERT_EQ(::ioctl(terminal.get(), TIOCSCTTY, 0), 0);
    const auto expect_unchanged = [&](command what) {
      failure_of(what.stdin_from(stdio::from_fd(terminal.get())).process_group().foreground());
      EXPECT_EQ(::tcgetpgrp(terminal.get()), ::getpgrp()) << to_string(what);
    };
    expect_unchanged(program("/nonexistent"));
    expect_unchanged(helper({"exit", "0"}).current_dir("/nonexistent"));
    expect_unchanged(helper({"exit", "0"}).rlimit(-1, 0, 0));
    expect_unchanged(helper({"exit", "0"}).use_launcher(launcher::fork).pre_exec([] {
      return std::make_error_code(std::errc::io_error);
    }));
  });
}

TEST_P(on_a_terminal, what_is_none_is_an_error)
{
  expect_failure(helper({"exit", "0"}).controlling_terminal(), spawn_step::controlling_terminal, ENOTTY, "0");
  expect_failure(helper({"exit", "0"}).controlling_terminal(9), spawn_step::controlling_terminal, EBADF, "9");
  expect_failure(helper({"exit", "0"}).process_group().foreground(), spawn_step::foreground, ENOTTY, "0");
  expect_failure(helper({"exit", "0"}).controlling_terminal().process_group(1), spawn_step::prepare, EINVAL,
                 "session leader in a foreign process group");
}

} // namespace
} // namespace subprocess::tests
