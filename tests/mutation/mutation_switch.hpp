// Put before every mutated source: all its mutants are compiled into it, and one of them,
// or none, is on. Also notes which of them a test comes to. The child's side asks too, so
// this calls nothing.
#pragma once

extern "C" {
extern __attribute__((visibility("hidden"))) int mutation_on;
extern __attribute__((visibility("hidden"))) volatile unsigned char* mutations_reached;
}

[[maybe_unused]] static inline bool is_mutated(int number) noexcept
{
  mutations_reached[number] = 1;
  return number == mutation_on;
}
