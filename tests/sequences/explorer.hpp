#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <unordered_set>
#include <vector>

namespace subprocess::tests {

/// How much of a world was seen.
struct explored {
  std::size_t orders = 0; ///< Ways from the beginning to an end.
  std::size_t states = 0; ///< What could be seen on the way, each counted once.
};

/// Goes every way through a world, depth first. A world cannot be copied, so each way
/// begins with a new one and repeats what it has in common with the last.
///
/// A World has
///   std::size_t movers() const                who there is to make a move
///   bool may_move(std::size_t mover) const
///   bool move(std::size_t mover)              false: nothing has changed
///   std::string name_of_next(std::size_t mover) const
///   void end()                                nobody can move any more
///   std::string state() const                 what can be seen
///   const std::vector<std::string>& faults() const
template <class World, class... Arguments>
explored explore_all(const Arguments&... arguments)
{
  struct branch {
    std::size_t taken;
    std::vector<std::size_t> left; // Who else may move here.
  };
  std::vector<branch> way;
  std::unordered_set<std::string> seen;
  explored found;
  for (;;) {
    World world(arguments...);
    std::vector<std::string> names;
    const auto move = [&](std::size_t mover) {
      std::string name = world.name_of_next(mover);
      const bool has_moved = world.move(mover);
      if (has_moved)
        names.push_back(std::move(name));
      return has_moved;
    };

    // What is known, the last of it is new.
    bool is_dead_end = false;
    for (const branch& known : way)
      is_dead_end = !move(known.taken);

    while (!is_dead_end && world.faults().empty()) {
      seen.insert(world.state());
      branch next{0, {}};
      for (std::size_t mover = world.movers(); mover-- > 0;)
        if (world.may_move(mover))
          next.left.push_back(mover);
      bool has_moved = false;
      while (!has_moved && !next.left.empty()) {
        next.taken = next.left.back();
        next.left.pop_back();
        has_moved = move(next.taken);
      }
      if (!has_moved)
        break;
      way.push_back(std::move(next));
    }

    if (!is_dead_end) {
      ++found.orders;
      if (world.faults().empty())
        world.end();
    }
    if (!world.faults().empty()) {
      std::string text;
      for (const std::string& fault : world.faults())
        text += fault + '\n';
      text += "by";
      for (const std::string& name : names)
        text += "\n  " + name;
      ADD_FAILURE() << text;
      return found;
    }

    while (!way.empty() && way.back().left.empty())
      way.pop_back();
    if (way.empty()) {
      found.states = seen.size();
      return found;
    }
    way.back().taken = way.back().left.back();
    way.back().left.pop_back();
  }
}

} // namespace subprocess::tests
