#include <subprocess/pipeline.hpp>

#include <utility>

#include <subprocess/detail/streams/capture_command.hpp>
#include <subprocess/detail/streams/captured_child.hpp>
#include <subprocess/detail/streams/pipeline_plan.hpp>
#include <subprocess/error.hpp>

namespace subprocess {
namespace {

/// Each command is gone when its stage runs, and with it our ends of the pipes.
/// When one cannot be spawned, those before it are killed.
std::vector<detail::captured_child> spawn_all(std::vector<command> stages, detail::outputs streams,
                                              const capture_options& options, spawn_failure& failure)
{
  std::vector<detail::captured_child> children;
  children.reserve(stages.size());
  for (command& slot : stages) {
    capture_options of_stage = options;
    if (!children.empty())
      of_stage.input.reset();
    const command stage = detail::capture_command(std::move(slot), of_stage);
    detail::captured_child started(stage, streams, options, failure);
    if (failure)
      break;
    children.push_back(std::move(started));
  }
  if (failure)
    for (detail::captured_child& started : children) {
      started.kill();
      started.stop_reading(); // Others may hold the streams.
    }
  return children;
}

pipeline_result run_all(const pipeline& what, detail::outputs streams, const capture_options& options,
                        spawn_failure& failure, std::error_code& ec)
{
  pipeline_result result;
  std::vector<detail::captured_child> children;
  std::vector<command> stages = detail::joined_stages(what, failure);
  if (!failure)
    children = spawn_all(std::move(stages), streams, options, failure);
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
  return result;
}

std::vector<exit_status> run(const pipeline& what, spawn_failure& failure, std::error_code& ec)
{
  const pipeline_result result = run_all(what, detail::outputs::dropped, detail::nothing(), failure, ec);
  std::vector<exit_status> statuses;
  for (const captured_output& stage : result.stages)
    statuses.push_back(failure ? exit_status() : stage.status);
  return statuses;
}

pipeline_result capture(const pipeline& what, const capture_options& options, spawn_failure& failure,
                        std::error_code& ec)
{
  pipeline_result result = run_all(what, detail::outputs::kept, options, failure, ec);
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
