#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

namespace subprocess {

/// A path as std::filesystem has it, or another library: what knows its name as the
/// system takes it. So the headers here need none of theirs.
template <class T>
concept path_like = requires(const T& path) {
  { path.native() } -> std::convertible_to<const std::string&>;
  { path.c_str() } -> std::convertible_to<const char*>;
};

/// The name of a file, as an argument: made of a string, or of a path. A plain value.
class path_argument {
public:
  /// Of a string, which may hold anything but NUL, or of a path.
  path_argument(std::string name) noexcept : name_(std::move(name)) {}
  path_argument(std::string_view name) : name_(name) {}
  path_argument(const char* name) : name_(name) {}
  template <path_like Path>
  path_argument(const Path& path) : name_(path.native())
  {
  }

  /// The name as the system takes it.
  const std::string& native() const noexcept { return name_; }
  /// The same, for C.
  const char* c_str() const noexcept { return name_.c_str(); }

  /// Moves the name out.
  std::string take() && noexcept { return std::move(name_); }

private:
  std::string name_;
};

} // namespace subprocess
