// What a program says of itself.

#include <iostream>

#include <subprocess/subprocess.hpp>

using subprocess::command;

int main()
{
  try {
    const std::string version = capture(command("git", {"--version"})).check().out;
    std::cout << version; // git version 2.39.5
  } catch (const subprocess::spawn_error& failure) {
    std::cout << failure.what() << '\n'; // spawn "git": exec: No such file or directory
  } catch (const subprocess::exit_error& failure) {
    std::cout << failure.what() << '\n'; // run "git": exit code: 129, and what it complained of
    return 1;
  }
}
