#include "programs.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include "deadline.hpp"

namespace subprocess::tests {

const std::string& helper_path()
{
  static const std::string path = SUBPROCESS_TEST_HELPER;
  return path;
}

command helper(std::initializer_list<std::string_view> verb_and_arguments)
{
  return command(helper_path(), verb_and_arguments);
}

scratch_directory::scratch_directory()
{
  std::string name = std::filesystem::temp_directory_path() / "subprocess_test.XXXXXX";
  if (!::mkdtemp(name.data()) || ::chmod(name.c_str(), 0755) == -1)
    throw std::system_error(errno, std::system_category(), name);
  path_ = std::filesystem::canonical(name);
}

scratch_directory::~scratch_directory()
{
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string scratch_directory::file(std::string_view name, std::string_view content, int mode) const
{
  const std::string path = *this / name;
  std::ofstream(path) << content;
  if (::chmod(path.c_str(), static_cast<mode_t>(mode)) == -1)
    throw std::system_error(errno, std::system_category(), path);
  return path;
}

std::string scratch_directory::helper_as(std::string_view name) const
{
  const std::string path = *this / name;
  std::filesystem::copy_file(helper_path(), path);
  return path;
}

std::string content_of(const std::filesystem::path& file)
{
  std::ifstream in(file);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

exit_status end_of(child& running)
{
  running.stdin_pipe().reset();
  std::error_code ec;
  if (const auto status = running.wait_for(patience, ec))
    return *status;
  if (ec) {
    ADD_FAILURE() << "wait_for: " << ec.message();
    return {};
  }
  ADD_FAILURE() << "the child did not end";
  running.kill(ec);
  return running.wait(ec);
}

} // namespace subprocess::tests
