// A host with an operator new of its own, as profilers and debugging heaps have. Asio
// takes memory in another way when something of the standard library was included before
// it, so that the host may do it otherwise than the library, which was compiled alone.

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

constexpr std::size_t before = 16;
constexpr char mark[before] = "by operator new";

} // namespace

void* operator new(std::size_t size)
{
  char* const block = static_cast<char*>(std::malloc(before + size));
  if (!block)
    throw std::bad_alloc();
  std::memcpy(block, mark, before);
  return block + before; // Which free() takes for no block at all.
}

void operator delete(void* place) noexcept
{
  if (!place)
    return;
  char* const block = static_cast<char*>(place) - before;
  if (std::memcmp(block, mark, before) != 0) {
    std::fputs("operator delete: a block that operator new has not made\n", stderr);
    std::abort();
  }
  std::memset(block, 0, before);
  std::free(block);
}

void operator delete(void* place, std::size_t) noexcept
{
  operator delete(place);
}

#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>

using namespace subprocess;

namespace {

asio::awaitable<void> coroutine()
{
  const command echo("echo", {"word"});
  const command reader = command("cat").stdin_from(stdio::pipe()).stdout_to(stdio::null());
  for (int round = 0; round < 3; ++round) {
    co_await co::run(command("true"));
    const captured_output output = co_await co::capture(echo);
    async_child child = co_await co::spawn(reader);
    co_await asio::async_write(child.stdin_pipe(), asio::buffer(output.out), asio::use_awaitable);
    child.stdin_pipe().close();
    co_await child.async_wait(asio::use_awaitable);
  }
}

void of_the_loop(asio::io_context& loop)
{
  const auto nothing = [](std::error_code, auto&&...) {};
  async_run(loop, command("sleep", {"100"}), {.limit = std::chrono::milliseconds(20)}, nothing);
  async_capture(loop, command("cat"), {.input = "word"}, nothing);
  async_pipeline(loop, command("echo", {"word"}) | command("cat"), nothing);
  for (int i = 0; i < 4; ++i)
    asio::co_spawn(loop, coroutine(), [](std::exception_ptr failed) {
      if (failed)
        std::rethrow_exception(failed);
    });
}

} // namespace

int main()
{
  asio::io_context loop;
  of_the_loop(loop);
  loop.run();
  of_the_loop(loop); // What was kept for the next ones is taken now.
  loop.restart();
  loop.run();
}
