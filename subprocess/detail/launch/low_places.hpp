#pragma once

#include <subprocess/detail/child/child_plan.hpp>

namespace subprocess::detail {

/// For as long as it lives, what a child gets of its parent stands at low numbers
/// too: the child copies the descriptor table up to the highest number that it needs,
/// and a server's pipes come after ten thousand connections.
///
/// A few low numbers are held for that by ends of a pipe that is nobody else's. The
/// host may have closed them, and have put a file of its own there: each is asked
/// what it is before anything is put in its place. Where there is none, the plan
/// stays as it is; the sources of its moves are changed for good.
///
/// The launch gate has to be held.
class low_places {
public:
  explicit low_places(child_plan& plan) noexcept;
  ~low_places();
  low_places(const low_places&) = delete;
  low_places& operator=(const low_places&) = delete;

  /// Takes the numbers while they are free: by the first launch of the program.
  static void hold() noexcept;

  static constexpr int most = 4; // Three streams and one.

private:
  [[maybe_unused]] int lent_ = 0; // Where the platform has such places.
  [[maybe_unused]] int sources_[most];
};

} // namespace subprocess::detail
