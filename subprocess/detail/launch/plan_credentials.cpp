#include <subprocess/detail/launch/plan_credentials.hpp>

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include <subprocess/command_settings.hpp>

namespace subprocess::detail {
namespace {

// A group can have many thousands of members, and a look-up returns them all.
constexpr std::size_t most_text = std::size_t(1) << 26;

/// getpwnam_r(3) or getgrnam_r(3), with as much room as it takes.
/// \param take  Called with what was found.
template <class Record, class Take>
credentials_plan::failure look_up_name(const char* kind, const std::string& name,
                                       int (*call)(const char*, Record*, char*, std::size_t, Record**), Take take)
{
  credentials_plan::failure failure{ERANGE, std::string(kind) + " \"" + name + '"'};
  for (std::vector<char> text(1024); failure.error == ERANGE && text.size() <= most_text;
       text.resize(2 * text.size())) {
    Record record;
    Record* found = nullptr;
    do {
      failure.error = call(name.c_str(), &record, text.data(), text.size(), &found);
    } while (failure.error == EINTR);
    if (failure.error == 0 && found)
      take(record);
    // Systems differ in how they say that it is nobody's.
    failure.is_unknown = !found && (failure.error == 0 || failure.error == ENOENT || failure.error == ESRCH);
    if (failure.is_unknown)
      failure.error = EINVAL;
  }
  return failure;
}

/// getgrouplist(3), with as much room as it takes. A group is an int to some systems.
template <class Group>
std::vector<gid_t> list_groups(int (*call)(const char*, Group, Group*, int*), const std::string& user, gid_t primary)
{
  std::vector<Group> groups(32);
  for (;;) {
    int count = static_cast<int>(groups.size());
    if (call(user.c_str(), static_cast<Group>(primary), groups.data(), &count) != -1)
      return {groups.begin(), groups.begin() + std::max(count, 0)};
    groups.resize(std::max(2 * groups.size(), static_cast<std::size_t>(std::max(count, 0))));
  }
}

} // namespace

credentials_plan::failure credentials_plan::prepare(const command::settings& asked, child_plan& planned)
{
  uid_ = asked.uid;
  gid_ = asked.gid;
  const bool with_groups = !asked.groups && !asked.process.keep_groups;
  failure refused;
  if (asked.group)
    refused = find_group(*asked.group);
  if (asked.user && !refused.error)
    refused = find_user(*asked.user, with_groups);
  if (refused.error)
    return refused;
  if (asked.groups)
    groups_ = *asked.groups;
  planned.set_groups = asked.groups || (uid_ && with_groups);
  planned.groups = groups_.data();
  planned.group_count = groups_.size();
  planned.groups_may_stay = !asked.groups && !asked.user;
  planned.gid = gid_ ? &*gid_ : nullptr;
  planned.uid = uid_ ? &*uid_ : nullptr;
  return {};
}

// The group is the user's own unless the command has another.
credentials_plan::failure credentials_plan::find_user(const std::string& name, bool with_groups)
{
  failure refused = look_up_name<passwd>("user", name, ::getpwnam_r, [this](const passwd& found) {
    uid_ = found.pw_uid;
    gid_ = gid_.value_or(found.pw_gid);
  });
  if (!refused.error && with_groups)
    groups_ = list_groups(::getgrouplist, name, *gid_);
  return refused;
}

credentials_plan::failure credentials_plan::find_group(const std::string& name)
{
  return look_up_name<group>("group", name, ::getgrnam_r, [this](const group& found) { gid_ = found.gr_gid; });
}

} // namespace subprocess::detail
