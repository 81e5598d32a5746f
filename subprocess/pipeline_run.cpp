#include <subprocess/pipeline.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <subprocess/detail/failures.hpp>
#include <subprocess/detail/streams/capture_command.hpp>
#include <subprocess/detail/streams/captured_child.hpp>
#include <subprocess/detail/streams/pipeline_plan.hpp>
#include <subprocess/detail/told_failure.hpp>
#include <subprocess/error.hpp>

namespace subprocess {
namespace {

/// Each command is gone when its stage runs, and with it our ends of the pipes.
/// When one cannot be spawned, those before it are killed and reaped; one that may not be
/// signalled is not waited for.
std::vector<detail::captured_child> spawn_all(std::vector<command> stages, detail::outputs streams,
                                              const capture_options& options,
                                              std::optional<time_limit::clock::time_point> deadline,
                                              spawn_failure& failure)
{
  std::vector<detail::captured_child> children;
  children.reserve(stages.size());
  for (command& slot : stages) {
    capture_options of_stage = options;
    if (!children.empty())
      of_stage.input.reset();
    const command stage = detail::capture_command(std::move(slot), of_stage);
    detail::captured_child started(stage, streams, options, failure, deadline);
    if (failure)
      break;
    children.push_back(std::move(started));
  }
  if (failure) {
    std::ranges::for_each(children, &detail::captured_child::kill);
    std::ranges::for_each(children, &detail::captured_child::kill_and_reap);
  }
  return children;
}

/// \param ran  Whether all stages were programs.
pipeline_result run_all(const pipeline& what, detail::outputs streams, const capture_options& options,
                        spawn_failure& failure, bool& ran)
{
  const auto deadline = options.limit.deadline_from(time_limit::clock::now());
  pipeline_result result;
  std::vector<detail::captured_child> children;
  std::vector<command> stages = detail::joined_stages(what, failure);
  if (!failure)
    children = spawn_all(std::move(stages), streams, options, deadline, failure);
  ran = !failure;
  if (ran)
    detail::read_to_end(children, options, deadline, failure);
  else
    detail::add_limit(failure, options.limit);
  for (detail::captured_child& child : children)
    result.stages.push_back(child.finish(failure));
  result.stages.resize(what.stages().size());
  return result;
}

std::vector<exit_status> run_stages(const pipeline& what, const time_limit& limit, spawn_failure& failure)
{
  capture_options nothing = detail::nothing();
  nothing.limit = limit;
  bool ran = false;
  const pipeline_result result = run_all(what, detail::outputs::dropped, nothing, failure, ran);
  std::vector<exit_status> statuses;
  for (const captured_output& stage : result.stages)
    statuses.push_back(ran ? stage.status : exit_status());
  return statuses;
}

pipeline_result capture_stages(const pipeline& what, const capture_options& options, spawn_failure& failure, bool& ran)
{
  pipeline_result result = run_all(what, detail::outputs::kept, options, failure, ran);
  if (!result.stages.empty())
    result.out = std::move(result.stages.back().out);
  return result;
}

} // namespace

std::vector<exit_status> run(const pipeline& what, const run_options& options, std::error_code& ec)
{
  detail::told_failure failure(options.failure);
  std::vector<exit_status> statuses = run_stages(what, options.limit, failure);
  ec = failure.code();
  return statuses;
}

std::vector<exit_status> run(const pipeline& what, std::error_code& ec)
{
  return run(what, {}, ec);
}

std::vector<exit_status> run(const pipeline& what, const run_options& options)
{
  detail::told_failure failure(options.failure);
  std::vector<exit_status> statuses = run_stages(what, options.limit, failure);
  failure.or_throw();
  return statuses;
}

pipeline_result capture(const pipeline& what, const capture_options& options, std::error_code& ec)
{
  detail::told_failure failure(options.failure);
  bool ran = false;
  pipeline_result result = capture_stages(what, options, failure, ran);
  ec = failure.code();
  return result;
}

pipeline_result capture(const pipeline& what, std::error_code& ec)
{
  return capture(what, {}, ec);
}

pipeline_result capture(const pipeline& what, const capture_options& options)
{
  detail::told_failure failure(options.failure);
  bool ran = false;
  pipeline_result result = capture_stages(what, options, failure, ran);
  failure.or_throw<pipeline_capture_error>(ran, result);
  return result;
}

} // namespace subprocess
