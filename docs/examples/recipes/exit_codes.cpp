// The exit code of every stage of `a | b | c`.

#include <iostream>

#include <subprocess/subprocess.hpp>

using subprocess::command;
using subprocess::shell;

int main()
{
  const subprocess::pipeline stages = shell("echo data; exit 1") | command("cat") | shell("cat; exit 3");
  const subprocess::pipeline_result result = capture(stages);
  for (const subprocess::captured_output& stage : result.stages)
    std::cout << stage.program << ": " << stage.status << '\n';    // sh: exit code: 1, cat: exit code: 0, …
  std::cout << result.out << "all: " << result.pipefail() << '\n'; // As of `set -o pipefail`: exit code: 3
  return result.stages[0].status.code() == 1 && result.pipefail().code() == 3 ? 0 : 1;
}
