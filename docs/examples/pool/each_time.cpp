// A process for each text.

#include <iostream>

#include <subprocess/subprocess.hpp>

using subprocess::command;

int main()
{
  for (const char* const text : {"a good day", "an awful day", "a great day"})
    std::cout << capture(command("python3", {"score.py", text})).check().out;
}
