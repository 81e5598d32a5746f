// A TCP server that gives each connection a worker of its own: any program that
// reads from stdin and writes to stdout.
//
//   worker_server --port 4000 --max-workers 8 -- sort
//
// and, from a shell: `nc -N localhost 4000 < words`.

#include <exception>
#include <iostream>
#include <stdexcept>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "worker_server/options.hpp"
#include "worker_server/server.hpp"

namespace {

void run(const server_options& options)
{
  asio::io_context loop(1);
  server workers(loop.get_executor(), options);
  asio::co_spawn(loop, workers.run(), [](const std::exception_ptr& failure) {
    if (failure)
      std::rethrow_exception(failure);
  });
  loop.run();
}

} // namespace

int main(int argc, char** argv)
{
  try {
    run(parse_options(argc, argv));
    return 0;
  } catch (const std::invalid_argument& mistake) {
    std::cerr << mistake.what() << '\n' << usage_text;
    return 2;
  } catch (const std::exception& failure) {
    std::cerr << "worker_server: " << failure.what() << '\n';
    return 1;
  }
}
