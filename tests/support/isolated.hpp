#pragma once

#include <functional>

#include <subprocess/exit_status.hpp>

namespace subprocess::tests {

/// From here on a copy has the descriptors by which it reports: out of the way of
/// what the bodies look at.
inline constexpr int report_number = 700;

/// Runs `body` in a forked copy of this program, where it may close standard
/// streams, ignore signals, lower limits and change user. Expectations that
/// fail there fail here; descriptors and children are checked there as well.
/// \return How the copy ended: with 0 when `body` returned.
exit_status in_copy(const std::function<void()>& body);

/// As in_copy(); anything but 0 fails the test.
void isolated(const std::function<void()>& body);

} // namespace subprocess::tests
