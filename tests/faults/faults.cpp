// Does one thing with children while strace makes system calls fail, and tells what came of
// it: `faults SCENARIO HELPER [CALL…]`. It stops itself before, so that strace can come and
// count from there, and after, so that strace can go; getpgid(0) stands before and after the
// scenario in the trace. What the parent and a child both call is called 40 times in vain
// first, for the numbers in CALL: so the parent's have other positions than the child's.
//
// Four lines: what it came to, what is open that was not, which children are left, and
// whether the next launches work.

#include <dirent.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <asio_integration/asio_integration.hpp>
#include <subprocess/subprocess.hpp>

#include "support/deadline.hpp"

using namespace subprocess;
using namespace std::chrono_literals;

namespace {

constexpr int calls_in_vain = 40;

std::string helper_path;
std::unique_ptr<asio::io_context> context;

/// It went on as if nothing had failed, and is not right.
struct wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void expect(bool right, const std::string& what)
{
  if (!right)
    throw wrong(what);
}

void expect_code(const exit_status& status, int code)
{
  expect(status.code() == code, "status is " + to_string(status));
}

void fail_if(std::error_code ec, const spawn_failure& failure = {})
{
  if (failure)
    throw spawn_error(failure);
  if (ec)
    throw std::system_error(ec);
}

command helper(std::initializer_list<std::string_view> verb)
{
  return command(helper_path, verb).stdin_from(stdio::null()).stdout_to(stdio::null()).stderr_to(stdio::null());
}

command exits()
{
  return helper({"exit", "3"});
}
command cats()
{
  return command(helper_path, {"cat"});
}
command hangs()
{
  return helper({"hang"}).kill_on_destroy(true);
}

// ---- Blocking ------------------------------------------------------------------------------

void spawn_and_wait(command what, int code = 3)
{
  expect_code(spawn(what).wait(), code);
}

void spawn_all()
{
  spawn_and_wait(
      exits().session_leader().current_dir("/").umask(022).env("A", "b").arg0("x").map_fd(0, 7).nice(1).rlimit(
          RLIMIT_CORE, 0, 0));
}

void spawn_as_other()
{
  const gid_t group = 65534;
  spawn_and_wait(exits().uid(65534).gid(65534).groups(std::span(&group, 1)));
}

void spawn_piped()
{
  child cat =
      spawn(cats().stdin_from(stdio::pipe()).stdout_to(stdio::pipe()).stderr_to(stdio::pipe()).kill_on_destroy(true));
  expect(::write(cat.stdin_pipe().get(), "hello", 5) == 5, "write");
  cat.stdin_pipe().reset();
  char text[8];
  const ssize_t got = ::read(cat.stdout_pipe().get(), text, sizeof text);
  expect(got == -1 || std::string(text, static_cast<std::size_t>(got)) == "hello", "read");
  expect_code(cat.wait(), 0);
}

void spawn_files()
{
  spawn_and_wait(exits().stdin_from(stdio::read_file("/dev/zero")).stdout_to(stdio::write_file("/dev/null")));
}

void run_late()
{
  spawn_failure failure;
  std::error_code ec;
  run(hangs(), {.limit = 50ms, .failure = &failure}, ec);
  expect(bool(ec), "no time limit");
  if (ec != std::errc::timed_out)
    fail_if(ec, failure);
}

void expect_text(const captured_output& got, const std::string& out)
{
  expect(got.out == out, "captured \"" + got.out + "\"");
  expect_code(got.status, 0);
}

void capture_cat()
{
  expect_text(capture(cats(), {.input = "hello"}), "hello");
}

void capture_text()
{
  expect_text(capture(cats().stdin_from(stdio::from_string("hello"))), "hello");
}

void run_pipeline()
{
  const auto statuses = run(cats().stdin_from(stdio::null()) | cats() | command(helper_path, {"exit", "3"}));
  expect(statuses.size() == 3, "three");
  expect_code(statuses[2], 3);
}

void capture_pipeline()
{
  const pipeline_result got = capture(cats() | cats(), {.input = "hello"});
  expect(got.out == "hello", "captured \"" + got.out + "\"");
}

void spawn_on_terminal()
{
  const stdio terminal = stdio::pty();
  child of_terminal = spawn(command(helper_path, {"exit", "3"})
                                .stdin_from(terminal)
                                .stdout_to(terminal)
                                .stderr_to(terminal)
                                .session_leader()
                                .kill_on_destroy(true));
  of_terminal.resize_pty({.rows = 5, .columns = 6});
  expect_code(of_terminal.wait(), 3);
}

void stop_it()
{
  child one = spawn(hangs());
  expect(one.stop(stop_sequence{{SIGTERM, 2s}}).signal() == SIGTERM, "not by SIGTERM");
}

void kill_it()
{
  child one = spawn(hangs().process_group());
  one.kill_group(SIGKILL);
  expect(one.wait_for(10s).value().signal() == SIGKILL, "not by SIGKILL");
}

void misspelt()
{
  std::error_code ec;
  spawn(command("/no/such/program"), ec);
  expect(bool(ec), "it ran");
  if (ec != std::errc::no_such_file_or_directory)
    fail_if(ec);
}

// ---- On a loop -----------------------------------------------------------------------------

template <class... Results>
struct awaited {
  std::error_code ec;
  std::tuple<Results...> results;
  int calls = 0;

