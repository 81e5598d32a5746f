#include <subprocess/detail/streams/pipeline_plan.hpp>

#include <cerrno>
#include <string>
#include <utility>

#include <subprocess/command_settings.hpp>
#include <subprocess/detail/launch/private_fd.hpp>

namespace subprocess::detail {
namespace {

spawn_failure failure_of(const command& stage, spawn_step step, int error, std::string detail)
{
  return {std::error_code(error, std::system_category()), step, stage.get().program, std::move(detail)};
}

spawn_failure mistake_in(const std::vector<command>& stages)
{
  if (stages.empty())
    return {{EINVAL, std::system_category()}, spawn_step::prepare, "", "pipeline: no stages"};
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const auto& streams = stages[i].get().streams;
    if (i > 0 && streams[0])
      return failure_of(stages[i], spawn_step::prepare, EINVAL, "stdin: belongs to the pipeline");
    if (i + 1 < stages.size() && streams[1])
      return failure_of(stages[i], spawn_step::prepare, EINVAL, "stdout: belongs to the pipeline");
  }
  return {};
}

} // namespace

std::vector<command> joined_stages(const pipeline& what, spawn_failure& failure)
{
  std::vector<command> stages = what.stages();
  failure = mistake_in(stages);
  for (std::size_t i = 1; i < stages.size() && !failure; ++i) {
    auto read_end = std::make_unique<private_fd>();
    auto write_end = std::make_unique<private_fd>();
    if (const int error = private_fd::make_pipe(*read_end, *write_end)) {
      failure = failure_of(stages[i - 1], spawn_step::pipe, error, "stdout");
      break;
    }
    stages[i - 1].stdout_to(from_shared_fd(private_fd::shared(std::move(write_end))));
    stages[i].stdin_from(from_shared_fd(private_fd::shared(std::move(read_end))));
  }
  if (failure)
    stages.clear();
  return stages;
}

} // namespace subprocess::detail
