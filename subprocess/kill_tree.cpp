#include <subprocess/kill_tree.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <subprocess/unique_fd.hpp>

namespace subprocess {

void kill_tree(const path_argument& cgroup, std::error_code& ec)
{
  const bool is_path = cgroup.native().find('\0') == std::string::npos; // Else another would be opened.
  const unique_fd file(is_path ? ::open((cgroup.native() + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC) : -1);
  int error = file ? 0 : is_path ? errno : EINVAL;
  if (!error)
    error = ::write(file.get(), "1", 1) == 1 ? 0 : errno;
  ec.assign(error, std::system_category());
}

void kill_tree(const path_argument& cgroup)
{
  std::error_code ec;
  kill_tree(cgroup, ec);
  if (ec)
    throw std::system_error(ec, "kill_tree");
}

} // namespace subprocess
