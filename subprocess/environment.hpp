#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subprocess {

/// The changes a command makes to the environment it inherits.
///
/// A plain value: it remembers the changes in their order and applies them to
/// whatever environment it is given, so later calls win.
/// \source std::sys_common::process::CommandEnv.
class environment_changes {
public:
  /// The variable has this value.
  void set(std::string_view key, std::string_view value);
  /// There is no such variable.
  void remove(std::string_view key);
  /// Nothing is inherited, and the changes so far are forgotten.
  void clear();
  /// Of what is inherited, only these names.
  void inherit_only(std::vector<std::string> names);

  /// Whether a child would get exactly what it is given.
  bool empty() const noexcept { return !inherited_ && changes_.empty(); }

  /// Whether every key is a name: not empty, without '=' and NUL, and no value
  /// holds a NUL. What is not valid is a spawn's `invalid_argument`.
  bool valid() const noexcept;

  /// The first key or value that is not valid, for a message; or empty.
  std::string_view first_invalid() const noexcept;

  /// `KEY=value` entries: what is inherited keeps its place, changed or not;
  /// what is new follows in the order of its first call.
  std::vector<std::string> apply(const char* const* inherited) const;

  /// The same without copies: views of what is inherited and of this object.
  std::vector<std::string_view> view(const char* const* inherited) const;

private:
  struct change {
    std::string entry; // `KEY=value`; the key alone when it is removed.
    std::size_t key_size;

    std::string_view key() const noexcept { return std::string_view(entry).substr(0, key_size); }
    bool valid() const noexcept;
    bool removes() const noexcept { return entry.size() == key_size; }
  };
  change& at(std::string_view key);

  std::optional<std::vector<std::string>> inherited_; // Unset: all.
  std::vector<change> changes_;
};

/// The value of `key` among `KEY=value` entries.
std::optional<std::string_view> find_variable(std::span<const std::string_view> entries, std::string_view key) noexcept;

} // namespace subprocess
