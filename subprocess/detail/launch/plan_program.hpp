#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <subprocess/command.hpp>
#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {

/// The program, its arguments and its environment, as execve() wants them.
/// Borrows the strings of the command.
class program_plan {
public:
  void prepare(const command::settings& asked, child_plan& planned);

private:
  void lay_out(const command::settings& asked, std::span<const std::string_view> environment, child_plan& planned);

  std::unique_ptr<char[]> environment_; // The entries, each with a NUL after it.
  std::vector<std::string> candidates_;
  std::vector<const char*> pointers_; // argv, envp, candidates, shell_argv; each ends with null.
};

/// What is wrong with listen_fds(); empty when nothing is.
std::string mistake_in_listening(const command::settings& asked);

/// The program's, the cgroup's and the terminals' descriptors have to be there:
/// a closed number may be given to one that is opened for the launch.
/// \return What failed; its error is 0 when nothing did.
child_failure check_other_descriptors(const command::settings& asked);

/// What the child's environment will be, but for the number in LISTEN_PID.
std::vector<std::string> environment_of(const command::settings& asked);

} // namespace subprocess::detail
