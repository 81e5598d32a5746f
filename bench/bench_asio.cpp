// The event loop half, beside the least that the kernel needs for the same.

#include <asio.hpp>
#include <asio_integration/asio_integration.hpp>
#include <benchmark/benchmark.h>

#include "burden.hpp"
#include "floor.hpp"

namespace {

using namespace subprocess;

void spawn_and_async_wait(benchmark::State& state)
{
  const burden parent(state);
  asio::io_context loop;
  const command what("/bin/true");
  for (auto _ : state) {
    async_child child = spawn(loop, what);
    child.async_wait([](std::error_code, exit_status) {});
    loop.restart();
    loop.run();
  }
}

void run_on_the_loop(benchmark::State& state)
{
  const burden parent(state);
  asio::io_context loop;
  const command what("/bin/true");
  for (auto _ : state) {
    async_run(loop, what, [](std::error_code, exit_status) {});
    loop.restart();
    loop.run();
  }
}

void floor_of_spawn_and_wait(benchmark::State& state)
{
  const burden parent(state);
  for (auto _ : state)
    vfork_and_wait("/bin/true");
}

void async_capture_64_kib(benchmark::State& state)
{
  const burden parent(state);
  asio::io_context loop;
  const command what("head", {"-c", "65536", "/dev/zero"});
  for (auto _ : state) {
    std::size_t size = 0;
    async_capture(loop, what, [&](std::error_code, captured_output output) { size = output.out.size(); });
    loop.restart();
    loop.run();
    if (size != 65536)
      state.SkipWithError("output was lost");
  }
}

void floor_of_capture_64_kib(benchmark::State& state)
{
  const burden parent(state);
  for (auto _ : state)
    if (vfork_and_read({"/usr/bin/head", "-c", "65536", "/dev/zero"}) != 65536)
      state.SkipWithError("output was lost");
}

} // namespace

BENCHMARK(floor_of_spawn_and_wait)->Apply(burdens);
BENCHMARK(spawn_and_async_wait)->Apply(burdens);
BENCHMARK(run_on_the_loop)->Apply(burdens);
BENCHMARK(floor_of_capture_64_kib)->Apply(burdens);
BENCHMARK(async_capture_64_kib)->Apply(burdens);

BENCHMARK_MAIN();
