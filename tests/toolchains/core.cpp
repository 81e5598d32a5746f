#include "smoke.hpp"

#include <subprocess/subprocess.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace smoke {
namespace {

using namespace subprocess;
using namespace std::chrono_literals;

class blocking_roads {
public:
  explicit blocking_roads(const choice& chosen) : how_(chosen.how) {}

  command shell(const std::string& script) const { return command("sh", {"-c", script}).use_launcher(how_); }

  void ends() const
  {
    child started = spawn(shell("exit 7"));
    expect(how_ == launcher::automatic || started.launcher_used() == how_, "the launcher that was asked for");
    expect(started.wait().code() == 7, "an exit code");
    expect(to_string(run(shell("kill -TERM $$"))) == "signal: 15 (SIGTERM)", "a signal as the end");
    child asleep = spawn(shell("exec sleep 1000"));
    expect(!asleep.try_wait() && !asleep.wait_for(1ms), "a child that runs has no status");
    asleep.kill();
    expect(asleep.wait().signal() == SIGKILL, "a child that is killed");
    std::error_code ec;
    asleep.kill(ec);
    expect(ec == std::errc::invalid_argument, "one that has ended is not signalled");
    expect(spawn(shell("exec sleep 1000")).stop({{SIGTERM, 10s}}).signal() == SIGTERM, "a stop sequence");
    run(shell("exec sleep 1000"), {.limit = 20ms}, ec);
    expect(ec == std::errc::timed_out, "a time limit");
  }

  void streams() const
  {
    const captured_output both = capture(shell("cat; echo told >&2"), {.input = "given\n"});
    expect(both.status.success() && both.out == "given\n" && both.err == "told\n", "all three streams");
    const std::string much(300000, 'x');
    expect(capture(shell("cat"), {.input = much}).out == much, "more than a pipe holds, both ways");
    const pipeline_result three = capture(shell("echo one; echo two") | shell("cat") | shell("wc -l"));
    expect(three.out.find('2') != std::string::npos && three.pipefail().success(), "a pipeline");
    const std::string answers = "test -t 0 && read word && echo got $word";
    child terminal = spawn(shell(answers).stdin_from(stdio::pty()).stdout_to(stdio::pty()).stderr_to(stdio::pty()));
    expect(::write(terminal.pty().get(), "word\n", 5) == 5, "a terminal is written to");
    std::string seen;
    char piece[256];
    for (ssize_t n = 0; (n = ::read(terminal.pty().get(), piece, sizeof piece)) > 0;)
      seen.append(piece, static_cast<std::size_t>(n));
    expect(seen.find("got word") != std::string::npos && terminal.wait().success(), "a terminal is read from");
  }

  void options() const
  {
    command told = shell("pwd; echo $KEY; umask; ulimit -f; test $(ps -o sid= -p $$ 2>/dev/null || echo $$) = $$");
    told.env("KEY", "value").current_dir("/usr").umask(077).rlimit(RLIMIT_FSIZE, 64 * 512, 64 * 512).session_leader();
    expect(capture(told).out == "/usr\nvalue\n0077\n64\n", "directory, environment, umask and limit");
    spawn_failure failure;
    child guarded = spawn(shell("exec sleep 1000").die_with_program(), failure);
    if (threads_are_refused()) {
      expect(failure.code == std::errc::resource_unavailable_try_again, "what needs a thread says that there is none");
    } else {
      guarded.kill();
      expect(guarded.wait().signal() == SIGKILL, "a child that would die with the program");
    }
    if (how_ == launcher::clone)
      return; // What follows is for a copy of the parent alone.
    expect(run(shell("exit 3").pre_exec([] { return std::error_code(); })).code() == 3, "a hook");
    spawn(shell("").pre_exec([] { return std::make_error_code(std::errc::host_unreachable); }), failure);
    expect(failure.step == spawn_step::pre_exec && failure.code == std::errc::host_unreachable, "a hook that fails");
    if (::geteuid() == 0)
      expect(capture(shell("id -u; id -g; id -G").uid(12345).gid(12346)).out == "12345\n12346\n12346\n", "credentials");
  }

  void descriptors() const
  {
    // As Asio opens its sockets: without close-on-exec.
    const unique_fd given(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const unique_fd leaky[] = {unique_fd(::fcntl(given.get(), F_DUPFD, 20)),
                               unique_fd(::fcntl(given.get(), F_DUPFD, 600))};
    const std::string all = "for n in 7 20 600; do test -e /proc/$$/fd/$n && echo $n; done; true";
    expect(capture(shell(all).map_fd(given.get(), 7)).out == "7\n", "no descriptor but the mapped one");
  }

  void failures() const
  {
    spawn_failure failure;
    expect(spawn(command("/nowhere/at-all").use_launcher(how_), failure).id() == -1, "a missing program");
    expect(failure.step == spawn_step::exec && failure.code == std::errc::no_such_file_or_directory, "is told so");
    try {
      run(shell("").current_dir("/nowhere"));
      expect(false, "a missing directory");
    } catch (const spawn_error& error) {
      expect(error.step() == spawn_step::chdir && error.code().value() == ENOENT, "the step of what is thrown");
    }
    expect(spawn(shell(std::string("a\0b", 3)), failure).id() == -1 && failure.code == std::errc::invalid_argument,
           "a NUL byte");
    expect(capture(command("sh", {"-c", "exec \"$0\"", shell_quote("it's")})).status.code() == 127,
           "a shell's own end");
  }

  void by_threads() const
  {
    if (threads_are_refused())
      return;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([this, i] {
        for (int n = 0; n < 2; ++n) {
          const std::string word = std::to_string(100 * i + n);
          expect(capture(shell("echo " + word)).out == word + "\n", "a child of one thread beside others");
        }
      });
    for (std::thread& thread : threads)
      thread.join();
  }

private:
  launcher how_;
};

} // namespace

void blocking_calls(const choice& chosen)
{
  const blocking_roads by(chosen);
  by.ends();
  by.streams();
  by.options();
  by.descriptors();
  by.failures();
  by.by_threads();
}

} // namespace smoke