  auto handler()
  {
    return [this](std::error_code error, Results... all) {
      ec = error;
      results = std::tuple<Results...>(std::move(all)...);
      ++calls;
    };
  }
  void turn(const spawn_failure& failure = {})
  {
    context->run();
    context->restart();
    expect(calls == 1, "the handler was called " + std::to_string(calls) + " times");
    fail_if(ec, failure);
  }
};

async_child async_start(const command& what)
{
  spawn_failure failure;
  awaited<async_child> started;
  async_spawn(*context, what, failure, started.handler());
  started.turn(failure);
  return std::get<0>(std::move(started.results));
}

void async_spawn_and_wait(const command& what)
{
  async_child one = async_start(what);
  awaited<exit_status> ended;
  one.async_wait(ended.handler());
  ended.turn();
  expect_code(std::get<0>(ended.results), 3);
}

void loop_spawn_and_wait()
{
  async_child one = spawn(*context, exits());
  awaited<exit_status> ended;
  one.async_wait(ended.handler());
  ended.turn();
  expect_code(std::get<0>(ended.results), 3);
}

void async_run_it(const command& what)
{
  spawn_failure failure;
  awaited<exit_status> ended;
  async_run(*context, what, {.failure = &failure}, ended.handler());
  ended.turn(failure);
  expect_code(std::get<0>(ended.results), 3);
}

void async_run_late()
{
  awaited<exit_status> ended;
  async_run(*context, hangs(), {.limit = 50ms}, ended.handler());
  context->run();
  context->restart();
  expect(ended.calls == 1 && ended.ec, "no time limit");
  if (ended.ec != std::errc::timed_out)
    fail_if(ended.ec);
}

void async_run_cancelled()
{
  awaited<exit_status> ended;
  asio::cancellation_signal cancel;
  async_run(*context, hangs().stop_with(stop_sequence{{SIGTERM, 2s}}),
            asio::bind_cancellation_slot(cancel.slot(), ended.handler()));
  asio::post(*context, [&] { cancel.emit(asio::cancellation_type::terminal); });
  context->run();
  context->restart();
  expect(ended.calls == 1 && ended.ec, "not cancelled");
  if (ended.ec != asio::error::operation_aborted)
    fail_if(ended.ec);
}

void async_capture_cat()
{
  spawn_failure failure;
  awaited<captured_output> ended;
  async_capture(*context, cats(), {.input = "hello", .failure = &failure}, ended.handler());
  ended.turn(failure);
  expect_text(std::get<0>(ended.results), "hello");
}

void async_capture_pipeline()
{
  awaited<pipeline_result> ended;
  async_pipeline(*context, cats() | cats(), {.input = "hello"}, ended.handler());
  ended.turn();
  expect(std::get<0>(ended.results).out == "hello", "captured \"" + std::get<0>(ended.results).out + "\"");
}

void async_stop_it()
{
  async_child one = async_start(hangs());
  awaited<exit_status> ended;
  one.async_stop(2s, ended.handler());
  ended.turn();
  expect(std::get<0>(ended.results).signal() == SIGTERM, "not by SIGTERM");
}

void async_drop()
{
  async_start(hangs());
  context->run();
  context->restart();
}

void async_shutdown()
{
  async_child one = async_start(hangs());
  awaited<exit_status> never;
  one.async_wait(never.handler());
  context->poll();
  {
    async_child gone = std::move(one);
    context.reset();
  }
  expect(never.calls == 0, "a handler was called");
  context = std::make_unique<asio::io_context>();
}

void with_sigchld(const std::function<void()>& what)
{
  use_reaper(*context, reaper_source::sigchld);
  what();
}

const std::map<std::string, std::function<void()>> scenarios = {
    {"spawn_clone", [] { spawn_and_wait(exits().use_launcher(launcher::clone)); }},
    {"spawn_fork", [] { spawn_and_wait(exits().use_launcher(launcher::fork)); }},
    {"spawn", [] { spawn_and_wait(exits()); }},
    {"spawn_all", spawn_all},
    {"spawn_as_other", spawn_as_other},
    {"spawn_hook", [] { spawn_and_wait(exits().pre_exec([] { return std::error_code(); })); }},
    {"spawn_piped", spawn_piped},
    {"spawn_files", spawn_files},
    {"spawn_die", [] { spawn_and_wait(exits().die_with_program()); }},
    {"spawn_on_terminal", spawn_on_terminal},
    {"misspelt", misspelt},
    {"run", [] { expect_code(run(exits()), 3); }},
    {"run_late", run_late},
    {"capture", capture_cat},
    {"capture_text", capture_text},
    {"pipeline", run_pipeline},
    {"capture_pipeline", capture_pipeline},
    {"stop", stop_it},
    {"kill", kill_it},
    {"loop_spawn", loop_spawn_and_wait},
    {"async_spawn", [] { async_spawn_and_wait(exits()); }},
    {"async_spawn_fork", [] { async_spawn_and_wait(exits().use_launcher(launcher::fork)); }},
    {"async_spawn_sigchld", [] { with_sigchld([] { async_spawn_and_wait(exits()); }); }},
    {"async_run", [] { async_run_it(exits()); }},
    {"async_run_fork", [] { async_run_it(exits().use_launcher(launcher::fork)); }},
    {"async_run_sigchld", [] { with_sigchld([] { async_run_it(exits()); }); }},
    {"async_run_late", async_run_late},
    {"async_run_cancelled", async_run_cancelled},
    {"async_capture", async_capture_cat},
    {"async_pipeline", async_capture_pipeline},
    {"async_stop", async_stop_it},
    {"async_drop", async_drop},
    {"async_shutdown", async_shutdown},
};

// ---- What it came to -----------------------------------------------------------------------

void tell(const std::string& line)
{
  std::string whole = line;
  std::ranges::replace(whole, '\n', ' ');
  std::printf("%s\n", whole.c_str());
  std::fflush(stdout);
}

std::string result_of(const std::function<void()>& scenario)
try {
  scenario();
  return "ok";
} catch (const wrong& error) {
  return std::string("wrong ") + error.what();
} catch (const spawn_error& error) {
  return "error " + std::to_string(error.code().value()) + " " + std::string(to_string(error.step())) + ": " +
         error.what();
} catch (const std::system_error& error) {
  return "error " + std::to_string(error.code().value()) + " " + error.code().category().name() + ": " + error.what();
} catch (const std::bad_alloc&) {
  return "error " + std::to_string(ENOMEM) + " bad_alloc";
} catch (const std::exception& error) {
  return std::string("wrong exception ") + error.what();
}

/// What is open, by kind.
std::multiset<std::string> open_kinds()
{
  std::multiset<std::string> kinds;
  DIR* const directory = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(directory)) {
    char target[256];
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    if (length > 0 && std::atoi(entry->d_name) != ::dirfd(directory)) {
      const std::string kind(target, static_cast<std::size_t>(length));
      kinds.insert(kind.substr(0, kind.find(":[0"))
                       .substr(0, kind[0] == '/' || kind[0] == 'a' ? std::string::npos : kind.find(':')));
    }
  }
  ::closedir(directory);
  return kinds;
}

