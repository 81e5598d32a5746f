// A TCP server whose work is done by other programs.
//
//   worker_server --port 4000 --workers 4 -- python3 model.py
//
// keeps four workers running, and lends one of them to each request: a line there, a
// line back.
//
//   worker_server --port 4000 --per-connection -- sort
//
// starts one for each connection, which reads what the client sends and writes what it
// gets. From a shell: `nc -N localhost 4000 < words`.

#include <exception>
#include <iostream>
#include <stdexcept>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "worker_server/options.hpp"
#include "worker_server/per_connection_server.hpp"
#include "worker_server/pool_server.hpp"

namespace {

template <class Server>
void run(const server_options& options)
{
  asio::io_context loop(1);
  Server server(loop.get_executor(), options);
  asio::co_spawn(loop, server.run(), [](const std::exception_ptr& failure) {
    if (failure)
      std::rethrow_exception(failure);
  });
  loop.run();
}

} // namespace

int main(int argc, char** argv)
{
  try {
    const server_options options = parse_options(argc, argv);
    if (options.per_connection)
      run<per_connection_server>(options);
    else
      run<pool_server>(options);
    return 0;
  } catch (const std::invalid_argument& mistake) {
    std::cerr << mistake.what() << '\n' << usage_text;
    return 2;
  } catch (const std::exception& failure) {
    std::cerr << "worker_server: " << failure.what() << '\n';
    return 1;
  }
}
