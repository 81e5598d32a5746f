#pragma once

#include <sys/types.h>

#include <cstddef>
#include <initializer_list>

// The raw floor: vfork() and exec, and what the parent cannot do without.

/// Starts the program and waits for its end.
void vfork_and_wait(const char* program);

/// Starts the program and reads what it writes, to the end; the number of bytes.
std::size_t vfork_and_read(std::initializer_list<const char*> argv);
