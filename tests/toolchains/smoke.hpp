#pragma once

#include <subprocess/command.hpp>

#include <string_view>

namespace smoke {

/// What a run of the program is to use; by default what the library chooses.
struct choice {
  subprocess::launcher how = subprocess::launcher::automatic;
  std::string_view source = "automatic"; // Or "sigchld", "pidfd".
};

/// Writes what does not hold. The program fails at its end.
void expect(bool holds, std::string_view what);

/// Everything of the two halves that differs from one compiler, C library or kernel to
/// the next: each road once, its result compared.
void blocking_calls(const choice& chosen);
void calls_on_a_loop(const choice& chosen);

/// The error of pidfd_open(2) in this process; 0 when it works.
int error_of_pidfd_open();

/// Whether this process can make no thread: glibc asks clone3 for them, and takes no
/// error of it but ENOSYS for its absence.
bool threads_are_refused();

} // namespace smoke
