#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// What the command line asks for.
struct server_options {
  std::uint16_t port = 0; // 0: the system picks one.
  std::chrono::milliseconds grace{5000};
  std::vector<std::string> program; // The worker and its arguments.
  std::string command_file;         // Or where they are written.

  std::size_t workers = 4;
  std::string ready;                  // The line that a worker begins with; empty: none.
  std::chrono::milliseconds limit{0}; // For one request; 0: none.

  bool per_connection = false;
  std::size_t max_workers = 64; // For as many connections at the same time.
};

/// \throws std::invalid_argument  with a text for the user.
server_options parse_options(int argc, char** argv);

extern const char* const usage_text;
