#pragma once

namespace subprocess::detail {

class observed_child;

/// While one lives, its thread tells nothing: what happens meanwhile is told when the last
/// of them goes. It stands before every lock under which a child may start, fail or end.
class tell_afterwards {
public:
  tell_afterwards() noexcept;
  ~tell_afterwards();
  tell_afterwards(const tell_afterwards&) = delete;
  tell_afterwards& operator=(const tell_afterwards&) = delete;

private:
  friend class observed_child;
  static void tell_all() noexcept;
};

} // namespace subprocess::detail
