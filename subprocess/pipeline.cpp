#include <subprocess/pipeline.hpp>

#include <algorithm>
#include <iterator>
#include <ranges>

namespace subprocess {

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

} // namespace subprocess
