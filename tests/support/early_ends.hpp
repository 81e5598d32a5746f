#pragma once

namespace subprocess::tests {

/// While it lives, every other read of a terminal that has something to give says that it
/// has ended, as Linux does now and then.
class early_ends {
public:
  early_ends();
  ~early_ends();
  early_ends(const early_ends&) = delete;
  early_ends& operator=(const early_ends&) = delete;

  /// How many were told since it began.
  unsigned told() const;
};

} // namespace subprocess::tests
