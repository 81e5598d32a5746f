#include "log.hpp"

#include <iostream>

void log(std::string_view line)
{
  std::cout << line << std::endl;
}
