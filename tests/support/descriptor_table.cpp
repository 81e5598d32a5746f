#include "descriptor_table.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ostream>
#include <utility>

#include "baseline.hpp"
#include "isolated.hpp"

namespace subprocess::tests {

std::ostream& operator<<(std::ostream& out, const descriptor_identity& identity)
{
  return out << "inode " << identity.inode << " of device " << identity.device << ", mode " << std::oct << identity.mode
             << std::dec << ", flags " << identity.own_flags;
}

// Another thread may close one meanwhile, which is no fault of either. ThreadSanitizer
// would take it for one in fstat(2).
std::map<int, descriptor_identity> descriptor_table()
{
  std::map<int, descriptor_identity> table;
  for (const int fd : open_descriptors())
    if (struct stat info; ::fstatat(fd, "", &info, AT_EMPTY_PATH) == 0)
      table[fd] = {info.st_dev, info.st_ino, info.st_rdev, ::fcntl(fd, F_GETFL), ::fcntl(fd, F_GETFD)};
  return table;
}

void close_the_unknown()
{
  for (const int fd : open_descriptors())
    if (fd > 2 && fd < report_number)
      ::close(fd);
}

std::vector<unique_fd> take_all_descriptors()
{
  std::vector<unique_fd> taken;
  int error = 0;
  while (error == 0) {
    unique_fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    error = next ? 0 : errno;
    if (next)
      taken.push_back(std::move(next));
  }
  EXPECT_EQ(error, EMFILE);
  return taken;
}

} // namespace subprocess::tests
