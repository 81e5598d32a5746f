#include <subprocess/environment.hpp> // First: proves it stands alone.

#include <gmock/gmock.h>

#include <cerrno>
#include <cstdlib>

#include "support/isolated.hpp"
#include "support/launchers.hpp"

extern char** environ;

namespace subprocess::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* inherited[] = {"A=1", "B=2", "C=3", nullptr};

TEST(environment_changes, none_change_nothing)
{
  const environment_changes none;
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(none.valid());
  EXPECT_EQ(none.first_invalid(), "");
  EXPECT_THAT(none.apply(inherited), ElementsAre("A=1", "B=2", "C=3"));
  EXPECT_THAT(none.apply(nullptr), IsEmpty());
}

TEST(environment_changes, a_changed_variable_keeps_its_place_and_new_ones_follow_in_order)
{
  environment_changes changes;
  changes.set("Z", "26");
  changes.set("B", "two");
  changes.set("Y", "25");
  EXPECT_FALSE(changes.empty());
  EXPECT_THAT(changes.apply(inherited), ElementsAre("A=1", "B=two", "C=3", "Z=26", "Y=25"));
}

TEST(environment_changes, the_last_of_several_for_one_key_wins)
{
  environment_changes changes;
  changes.set("N", "1");
  changes.set("M", "x");
  changes.set("N", "2");
  changes.set("A", "gone");
  changes.remove("A");
  changes.remove("B");
  changes.set("B", "back");
  EXPECT_THAT(changes.apply(inherited), ElementsAre("B=back", "C=3", "N=2", "M=x"));
}

TEST(environment_changes, clear_drops_what_is_inherited_and_what_was_set)
{
  environment_changes changes;
  changes.set("X", "1");
  changes.clear();
  EXPECT_FALSE(changes.empty());
  EXPECT_THAT(changes.apply(inherited), IsEmpty());
  changes.set("A", "new");
  changes.remove("Q");
  EXPECT_THAT(changes.apply(inherited), ElementsAre("A=new"));
}

TEST(environment_changes, a_key_is_the_whole_name)
{
  constexpr const char* similar[] = {"AB=1", "A=2", "ABC=3", "B", nullptr};
  environment_changes changes;
  changes.set("A", "changed");
  changes.remove("B");
  EXPECT_THAT(changes.apply(similar), ElementsAre("AB=1", "A=changed", "ABC=3", "B"));
}

TEST(environment_changes, a_name_that_is_there_twice_is_changed_once_and_removed_twice)
{
  constexpr const char* twice[] = {"A=1", "B=2", "A=3", nullptr};
  environment_changes set;
  set.set("A", "new");
  EXPECT_THAT(set.apply(twice), ElementsAre("A=new", "B=2"));
  environment_changes removed;
  removed.remove("A");
  EXPECT_THAT(removed.apply(twice), ElementsAre("B=2"));
  environment_changes other;
  other.set("B", "new");
  EXPECT_THAT(other.apply(twice), ElementsAre("A=1", "B=new", "A=3"));
}

TEST(environment_changes, values_may_hold_anything_but_nul)
{
  environment_changes changes;
  changes.set("X", "a=b=\n c");
  changes.set("EMPTY", "");
  EXPECT_TRUE(changes.valid());
  EXPECT_THAT(changes.apply(nullptr), ElementsAre("X=a=b=\n c", "EMPTY="));
  changes.set("X", std::string_view("a\0b", 3));
  EXPECT_FALSE(changes.valid());
  EXPECT_EQ(changes.first_invalid(), "X");
}

TEST(environment_changes, may_be_given_views_of_themselves)
{
  environment_changes changes;
  changes.set("PATH", "/a/path/that/no/string/holds/within:/bin");
  const auto seen = changes.view(nullptr);
  changes.set("PATH", find_variable(seen, "PATH").value());
  EXPECT_EQ(changes.apply(nullptr), std::vector<std::string>{"PATH=/a/path/that/no/string/holds/within:/bin"});
}

