// Launches in every way that differs in the child. check_levels.py builds it with
// the library at each level of optimization.
//
// usage: program fork|clone

#include <subprocess/subprocess.hpp>

#ifdef WITH_ASIO
#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>
#endif

#include <csignal>
#include <iostream>
#include <string_view>

#include <sys/resource.h>
#include <unistd.h>

using namespace subprocess;

namespace {

int failures = 0;

void expect(bool holds, const char* what)
{
  if (!holds) {
    std::cerr << "does not hold: " << what << '\n';
    ++failures;
  }
}

command with(launcher which, const char* program, std::initializer_list<std::string_view> args)
{
  command what(program, args);
  what.use_launcher(which);
  return what;
}

void blocking(launcher which)
{
  child started = spawn(with(which, "sh", {"-c", "exit 7"}));
  expect(started.wait().code() == 7, "the code of a spawned child");

  command all = with(which, "sh", {"-c", "cat; pwd; echo \"$KEY\" >&2; umask"});
  all.env("KEY", "value").current_dir("/usr").umask(077).rlimit(RLIMIT_NOFILE, 64, 64).session_leader();
  all.stdin_from(stdio::from_string("given\n")).map_fd(1, 17);
  const captured_output output = capture(all);
  expect(output.status.success() && output.out == "given\n/usr\n0077\n", "what a child with options writes");
  expect(output.err == "value\n", "its environment");

  std::error_code ec;
  spawn_failure failure;
  expect(spawn(with(which, "/nowhere/at-all", {}), failure).id() == -1, "a missing program");
  expect(failure.step == spawn_step::exec, "is told by its step");
  run(with(which, "sleep", {"1000"}), {.limit = std::chrono::milliseconds(20)}, ec);
  expect(ec == std::errc::timed_out, "a limit ends a child");
}

#ifdef WITH_ASIO
void asynchronous(launcher which)
{
  asio::io_context loop;
  int succeeded = 0;
  async_capture(loop.get_executor(), with(which, "echo", {"word"}),
                [&](std::error_code ec, captured_output output) { succeeded += !ec && output.out == "word\n"; });
  async_run(loop.get_executor(), with(which, "true", {}),
            [&](std::error_code ec, exit_status status) { succeeded += !ec && status.success(); });
  async_spawn(loop.get_executor(), with(which, "/nowhere/at-all", {}),
              [&](std::error_code ec, async_child) { succeeded += ec == std::errc::no_such_file_or_directory; });
  loop.run();
  expect(succeeded == 3, "children of the event loop");
}
#endif

} // namespace

int main(int, char** argv)
{
  ::alarm(60); // Nothing here takes long.
  const launcher which = argv[1] == std::string_view("fork") ? launcher::fork : launcher::clone;
  for (int i = 0; i < 20; ++i)
    blocking(which);
#ifdef WITH_ASIO
  asynchronous(which);
#endif
  return failures != 0;
}
