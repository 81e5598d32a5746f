#include <subprocess/pipeline.hpp>

#include <algorithm>
#include <iterator>
#include <ranges>

#include <subprocess/child.hpp>
#include <subprocess/detail/pipeline_plan.hpp>
#include <subprocess/error.hpp>
#include <subprocess/spawn.hpp>

namespace subprocess {
namespace {

/// The stages' processes, which are not left behind.
class running_stages {
public:
  running_stages() = default;
  running_stages(const running_stages&) = delete;
  running_stages& operator=(const running_stages&) = delete;
  ~running_stages()
  {
    std::error_code ignored;
    for (child& one : children_)
      one.kill(ignored);
    for (child& one : children_)
      one.wait(ignored);
  }

  /// Each command is gone when its stage runs, and with it our ends of the pipes.
  void spawn_all(std::vector<command> stages, spawn_failure& failure)
  {
    children_.reserve(stages.size());
    for (command& slot : stages) {
      const command stage = std::move(slot);
      child started = spawn(stage, failure);
      if (failure)
        return;
      started.stdin_pipe().reset();
      children_.push_back(std::move(started));
    }
  }

  std::vector<exit_status> wait_for_all(std::error_code& ec)
  {
    std::vector<exit_status> statuses;
    for (child& one : children_) {
      std::error_code failed;
      statuses.push_back(one.wait(failed));
      if (!ec)
        ec = failed;
    }
    return statuses;
  }

private:
  std::vector<child> children_;
};

std::vector<exit_status> run(const pipeline& what, spawn_failure& failure, std::error_code& ec)
{
  std::vector<exit_status> statuses;
  std::vector<command> stages = detail::joined_stages(what, failure);
  running_stages running;
  if (!failure)
    running.spawn_all(std::move(stages), failure);
  ec = failure.code;
  if (!failure)
    statuses = running.wait_for_all(ec);
  statuses.resize(what.stages().size());
  return statuses;
}

} // namespace

pipeline& pipeline::operator|=(pipeline next)
{
  std::ranges::move(next.stages_, std::back_inserter(stages_));
  return *this;
}

pipeline operator|(pipeline left, pipeline right)
{
  left |= std::move(right);
  return left;
}

std::string to_string(const pipeline& what)
{
  std::string text;
  for (const command& stage : what.stages())
    text.append(text.empty() ? "" : " | ").append(to_string(stage));
  return text;
}

exit_status pipefail(const std::vector<exit_status>& statuses) noexcept
{
  for (const exit_status& status : std::views::reverse(statuses))
    if (!status.success())
      return status;
  return statuses.empty() ? exit_status() : statuses.back();
}

exit_status pipeline_result::pipefail() const noexcept
{
  for (const captured_output& stage : std::views::reverse(stages))
    if (!stage.status.success())
      return stage.status;
  return status();
}

std::vector<exit_status> run(const pipeline& what, std::error_code& ec)
{
  spawn_failure failure;
  return run(what, failure, ec);
}

std::vector<exit_status> run(const pipeline& what)
{
  spawn_failure failure;
  std::error_code ec;
  std::vector<exit_status> statuses = run(what, failure, ec);
  if (failure)
    throw spawn_error(std::move(failure));
  if (ec)
    throw std::system_error(ec, "run " + to_string(what));
  return statuses;
}

} // namespace subprocess