TEST(environment_changes, a_key_without_name_or_with_equals_or_nul_is_no_key)
{
  for (const std::string_view key :
       {std::string_view(""), std::string_view("A=B"), std::string_view("=A"), std::string_view("A\0B", 3)}) {
    environment_changes set;
    set.set("GOOD", "1");
    set.set(key, "value");
    EXPECT_FALSE(set.valid()) << key;
    EXPECT_EQ(set.first_invalid(), key);
    environment_changes removed;
    removed.remove(key);
    EXPECT_FALSE(removed.valid()) << key;
  }
}

TEST(find_variable, finds_the_first_of_that_name)
{
  const std::vector<std::string_view> entries = {"PATHS=x", "PATH=/bin", "EMPTY=", "PATH=/other"};
  EXPECT_EQ(find_variable(entries, "PATH"), "/bin");
  EXPECT_EQ(find_variable(entries, "EMPTY"), "");
  EXPECT_EQ(find_variable(entries, "PAT"), std::nullopt);
  EXPECT_EQ(find_variable({}, "PATH"), std::nullopt);
}

using variables = per_launcher;
SUBPROCESS_FOR_EACH_LAUNCHER(variables);

std::string own_environment()
{
  std::string text;
  for (char** entry = environ; *entry; ++entry)
    text.append(*entry).push_back('\0');
  return text;
}

TEST_P(variables, are_inherited_as_they_are)
{
  EXPECT_EQ(output_of({"env"}), own_environment());
}

TEST_P(variables, are_taken_at_the_spawn)
{
  isolated([&] {
    command what = helper({"env-get", "SUBPROCESS_LATE"});
    ::setenv("SUBPROCESS_LATE", "early", 1);
    what.env("SUBPROCESS_OTHER", "x");
    ::setenv("SUBPROCESS_LATE", "late", 1);
    EXPECT_EQ(output_of(what), "late");
  });
}

TEST_P(variables, can_be_added_overridden_and_removed)
{
  isolated([&] {
    ::setenv("SUBPROCESS_A", "parent", 1);
    EXPECT_EQ(output_of(helper({"env-get", "SUBPROCESS_A"})), "parent");
    EXPECT_EQ(output_of(helper({"env-get", "SUBPROCESS_A"}).env("SUBPROCESS_A", "child")), "child");
    EXPECT_EQ(output_of(helper({"env-get", "SUBPROCESS_B"}).env("SUBPROCESS_B", "=\n ")), "=\n ");
    EXPECT_EQ(capture(helper({"env-get", "SUBPROCESS_A"}).env_remove("SUBPROCESS_A")).status.code(), 1);
    EXPECT_EQ(output_of(helper({"env-get", "SUBPROCESS_A"}).env_remove("SUBPROCESS_A").env("SUBPROCESS_A", "again")),
              "again");
    EXPECT_STREQ(::getenv("SUBPROCESS_A"), "parent");
  });
}

TEST_P(variables, can_be_cleared_so_that_exactly_what_is_set_arrives)
{
  EXPECT_EQ(output_of(helper({"env"}).env_clear()), "");
  EXPECT_EQ(output_of(helper({"env"}).env("GONE", "1").env_clear().env("B", "2").env("A", "1")),
            std::string("B=2\0A=1\0", 8));
}

TEST_P(variables, changes_leave_the_parents_environment_alone)
{
  const std::string before = own_environment();
  output_of(helper({"env"}).env("SUBPROCESS_NEW", "1").env_remove("PATH").env_clear());
  EXPECT_EQ(own_environment(), before);
}

TEST_P(variables, bad_ones_are_invalid_arguments)
{
  const std::string nul("a\0b", 3);
  const command bad[] = {
      helper({"exit", "0"}).env("", "value"),  helper({"exit", "0"}).env("A=B", "value"),
      helper({"exit", "0"}).env(nul, "value"), helper({"exit", "0"}).env("A", nul),
      helper({"exit", "0"}).env_remove(""),    helper({"exit", "0"}).env_remove("A=B"),
      helper({"exit", "0"}).env_remove(nul),
  };
  for (const command& what : bad) {
    const spawn_failure failure = failure_of(what);
    EXPECT_EQ(failure.code, std::errc::invalid_argument);
    EXPECT_EQ(failure.step, spawn_step::prepare);
  }
  EXPECT_EQ(failure_of(helper({"exit", "0"}).env("A=B", "value")).detail, "variable \"A=B\"");
}

} // namespace
} // namespace subprocess::tests
