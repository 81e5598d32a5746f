// The core alone: a pipeline, `printf ... | sort | uniq -c`.

#include <iostream>

#include <subprocess/subprocess.hpp>

using subprocess::command;

int main()
{
  const subprocess::pipeline count =
      command("printf", {R"(pear\nfig\npear\n)"}) | command("sort") | command("uniq", {"-c"});
  const subprocess::pipeline_result counted = capture(count);
  std::cout << to_string(count) << '\n' << counted.out << counted.pipefail() << '\n';
  return counted.pipefail().success() ? 0 : 1;
}
