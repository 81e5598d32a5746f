// timeout(1): runs a command for so many seconds; exits as it does, or with 124.

#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>

#include <cstdlib>
#include <iostream>
#include <span>

int main(int argc, char** argv)
{
  if (argc < 3)
    return 125;
  const std::chrono::duration<double> limit(std::atof(argv[1]));
  subprocess::command what(argv[2]);
  what.args(std::span(argv + 3, argv + argc));

  asio::io_context loop;
  int code = 125;
  subprocess::async_run(loop, what, {.limit = limit}, [&](std::error_code ec, subprocess::exit_status status) {
    if (ec == std::errc::timed_out)
      code = 124; // By SIGTERM, or SIGKILL 5 s later; it is reaped.
    else if (ec)
      std::cerr << "timeout: " << to_string(what) << ": " << ec.message() << '\n';
    else
      code = status.code().value_or(128 + status.signal().value_or(0));
  });
  loop.run();
  return code;
}
