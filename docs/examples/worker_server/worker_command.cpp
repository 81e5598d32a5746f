#include "worker_command.hpp"

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <subprocess/stop_sequence.hpp>

namespace {

// A line for the program, and one for each argument.
std::vector<std::string> lines_of(const std::string& file)
{
  std::ifstream input(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(input, line);)
    lines.push_back(line);
  if (lines.empty())
    throw std::invalid_argument(file + ": no command in it");
  return lines;
}

} // namespace

subprocess::command worker_command(const server_options& options)
{
  const std::vector<std::string> words =
      options.command_file.empty() ? options.program : lines_of(options.command_file);
  subprocess::command worker(words.front());
  for (std::size_t i = 1; i < words.size(); ++i)
    worker.arg(words[i]);
  worker.stdin_from(subprocess::stdio::pipe()).stdout_to(subprocess::stdio::pipe());
  worker.stop_with(subprocess::stop_sequence::gentle(options.grace));
  return worker;
}
