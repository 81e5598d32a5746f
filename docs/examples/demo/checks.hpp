#pragma once

#include <string>
#include <string_view>

/// Prints what was checked, and remembers whether it held.
class checks {
public:
  void scene(std::string_view title);
  void note(std::string_view text);
  void expect(bool holds, std::string_view what);

  /// Prints the sum. \return  What main() returns.
  int summary() const;

private:
  int passed_ = 0;
  int failed_ = 0;
};
