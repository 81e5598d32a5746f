#include "options.hpp"

#include <charconv>
#include <limits>
#include <stdexcept>
#include <string_view>

const char* const usage_text = "usage: worker_server [--port N] [--max-workers N] [--grace MS] -- PROGRAM [ARGS...]\n";

namespace {

std::uint32_t parse_number(std::string_view option, std::string_view text, std::uint32_t largest)
{
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > largest)
    throw std::invalid_argument(std::string(option) + ": not a number from 0 to " + std::to_string(largest));
  return number;
}

void set_option(server_options& options, std::string_view name, std::string_view value)
{
  if (name == "--port")
    options.port = static_cast<std::uint16_t>(parse_number(name, value, std::numeric_limits<std::uint16_t>::max()));
  else if (name == "--max-workers")
    options.max_workers = parse_number(name, value, 100'000);
  else if (name == "--grace")
    options.grace = std::chrono::milliseconds(parse_number(name, value, 3'600'000));
  else
    throw std::invalid_argument("unknown option " + std::string(name));
}

} // namespace

server_options parse_options(int argc, char** argv)
{
  server_options options;
  int i = 1;
  for (; i < argc && std::string_view(argv[i]) != "--"; i += 2) {
    if (i + 1 == argc)
      throw std::invalid_argument(std::string(argv[i]) + ": value missing");
    set_option(options, argv[i], argv[i + 1]);
  }
  for (++i; i < argc; ++i)
    options.program.emplace_back(argv[i]);
  if (options.program.empty())
    throw std::invalid_argument("no program given");
  if (options.max_workers == 0)
    throw std::invalid_argument("--max-workers: at least 1");
  return options;
}
