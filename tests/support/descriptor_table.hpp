#pragma once

#include <sys/types.h>

#include <iosfwd>
#include <map>
#include <vector>

#include <subprocess/unique_fd.hpp>

namespace subprocess::tests {

/// Which file a descriptor is of, and how it is open.
struct descriptor_identity {
  dev_t device;
  ino_t inode;
  dev_t special; // Of a device: which.
  int mode;      // As of F_GETFL.
  int own_flags; // As of F_GETFD.

  friend bool operator==(const descriptor_identity&, const descriptor_identity&) = default;
};
std::ostream& operator<<(std::ostream& out, const descriptor_identity& identity);

/// What every descriptor of this process is now; to compare with later.
std::map<int, descriptor_identity> descriptor_table();

/// Closes, of the descriptors from 3 on, what a program does not know: as a daemon
/// or a forked worker does. Those of an isolated() copy's report stay.
void close_the_unknown();

/// Takes every number that RLIMIT_NOFILE still permits. Whoever wants some lets the last go.
std::vector<unique_fd> take_all_descriptors();

} // namespace subprocess::tests
