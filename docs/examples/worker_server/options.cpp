#include "options.hpp"

#include <charconv>
#include <limits>
#include <stdexcept>
#include <string_view>

const char* const usage_text = "usage: worker_server [OPTION...] -- PROGRAM [ARGS...]\n"
                               "       worker_server [OPTION...] --command FILE\n"
                               "  --port N          to listen on; any, unless given\n"
                               "  --command FILE    the program and its arguments, one a line; SIGHUP reads them anew\n"
                               "  --workers N       that answer requests, line by line: 4\n"
                               "  --ready LINE      that a worker begins with, when it can work\n"
                               "  --limit MS        for one request\n"
                               "  --grace MS        between SIGTERM and SIGKILL: 5000\n"
                               "  --per-connection  a worker of its own for each connection\n"
                               "  --max-workers N   of these: 64\n";

namespace {

std::uint32_t parse_number(std::string_view option, std::string_view text, std::uint32_t least, std::uint32_t largest)
{
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > largest)
    throw std::invalid_argument(std::string(option) + ": not a number from " + std::to_string(least) + " to " +
                                std::to_string(largest));
  return number;
}

void set_option(server_options& options, std::string_view name, std::string_view value)
{
  constexpr std::uint32_t hour = 3'600'000;
  if (name == "--port")
    options.port = static_cast<std::uint16_t>(parse_number(name, value, 0, std::numeric_limits<std::uint16_t>::max()));
  else if (name == "--command")
    options.command_file = value;
  else if (name == "--workers")
    options.workers = parse_number(name, value, 1, 100'000);
  else if (name == "--ready")
    options.ready = value;
  else if (name == "--limit")
    options.limit = std::chrono::milliseconds(parse_number(name, value, 0, hour));
  else if (name == "--grace")
    options.grace = std::chrono::milliseconds(parse_number(name, value, 0, hour));
  else if (name == "--max-workers")
    options.max_workers = parse_number(name, value, 1, 100'000);
  else
    throw std::invalid_argument("unknown option " + std::string(name));
}

} // namespace

server_options parse_options(int argc, char** argv)
{
  server_options options;
  int i = 1;
  for (; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view name = argv[i];
    if (name == "--per-connection")
      options.per_connection = true;
    else if (i + 1 < argc)
      set_option(options, name, argv[++i]);
    else
      throw std::invalid_argument(std::string(name) + ": value missing");
  }
  for (++i; i < argc; ++i)
    options.program.emplace_back(argv[i]);
  if (options.program.empty() == options.command_file.empty())
    throw std::invalid_argument("one program, please");
  return options;
}
