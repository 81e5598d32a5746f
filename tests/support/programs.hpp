#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include <subprocess/child.hpp>
#include <subprocess/command.hpp>

namespace subprocess::tests {

/// The path of the helper program; see helper.cpp for its verbs.
const std::string& helper_path();

/// The helper, about to do as the verb says.
command helper(std::initializer_list<std::string_view> verb_and_arguments);

/// A directory that goes with the object. Every user may enter it.
class scratch_directory {
public:
  scratch_directory();
  ~scratch_directory();
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ / name; }

  /// Writes a file and returns its path.
  std::string file(std::string_view name, std::string_view content, int mode = 0644) const;

  /// A copy of the helper under another name, which every user may run.
  std::string helper_as(std::string_view name) const;

private:
  std::filesystem::path path_;
};

std::string content_of(const std::filesystem::path& file);

/// The child's status, which has to come in time: else it is killed, and the
/// test fails.
exit_status end_of(child& running);

} // namespace subprocess::tests
