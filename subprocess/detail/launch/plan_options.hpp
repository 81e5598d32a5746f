#pragma once

#include <string>
#include <vector>

#include <subprocess/detail/child/child_options.hpp>
#include <subprocess/detail/child/child_plan.hpp>
#include <subprocess/process_options.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// What no system could do; empty when there is nothing.
std::string mistake_in(const process_options& asked);

/// Turns process_options, which it borrows, into what a child reads.
class options_plan {
public:
  /// \return What failed; its error is 0 when nothing did.
  child_failure prepare(const process_options& asked, child_options& planned);

private:
  child_failure find_cgroup(const process_options& asked);
  void prepare_maps(const process_options::namespace_ids& inside);
  void prepare_cpus(const std::vector<int>& cpus);

  unique_fd cgroup_;
  std::string uid_map_;
  std::string gid_map_;
  std::string oom_score_adj_;
  std::vector<unsigned long> cpus_;
};

/// Which one a failure is about: a path, a limit, a number; or empty.
std::string describe(const process_options& asked, const child_failure& failure);

} // namespace subprocess::detail
