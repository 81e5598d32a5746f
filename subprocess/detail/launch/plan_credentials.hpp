#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include <subprocess/command.hpp>
#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {

/// Whose process a child will be: what the command says of it as ids.
class credentials_plan {
public:
  struct failure {
    int error = 0;    // An errno.
    std::string name; // `user "nobody2"`
    bool is_unknown = false;
  };

  /// Looks up the names, which may block: they can come from anywhere, nsswitch.conf(5).
  /// What is planned points into this object.
  failure prepare(const command::settings& asked, child_plan& planned);

private:
  failure find_user(const std::string& name, bool with_groups);
  failure find_group(const std::string& name);

  std::optional<uid_t> uid_;
  std::optional<gid_t> gid_;
  std::vector<gid_t> groups_;
};

} // namespace subprocess::detail
