#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include <subprocess/stdio.hpp>
#include <subprocess/unique_fd.hpp>
#include <subprocess/window_size.hpp>

namespace subprocess {

// What a stdio says, for code that acts on it. It is not in stdio.hpp since few programs
// look, and all would pay for <variant>.

struct stdio::as_parent {};

struct stdio::null_device {};

struct stdio::new_pipe {
  std::size_t capacity;
};

struct stdio::new_socket {};

/// How a terminal is made.
struct stdio::terminal_shape : window_size {
  bool has_input = true; // Else every read of it is end-of-file.
};

struct stdio::pseudo_terminal {
  terminal_shape size;
};

struct stdio::text {
  std::string data;
};

struct stdio::as_stdout {};

struct stdio::file {
  std::string path;
  int flags;
};

struct stdio::descriptor {
  int fd;
  std::shared_ptr<unique_fd> owner; // Null when borrowed.
};

/// One of these: std::get_if() tells which.
struct stdio::target
    : std::variant<as_parent, null_device, new_pipe, new_socket, pseudo_terminal, text, as_stdout, file, descriptor> {
  using variant::variant;
};

} // namespace subprocess
