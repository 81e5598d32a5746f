#include "io_fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <asio/execution/context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/query.hpp>
#include <asio/system_executor.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <ostream>

#include <subprocess/detail/process/orphans.hpp>

namespace subprocess::tests {

std::vector<io_setup> io_setups()
{
  std::vector<io_setup> all;
  asio::io_context loop;
  const bool has_kqueue = reaper_in_use(loop) == reaper_source::kqueue;
  for (const reaper_source source : {reaper_source::sigchld, has_kqueue ? reaper_source::kqueue : reaper_source::pidfd})
    for (const launcher which : launchers())
      all.push_back({source, which});
  return all;
}

std::ostream& operator<<(std::ostream& out, const io_setup& setup)
{
  return out << setup.source << '_' << launcher_name(::testing::TestParamInfo<launcher>(setup.which, 0));
}

std::string io_setup_name(const ::testing::TestParamInfo<io_setup>& info)
{
  return ::testing::PrintToString(info.param);
}

bool is_available(reaper_source source)
{
  asio::io_context context;
  std::error_code ec;
  use_reaper(context, source, ec);
  EXPECT_TRUE(!ec || ec == std::errc::function_not_supported) << ec.message();
  return !ec;
}

void reached_cat::expect_answer() const
{
  write_all(input.get(), "hello\n");
  EXPECT_EQ(read_line(output.get()), "hello");
}

void reached_cat::expect_gone()
{
  what = command("nothing");
  EXPECT_EQ(read_all(output.get()), "");
}

reached_cat io_fixture::cat() const
{
  pipe_ends in = make_pipe();
  pipe_ends out = make_pipe();
  command what = helper({"cat"});
  what.stdin_from(stdio::from_fd(std::move(in.read_end))).stdout_to(stdio::from_fd(std::move(out.write_end)));
  return {std::move(what), std::move(in.write_end), std::move(out.read_end)};
}

void io_fixture::SetUpTestSuite()
{
  // An empty child's pipes have a context that lives as long as the program.
  async_child().stdin_pipe();

  // So have Asio's own threads, by which it completes what has no executor. They take no
  // signals here: Asio's handler of SIGCHLD, run by one, would race with the end of a context.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  static_cast<void>(asio::query(asio::system_executor(), asio::execution::context));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void io_fixture::SetUp()
{
  baseline::SetUp();
  if (!is_available(GetParam().source))
    GTEST_SKIP() << "no " << GetParam().source << " here";
  const auto reason = why_unavailable(GetParam().which);
  if (reason && GetParam().which == launcher::fork)
    FAIL() << *reason; // Every system has this one.
  if (reason)
    GTEST_SKIP() << *reason;
}

void io_fixture::TearDown()
{
  end_context();
  all_children_gone(); // The baseline reports what is left.
  baseline::TearDown();
}

asio::io_context& io_fixture::context()
{
  if (!context_) {
    context_.emplace();
    use_source(*context_);
  }
  return *context_;
}

command io_fixture::program(std::string path, std::initializer_list<std::string_view> args) const
{
  return command(std::move(path), args).use_launcher(GetParam().which);
}

command io_fixture::helper(std::initializer_list<std::string_view> verb_and_arguments) const
{
  return tests::helper(verb_and_arguments).use_launcher(GetParam().which);
}

async_child io_fixture::start(std::initializer_list<std::string_view> verb_and_arguments)
{
  return start(helper(verb_and_arguments).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()));
}

async_child io_fixture::start_ready(std::initializer_list<std::string_view> verb_and_arguments)
{
  async_child started = start(verb_and_arguments);
  EXPECT_EQ(read_line(started.stdout_pipe().native_handle()), "ready");
  return started;
}

void io_fixture::run_to_end()
{
  context().restart();
  context().run_for(patience);
  EXPECT_TRUE(context().stopped()) << "something still waits";
}

void io_fixture::run_until(const std::function<bool()>& condition)
{
  const deadline end;
  context().restart();
  const auto busy = asio::make_work_guard(context());
  while (!condition() && !end.passed())
    context().run_one_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(condition()) << "it did not happen in time";
}

bool io_fixture::is_busy()
{
  context().restart();
  context().poll();
  return !context().stopped();
}

exit_status io_fixture::end_of(async_child& running)
{
  wait_result result;
  running.async_wait(result.handler());
  run_until([&] { return result.calls == 1; });
  EXPECT_FALSE(result.ec) << result.ec.message();
  return result.status;
}

void io_fixture::isolated_loop(const std::function<void()>& body)
{
  isolated([&] {
    body();
    end_context();
    all_children_gone();
  });
}

void wait_until_exited(pid_t pid)
{
  EXPECT_TRUE(eventually([pid] {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == -1 || info.si_pid == pid;
  }));
}

void expect_no_children_of(asio::io_context& loop)
{
  const auto are_gone = [&loop] {
    loop.restart();
    loop.poll();
    detail::reap_orphans();
    return !has_children();
  };
  EXPECT_TRUE(eventually(are_gone, std::chrono::seconds(2))) << "a child is left";
}

exit_status in_fork(const std::function<void()>& body)
{
  std::fflush(nullptr);
  const pid_t copy = ::fork();
  if (copy == 0) {
    try {
      body();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "exception: " << error.what();
    }
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  if (!eventually([&] { return ::waitpid(copy, &status, WNOHANG) != 0; })) {
    ADD_FAILURE() << "the copy did not end";
    ::kill(copy, SIGKILL);
    ::waitpid(copy, &status, 0);
  }
  return exit_status(status);
}

} // namespace subprocess::tests
