#include <subprocess/pipeline.hpp>

#include <utility>

#include <subprocess/child.hpp>
#include <subprocess/detail/streams/capture_command.hpp>
#include <subprocess/detail/streams/captured_child.hpp>
#include <subprocess/detail/streams/pipeline_plan.hpp>
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

void spawn_all(std::vector<command> stages, const capture_options& options,
               std::vector<detail::captured_child>& children, spawn_failure& failure)
{
  children.reserve(stages.size());
  for (command& slot : stages) {
    capture_options of_stage = options;
    if (!children.empty())
      of_stage.input.reset();
    const command stage = detail::capture_command(std::move(slot), of_stage);
    detail::captured_child started(stage, options, failure);
    if (failure)
      break;
    children.push_back(std::move(started));
  }
  if (failure)
    for (detail::captured_child& started : children) {
      started.kill();
      started.stop_reading(); // Others may hold the streams.
    }
}

pipeline_result capture(const pipeline& what, const capture_options& options, spawn_failure& failure,
                        std::error_code& ec)
{
  pipeline_result result;
  std::vector<detail::captured_child> children;
  std::vector<command> stages = detail::joined_stages(what, failure);
  if (!failure)
    spawn_all(std::move(stages), options, children, failure);
  ec = failure.code;
  const int error = detail::read_all(children, options);
  if (error && !ec)
    ec.assign(error, std::system_category());
  for (detail::captured_child& child : children) {
    std::error_code failed;
    result.stages.push_back(child.finish(failed));
    if (!ec)
      ec = failed;
  }
  result.stages.resize(what.stages().size());
  if (!result.stages.empty())
    result.out = std::move(result.stages.back().out);
  return result;
}

} // namespace

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

pipeline_result capture(const pipeline& what, const capture_options& options, std::error_code& ec)
{
  spawn_failure failure;
  return capture(what, options, failure, ec);
}

pipeline_result capture(const pipeline& what, const capture_options& options)
{
  spawn_failure failure;
  std::error_code ec;
  pipeline_result result = capture(what, options, failure, ec);
  if (failure)
    throw spawn_error(std::move(failure));
  if (ec)
    throw pipeline_capture_error(ec, std::move(result));
  return result;
}

} // namespace subprocess
