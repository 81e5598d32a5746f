#pragma once

namespace subprocess {

/// A kind of namespace that a child can have for itself. \source namespaces(7).
enum class new_namespace : unsigned {
  user = 1,
  mount = 2,
  pid = 4,
  net = 8,
  uts = 16,
  ipc = 32,
};

} // namespace subprocess