std::string added(const std::multiset<std::string>& before)
{
  std::multiset<std::string> kinds = open_kinds();
  for (const std::string& kind : before)
    if (const auto found = kinds.find(kind); found != kinds.end())
      kinds.erase(found);
  std::string text = "open";
  for (const std::string& kind : kinds)
    text += " " + kind;
  return text;
}

std::string next_launches(bool on_loop)
{
  std::string text = "next";
  const auto next = [&](const std::string& name, const std::function<void()>& launch) {
    if (const std::string result = result_of(launch); result != "ok")
      text += " " + name + ": " + result;
  };
  next("run", [] { expect_code(run(exits()), 3); });
  next("fork", [] { spawn_and_wait(exits().use_launcher(launcher::fork)); });
  if (on_loop) {
    next("async_spawn", [] { async_spawn_and_wait(exits()); });
    next("async_run", [] { async_run_it(exits()); });
  }
  return text;
}

// What was given up is reaped by later launches.
std::string children_left()
{
  siginfo_t info{};
  const auto are_gone = [&info] {
    info = {};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
      return true;
    result_of([] { run(exits()); });
    context->poll();
    context->restart();
    return false;
  };
  if (tests::eventually(are_gone, 3s))
    return "children";
  return std::string("children ") + (info.si_pid ? "zombie" : "running");
}

} // namespace

int main(int argc, char** argv)
{
  if (argc < 3 || !scenarios.contains(argv[1])) {
    for (const auto& [name, scenario] : scenarios)
      tell(name);
    return argc == 2 ? 0 : 2;
  }
  const std::string name = argv[1];
  const auto scenario = scenarios.at(name);
  const bool on_loop = name.starts_with("async") || name.starts_with("loop");
  helper_path = argv[2];
  context = std::make_unique<asio::io_context>();
  const auto before = open_kinds();

  ::syscall(SYS_kill, ::getpid(), SIGSTOP);
  for (int i = 3; i < argc; ++i)
    for (int times = 0; times < calls_in_vain; ++times)
      ::syscall(std::atol(argv[i]), -1L, -1L, -1L, -1L, -1L, -1L);
  ::syscall(SYS_getpgid, 0);
  const std::string result = result_of(scenario);
  ::syscall(SYS_getpgid, 0);
  ::syscall(SYS_kill, ::getpid(), SIGSTOP); // Strace goes.

  tell(result);
  const std::string next = next_launches(on_loop);
  const std::string children = children_left();
  tell(added(before));
  tell(children);
  tell(next);
  std::_Exit(0);
}
