#pragma once

#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {

/// For as long as it lives, the descriptors that a child needs have low numbers:
/// what the child copies of its parent's table is all below the highest of them,
/// and a server's pipes come after ten thousand connections.
///
/// A few numbers are parked for that by the first launch that gives its child a
/// descriptor, and stay so. Where they are no lower the plan stays as it is.
class low_sources {
public:
  explicit low_sources(child_plan& plan) noexcept;
  ~low_sources();
  low_sources(const low_sources&) = delete;
  low_sources& operator=(const low_sources&) = delete;

private:
  static constexpr int most = 4; // Three streams and one.

  child_plan& plan_;
  int moved_ = 0;
  struct {
    fd_move* move;
    int source;
    int slot;
  } moves_[most];
};

} // namespace subprocess::detail
