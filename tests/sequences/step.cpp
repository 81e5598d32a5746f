#include "step.hpp"

#include <ostream>

namespace subprocess::tests {
namespace {

constexpr const char* names[] = {
    "try_wait",   "kill",       "order_exit",  "turn",      "spawn",         "spawn_on_loop", "async_spawn",
    "async_wait", "wait",       "cancel_wait", "drop",      "wait_for",      "check_signal",  "stop_and_go",
    "raise",      "begin_wait", "stop",        "detach",    "move",          "take_pipes",    "pidfd",
    "race",       "steal",      "adopt",       "fork_host", "fail_to_spawn", "run",           "end_loop",
};
static_assert(std::size(names) == static_cast<std::size_t>(verb::count));

} // namespace

std::string to_string(const step& one)
{
  return names[static_cast<std::size_t>(one.what)] + (" " + std::to_string(one.slot)) + '/' + std::to_string(one.way);
}

std::ostream& operator<<(std::ostream& out, const step& one)
{
  return out << to_string(one);
}

std::string to_string(const sequence_setup& setup)
{
  return std::string(setup.which == launcher::fork ? "fork" : "clone") + ", " +
         std::string(subprocess::to_string(setup.source)) + ", " + std::to_string(setup.threads) + " threads";
}

} // namespace subprocess::tests
