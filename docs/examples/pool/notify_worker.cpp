// A line worker that tells how it stands, as services of systemd do.

#include <cctype>
#include <iostream>
#include <string>

#include "notify.hpp"

int main()
{
  notify("STATUS=loading");
  notify("READY=1\nSTATUS=answering");
  for (std::string line; std::getline(std::cin, line);) {
    for (char& c : line)
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    std::cout << line << std::endl;
    notify("WATCHDOG=1");
  }
}
