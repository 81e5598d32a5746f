// As program.cpp, without an include of the library.

#include <chrono>
#include <iostream>
#include <string>
#include <system_error>

import subprocess;

int main()
{
  subprocess::capture_options options;
  options.input = "ant\nbee\ncat\n";
  options.limit = std::chrono::seconds(30);
  const subprocess::captured_output sorted = subprocess::capture(subprocess::command("sort", {"-r"}), options);
  std::error_code ec;
  subprocess::run(subprocess::command("sotr"), ec);
  const bool told = ec == std::errc::no_such_file_or_directory;
  std::cout << "subprocess " << subprocess::version_string << '\n';
  return sorted.out == "cat\nbee\nant\n" && sorted.status.success() && told ? 0 : 1;
}
