#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// What the command line asks for.
struct server_options {
  std::uint16_t port = 0; // 0: the system picks one.
  std::size_t max_workers = 64;
  std::chrono::milliseconds grace{5000};
  std::vector<std::string> program; // The worker and its arguments.
};

/// \throws std::invalid_argument  with a text for the user.
server_options parse_options(int argc, char** argv);

extern const char* const usage_text;
