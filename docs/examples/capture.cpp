// The core alone: run programs, capture what they write, tell errors apart.

#include <iostream>

#include <subprocess/subprocess.hpp>

int main()
{
  subprocess::command list("sh", {"-c", "echo to stdout; echo to stderr >&2; exit 3"});
  const subprocess::captured_output output = subprocess::capture(list);
  std::cout << to_string(list) << " ended with " << output.status << '\n'
            << "stdout: " << output.out << "stderr: " << output.err;

  try {
    subprocess::run(subprocess::command("frobnicate"));
  } catch (const subprocess::spawn_error& failure) {
    // spawn "frobnicate": exec: No such file or directory
    std::cout << failure.what() << '\n';
    return failure.step() == subprocess::spawn_step::exec && output.status.code() == 3 ? 0 : 1;
  }
  return 1;
}
