#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include <subprocess/observer.hpp>

namespace subprocess::detail {

/// An observer's function, which children hold that it may yet be told of.
///
/// Thread safety: safe.
class registered_observer {
public:
  explicit registered_observer(observer::function told);

  /// Calls it, unless it is closed.
  void tell(const observation& seen) noexcept;

  /// No call begins any more; waits for those on other threads.
  void close() noexcept;

private:
  const observer::function told_;
  const pid_t owner_;
  std::atomic<bool> is_open_ = true;
  std::atomic<std::size_t> calls_ = 0; // That are being made.
};

/// Who observes; never changed, but put in another's place.
class observer_list {
public:
  /// Null when nobody does.
  static std::shared_ptr<const observer_list> current();

  static void add(std::shared_ptr<registered_observer> added);
  static void remove(const registered_observer& removed) noexcept;

  void tell(const observation& seen) const noexcept;

private:
  std::vector<std::shared_ptr<registered_observer>> all_;
};

} // namespace subprocess::detail
