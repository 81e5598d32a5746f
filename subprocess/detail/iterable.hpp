#pragma once

#include <iterator>
#include <utility>

namespace subprocess::detail {

/// What one gets of a range by `for (auto&& element : range)`. <ranges> has it as a
/// concept and a thousand things more.
template <class Range>
using element_of = decltype(*std::ranges::begin(std::declval<Range&>()));

/// What can stand in such a loop.
template <class Range>
concept iterable = requires(Range& range) {
  *std::ranges::begin(range);
  std::ranges::end(range);
};

} // namespace subprocess::detail
