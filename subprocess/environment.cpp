#include <subprocess/environment.hpp>

#include <algorithm>

namespace subprocess {
namespace {

bool has_key(std::string_view entry, std::string_view key)
{
  return entry.size() > key.size() && entry[key.size()] == '=' && entry.starts_with(key);
}

bool valid_key(std::string_view key)
{
  constexpr std::string_view forbidden("=\0", 2);
  return !key.empty() && key.find_first_of(forbidden) == std::string_view::npos;
}

} // namespace

environment_changes::change& environment_changes::at(std::string_view key)
{
  const auto found = std::ranges::find(changes_, key, &change::key);
  if (found != changes_.end())
    return *found;
  return changes_.emplace_back(change{std::string(key), key.size()});
}

void environment_changes::set(std::string_view key, std::string_view value)
{
  std::string entry(key); // A new one, since both may be views of what is there.
  entry.append("=").append(value);
  at(key).entry = std::move(entry);
}

void environment_changes::remove(std::string_view key)
{
  at(key).entry.resize(key.size());
}

void environment_changes::clear()
{
  inherited_.emplace();
  changes_.clear();
}

void environment_changes::inherit_only(std::vector<std::string> names)
{
  inherited_ = std::move(names);
}

bool environment_changes::change::valid() const noexcept
{
  return valid_key(key()) && entry.find('\0', key_size) == std::string::npos;
}

bool environment_changes::valid() const noexcept
{
  return std::ranges::all_of(changes_, &change::valid) && (!inherited_ || std::ranges::all_of(*inherited_, valid_key));
}

std::string_view environment_changes::first_invalid() const noexcept
{
  for (const change& c : changes_)
    if (!c.valid())
      return c.key();
  if (inherited_)
    for (const std::string& name : *inherited_)
      if (!valid_key(name))
        return name;
  return {};
}

std::vector<std::string> environment_changes::apply(const char* const* inherited) const
{
  const auto entries = view(inherited);
  return {entries.begin(), entries.end()};
}

std::vector<std::string_view> environment_changes::view(const char* const* inherited) const
{
  std::vector<std::string_view> entries;
  entries.reserve(64); // Most environments have fewer.
  const auto wanted = [&](std::string_view entry) {
    return !inherited_ || std::ranges::any_of(*inherited_, [&](const auto& name) { return has_key(entry, name); });
  };
  for (; inherited && *inherited; ++inherited)
    if (wanted(*inherited))
      entries.emplace_back(*inherited);

  for (const change& c : changes_) {
    const auto is_changed = [&](std::string_view entry) { return has_key(entry, c.key()); };
    auto first = std::ranges::find_if(entries, is_changed);
    if (!c.removes()) {
      if (first == entries.end()) {
        entries.emplace_back(c.entry);
        continue;
      }
      *first++ = c.entry;
    }
    // An environment may hold a name twice; getenv() finds the first, so no
    // second one may outlive a change.
    entries.erase(std::remove_if(first, entries.end(), is_changed), entries.end());
  }
  return entries;
}

std::optional<std::string_view> find_variable(std::span<const std::string_view> entries, std::string_view key) noexcept
{
  for (const std::string_view entry : entries)
    if (has_key(entry, key))
      return entry.substr(key.size() + 1);
  return std::nullopt;
}

} // namespace subprocess
