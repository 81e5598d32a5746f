#include <subprocess/time_limit.hpp>

namespace subprocess {

std::string to_string(const time_limit& limit)
{
  if (!limit)
    return "none";
  if (!limit.timeout_)
    return "deadline";
  constexpr struct {
    long long nanoseconds;
    const char* name;
  } units[] = {{1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " us"}, {1, " ns"}};
  const long long time = std::chrono::nanoseconds(*limit.timeout_).count();
  const auto* unit = units;
  while (time % unit->nanoseconds != 0)
    ++unit;
  return std::to_string(time / unit->nanoseconds) + unit->name;
}

} // namespace subprocess
