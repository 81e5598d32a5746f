// A host built with hidden visibility, on the shared libraries: what the two have
// to agree about although neither sees the other's copy of Asio.

#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>

#include <csignal>
#include <iostream>
#include <string>

#include <unistd.h>

namespace {

int failures = 0;

void expect(bool holds, const char* what)
{
  if (!holds) {
    std::cerr << "does not hold: " << what << '\n';
    ++failures;
  }
}

void exceptions_are_caught()
{
  try {
    subprocess::run(subprocess::command("/nowhere/at-all"));
    expect(false, "a missing program throws");
  } catch (const subprocess::spawn_error& error) {
    expect(error.step() == subprocess::spawn_step::exec, "the step arrives");
  }
}

void streams_and_executors_are_the_hosts(subprocess::reaper_source source)
{
  asio::io_context loop;
  subprocess::use_reaper(loop, source);

  subprocess::command echo("echo", {"word"});
  echo.stdout_to(subprocess::stdio::pipe());
  subprocess::async_child child = subprocess::spawn(loop.get_executor(), echo);
  expect(child.get_executor() == asio::any_io_executor(loop.get_executor()), "executors compare equal");

  std::string text;
  std::error_code end;
  asio::async_read(child.stdout_pipe(), asio::dynamic_buffer(text), [&](std::error_code ec, std::size_t) { end = ec; });
  subprocess::exit_status status;
  child.async_wait([&](std::error_code, subprocess::exit_status s) { status = s; });
  loop.run();
  expect(text == "word\n" && end == asio::error::eof, "the end of a stream is asio::error::eof");
  expect(status.success(), "the end of a child is noticed");
}

void cancelling_reaches_the_library()
{
  asio::io_context loop;
  asio::cancellation_signal cancel;
  std::error_code error;
  subprocess::async_run(
      loop.get_executor(), subprocess::command("sleep", {"1000"}),
      asio::bind_cancellation_slot(cancel.slot(), [&](std::error_code ec, subprocess::exit_status) { error = ec; }));
  asio::post(loop, [&] { cancel.emit(asio::cancellation_type::terminal); });
  loop.run();
  expect(error == asio::error::operation_aborted, "a cancelled run is aborted");
}

// Signals are one set of handlers for the whole program.
void signals_reach_both(int signal)
{
  asio::io_context loop;
  subprocess::use_reaper(loop, subprocess::reaper_source::sigchld);
  asio::signal_set signals(loop, signal);
  bool told = false;
  signals.async_wait([&](std::error_code ec, int) { told = !ec; });
  std::size_t ended = 0;
  for (int i = 0; i < 2; ++i)
    subprocess::async_run(loop.get_executor(), subprocess::command("true"),
                          [&](std::error_code, subprocess::exit_status s) { ended += s.success(); });
  std::raise(signal);
  loop.run();
  expect(told, "the host's signal_set is told");
  expect(ended == 2, "and so is the reaper");
}

} // namespace

int main()
{
  ::alarm(60); // Nothing here takes long.
  exceptions_are_caught();
  streams_and_executors_are_the_hosts(subprocess::reaper_source::automatic);
  streams_and_executors_are_the_hosts(subprocess::reaper_source::sigchld);
  cancelling_reaches_the_library();
  signals_reach_both(SIGUSR1);
  signals_reach_both(SIGCHLD);
  return failures != 0;
}
