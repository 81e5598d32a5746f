#include <subprocess/detail/launch/low_places.hpp>

namespace subprocess::detail {

low_places::low_places(child_plan&) noexcept
{
}

low_places::~low_places() = default;

void low_places::hold() noexcept
{
}

} // namespace subprocess::detail
