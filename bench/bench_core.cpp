// The blocking half, beside the least that the kernel needs for the same.

#include <benchmark/benchmark.h>
#include <subprocess/subprocess.hpp>

#include "burden.hpp"
#include "floor.hpp"

namespace {

using namespace subprocess;

void spawn_and_wait(benchmark::State& state)
{
  const burden parent(state);
  const command what("/bin/true");
  for (auto _ : state) {
    const exit_status status = spawn(what).wait();
    benchmark::DoNotOptimize(status);
  }
}

void spawn_and_wait_by_fork(benchmark::State& state)
{
  const burden parent(state);
  const command what = command("/bin/true").use_launcher(launcher::fork);
  for (auto _ : state) {
    const exit_status status = spawn(what).wait();
    benchmark::DoNotOptimize(status);
  }
}

void floor_of_spawn_and_wait(benchmark::State& state)
{
  const burden parent(state);
  for (auto _ : state)
    vfork_and_wait("/bin/true");
}

void capture_64_kib(benchmark::State& state)
{
  const burden parent(state);
  const command what("head", {"-c", "65536", "/dev/zero"});
  for (auto _ : state)
    if (capture(what).out.size() != 65536)
      state.SkipWithError("output was lost");
}

void floor_of_capture_64_kib(benchmark::State& state)
{
  const burden parent(state);
  for (auto _ : state)
    if (vfork_and_read({"/usr/bin/head", "-c", "65536", "/dev/zero"}) != 65536)
      state.SkipWithError("output was lost");
}

} // namespace

// fork() copies page tables, and every child copies the descriptor table: no
// figure is reported without both.
BENCHMARK(floor_of_spawn_and_wait)->Apply(burdens);
BENCHMARK(spawn_and_wait)->Apply(burdens);
BENCHMARK(spawn_and_wait_by_fork)->Apply(burdens);
BENCHMARK(floor_of_capture_64_kib)->Apply(burdens);
BENCHMARK(capture_64_kib)->Apply(burdens);

BENCHMARK_MAIN();
