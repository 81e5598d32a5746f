// Changes of an environment, against a list that every change goes through.

#include <subprocess/environment.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "input.hpp"

using namespace subprocess;

namespace {

// Few names, so that they meet; some are beginnings of others.
const char* const names[] = {"A", "AB", "ABC", "B", "PATH", "LANG"};

std::string key_of(const std::string& entry)
{
  return entry.substr(0, entry.find('='));
}

/// What getenv(3) finds in each.
std::vector<std::optional<std::string>> found_in(const std::vector<std::string>& entries)
{
  std::vector<std::optional<std::string>> found;
  for (const char* name : names) {
    const auto one = std::ranges::find_if(
        entries, [&](const auto& entry) { return entry.find('=') != entry.npos && key_of(entry) == name; });
    found.push_back(one == entries.end() ? std::nullopt : std::optional(*one));
  }
  return found;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
  fuzz::input in(data, size);
  std::vector<std::string> inherited;
  for (unsigned left = in.number(8); left > 0; --left)
    inherited.push_back(std::string(names[in.number(6)]) + (in.number(16) ? "=" : "") + in.text(in.number(3)));
  for (std::string& entry : inherited)
    std::erase(entry, '\0');
  std::vector<const char*> block;
  for (const std::string& entry : inherited)
    block.push_back(entry.c_str());
  block.push_back(nullptr);

  environment_changes changes;
  auto model = inherited;
  bool asked_before = false; // inherit_only() is about what is inherited, whenever it is said.
  for (unsigned left = in.number(12); left > 0 && !in.empty(); --left) {
    const std::string name = names[in.number(6)];
    const auto is_it = [&](const std::string& entry) { return entry.find('=') != entry.npos && key_of(entry) == name; };
    switch (in.number(8)) {
    case 0:
      changes.clear();
      model.clear();
      asked_before = true;
      break;
    case 1:
      if (asked_before)
        break;
      asked_before = true;
      changes.inherit_only({name});
      std::erase_if(model, [&](const auto& entry) { return !is_it(entry); });
      break;
    case 2:
    case 3:
      asked_before = true;
      changes.remove(name);
      std::erase_if(model, is_it);
      break;
    default: {
      asked_before = true;
      std::string value = in.text(in.number(3));
      std::erase(value, '\0');
      changes.set(name, value);
      std::erase_if(model, is_it);
      model.push_back(name + "=" + value);
    }
    }
  }
  fuzz::require(changes.valid(), "the names are valid");
  const auto made = changes.apply(block.data());
  fuzz::require(found_in(made) == found_in(model), "getenv() finds the same");
  // A name that was changed is there once at most.
  fuzz::require(made.size() <= inherited.size() + 12, "nothing is added");
  return 0;
}
