// As program.cpp, by import.

#include <asio.hpp>

#include <iostream>
#include <string>

import subprocess.asio;

asio::awaitable<void> say()
{
  const subprocess::command echo("echo", {subprocess::version_string});
  const subprocess::captured_output said = co_await subprocess::co::capture(echo);
  std::cout << "subprocess " << said.out;
}

int main()
{
  asio::io_context loop;
  asio::co_spawn(loop, say(), asio::detached);
  loop.run();
}
