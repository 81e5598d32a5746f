#pragma once

#include <memory>

#include <subprocess/detail/process/process.hpp>

namespace subprocess::detail {

// Children that nobody waits for any more. They are reaped on the occasion of
// later spawns and of the reapers' work, so that none stays a zombie for ever.

/// Reaps the child now if it has ended, else remembers it.
void adopt_orphan(std::shared_ptr<process> orphan) noexcept;

/// Reaps those that have ended. Looks at a bounded number each time.
void reap_orphans() noexcept;

} // namespace subprocess::detail
