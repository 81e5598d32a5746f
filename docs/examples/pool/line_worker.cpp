// A line there, a line back: in capitals.

#include <cctype>
#include <iostream>
#include <string>

int main()
{
  std::cout << "ready" << std::endl; // Which flushes; '\n' would not.
  for (std::string line; std::getline(std::cin, line);) {
    for (char& c : line)
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    std::cout << line << std::endl;
  }
}
