// Starts children one after another, for strace to count what that takes.

#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include <asio/io_context.hpp>

#include <asio_integration/asio_integration.hpp>
#include <subprocess/subprocess.hpp>

using namespace subprocess;

namespace {

asio::io_context context;

void turn()
{
  context.run();
  context.restart();
}

template <class... Args>
void nothing(std::error_code ec, const Args&...)
{
  if (ec)
    throw std::system_error(ec);
}

void spawn_and_wait(const command& what)
{
  spawn(what).wait();
}

void run_it(const command& what)
{
  run(what);
}

void capture_it(command what)
{
  capture(what.stdout_to(stdio::pipe()));
}

void async_spawn_and_wait(const command& what)
{
  async_spawn(context, what, [](std::error_code ec, async_child child) {
    nothing(ec);
    const auto kept = std::make_shared<async_child>(std::move(child));
    kept->async_wait([kept](std::error_code end, exit_status) { nothing(end); });
  });
  turn();
}

void async_run_it(const command& what)
{
  async_run(context, what, nothing<exit_status>);
  turn();
}

void async_capture_it(command what)
{
  async_capture(context, what.stdout_to(stdio::pipe()), nothing<captured_output>);
  turn();
}

// As the columns of the table in docs/performance.md are called.
const std::map<std::string, std::function<void(const command&)>> roads = {
    {"spawn", spawn_and_wait},   {"run", run_it},
    {"capture", capture_it},     {"async_spawn", async_spawn_and_wait},
    {"async_run", async_run_it}, {"async_capture", async_capture_it},
};

} // namespace

int main(int argc, char** argv)
try {
  if (argc != 4 || !roads.contains(argv[1])) {
    std::cerr << "usage: launches ROAD COUNT PROGRAM\n";
    return 2;
  }
  command what(argv[3]);
  what.stdin_from(stdio::null()).stdout_to(stdio::null()).stderr_to(stdio::null());
  for (int left = std::atoi(argv[2]); left > 0; --left)
    roads.at(argv[1])(what);
} catch (const std::exception& failed) {
  std::cerr << failed.what() << '\n';
  return 1;
}
