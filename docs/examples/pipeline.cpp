// The core alone: a pipeline, `printf ... | sort | uniq -c`.

#include <iostream>
#include <utility>

#include <subprocess/subprocess.hpp>

using subprocess::command;
using subprocess::stdio;

int main()
{
  subprocess::child words = spawn(command("printf", {R"(pear\nfig\npear\n)"}).stdout_to(stdio::pipe()));
  // The read end of one child's stdout becomes the next one's stdin. The stdio
  // owns it, and is gone with the command at the end of the statement.
  subprocess::child sorted =
      spawn(command("sort").stdin_from(stdio::from_fd(std::move(words.stdout_pipe()))).stdout_to(stdio::pipe()));
  const subprocess::captured_output counted =
      capture(command("uniq", {"-c"}).stdin_from(stdio::from_fd(std::move(sorted.stdout_pipe()))));

  std::cout << counted.out;
  const bool good = words.wait().success() && sorted.wait().success() && counted.status.success();
  return good ? 0 : 1;
}
