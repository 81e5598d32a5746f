#include "checks.hpp"

#include <iostream>

void checks::scene(std::string_view title)
{
  std::cout << "\n== " << title << std::endl;
}

void checks::note(std::string_view text)
{
  std::cout << "     " << text << std::endl;
}

void checks::expect(bool holds, std::string_view what)
{
  ++(holds ? passed_ : failed_);
  std::cout << (holds ? "  ok " : "FAIL ") << what << std::endl;
}

int checks::summary() const
{
  std::cout << '\n' << passed_ << " checks passed, " << failed_ << " failed" << std::endl;
  return failed_ == 0 ? 0 : 1;
}
