// One second, for a program and everything that it has started.

#include <chrono>
#include <csignal>
#include <iostream>

#include <subprocess/subprocess.hpp>

using namespace std::chrono_literals;

int main()
{
  subprocess::command build = subprocess::shell("sleep 1000 & sleep 1000 & wait");
  build.process_group(0); // What it starts is in its group, and is stopped with it.
  build.stop_with(subprocess::stop_sequence{{SIGTERM, 2s}}.of_group());

  std::error_code ec;
  run(build, {.limit = 1s}, ec);
  std::cout << to_string(build) << ": " << ec.message() << '\n'; // Connection timed out
  return ec == std::errc::timed_out ? 0 : 1;
}
