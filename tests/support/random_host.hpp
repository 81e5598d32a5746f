#pragma once

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <subprocess/command.hpp>

#include "programs.hpp"

namespace subprocess::tests {

/// A host whose descriptors lie anywhere, and a command that gives a child some of
/// them under other numbers, at random; and beside it the obvious slow model of what
/// the child has then. For an isolated() copy: the standard streams change too.
class random_host {
public:
  /// \param limit  RLIMIT_NOFILE, so that its edge can be reached.
  random_host(const scratch_directory& scratch, unsigned seed, int limit);
  ~random_host();
  random_host(const random_host&) = delete;
  random_host& operator=(const random_host&) = delete;

  /// Tells the command of the streams and mappings.
  void apply(command& what) const;

  /// What `report-fds` in the child should say.
  std::string expected() const;

  /// Everything that was drawn, to be read when it failed.
  std::string story() const { return story_; }

private:
  int below(int end) { return std::uniform_int_distribution(0, end - 1)(random_); }
  bool chance(int percent) { return below(100) < percent; }
  int any_of(const std::vector<int>& numbers)
  {
    return numbers[static_cast<std::size_t>(below(static_cast<int>(numbers.size())))];
  }

  void open_at(int fd, const std::string& tag, bool inheritable);
  void take_low_numbers();
  void open_standard_streams();
  void open_sources();
  int any_place();
  int any_target();
  void draw_streams();
  void draw_stream(int stream);
  void draw_mappings();
  void map(int source, int target);
  void tell(const std::string& text) { story_ += text + "; "; }

  const scratch_directory& scratch_;
  std::mt19937 random_;
  int limit_;
  std::map<int, std::string> parent_; // What each number has: the content of its file.
  std::vector<int> sources_;
  std::vector<std::pair<int, int>> mappings_;
  std::vector<std::pair<int, stdio>> streams_;
  std::map<int, std::string> child_; // The model.
  std::string story_;
};

} // namespace subprocess::tests
