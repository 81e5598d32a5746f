#pragma once

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include <subprocess/detail/process/process.hpp>
#include <subprocess/stop_sequence.hpp>

namespace subprocess::detail {

/// While it lives, a group that is being stopped dies with its leader. Does
/// nothing for a sequence that is for the child alone.
class group_stop {
public:
  group_stop() noexcept = default;

  /// \param ec  `EINVAL`: it is for a group that the library did not make.
  group_stop(const std::shared_ptr<process>& leader, const stop_sequence& sequence, std::error_code& ec) noexcept
  {
    ec.clear();
    if (sequence.whom != stop_sequence::target::group)
      return;
    if (!leader->leads_group()) {
      ec.assign(EINVAL, std::system_category());
      return;
    }
    leader_ = leader;
    leader_->begin_group_stop();
  }

  group_stop(group_stop&& other) noexcept = default;
  group_stop& operator=(group_stop&& other) noexcept
  {
    std::swap(leader_, other.leader_);
    return *this;
  }
  ~group_stop()
  {
    if (leader_)
      leader_->end_group_stop();
  }

private:
  std::shared_ptr<process> leader_;
};

} // namespace subprocess::detail
