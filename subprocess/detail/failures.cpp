#include <subprocess/detail/failures.hpp>

#include <cerrno>

namespace subprocess::detail {
namespace {

std::error_code system_code(int error) noexcept
{
  return {error, std::system_category()};
}

} // namespace

spawn_failure limit_passed(const std::string& program, const time_limit& limit)
{
  return {system_code(ETIMEDOUT), spawn_step::time_limit, program, to_string(limit)};
}

void add_limit(spawn_failure& failure, const time_limit& limit)
{
  if (failure.code == system_code(ETIMEDOUT) && limit)
    failure.hint = to_string(limit) == "deadline" ? "deadline" : "time limit of " + to_string(limit);
}

spawn_failure bytes_exceeded(const std::string& program, std::size_t max_bytes)
{
  return {system_code(ENOBUFS), spawn_step::output, program, "more than " + std::to_string(max_bytes) + " bytes"};
}

spawn_failure not_read(const std::string& program, int error)
{
  return {system_code(error), spawn_step::output, program, {}};
}

spawn_failure not_waited(const std::string& program, std::error_code ec)
{
  return {ec, spawn_step::wait, program, {}};
}

} // namespace subprocess::detail
