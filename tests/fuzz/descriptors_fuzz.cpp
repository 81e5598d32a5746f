// Where descriptors are put in the child: its own code on a kernel that is a map, against what
// each number is to be.

#include <algorithm>
#include <climits>
#include <map>
#include <set>
#include <vector>

#include "input.hpp"

// Its calls are those of the fake kernel.
#include "../../subprocess/detail/child/child_descriptors.cpp"

using namespace subprocess;
using namespace subprocess::detail;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
  fuzz::input in(data, size);
  raw::table.clear();
  raw::limit = 4 + static_cast<int>(in.number(14));
  const auto any = [&] { return static_cast<int>(in.number(static_cast<unsigned>(raw::limit))); };
  for (int fd = 0; fd < raw::limit; ++fd)
    if (in.number(3))
      raw::table[fd] = {100 + fd, in.number(2) == 1};
  const auto before = raw::table;

  // As the plan has it: what is needed is open and of the library, at 3 or above.
  std::vector<fd_move> moves;
  std::set<int> targets;
  for (unsigned left = in.number(8); left > 0; --left) {
    const int source = any(), target = any();
    if (before.contains(source)) {
      targets.insert(target);
      moves.push_back({source, target, target < 3 ? spawn_step::stdio : spawn_step::map_fd, target});
    }
  }
  child_plan plan;
  std::set<int> taken;
  for (const fd_move& move : moves)
    taken.insert(move.source);
  const auto needed = [&]() {
    const int fd = any();
    const bool is_ours = fd >= 3 && before.contains(fd) && before.at(fd).close_on_exec && taken.insert(fd).second;
    return is_ours ? fd : -1;
  };
  plan.outcome = needed();
  plan.program_fd = needed();
  plan.moves = moves.data();
  plan.move_count = moves.size();
  plan.stderr_as_stdout = in.number(4) == 0 && !targets.contains(2);
  const int wanted_outcome = plan.outcome, wanted_program = plan.program_fd;
  const int outcome = plan.outcome == -1 ? -1 : before.at(plan.outcome).file;
  const int program = plan.program_fd == -1 ? -1 : before.at(plan.program_fd).file;

  std::vector<fd_range> unneeded; // All but the standard streams and the targets.
  unsigned first = 3;
  for (const int target : targets)
    if (target >= 3) {
      if (static_cast<unsigned>(target) > first)
        unneeded.push_back({first, static_cast<unsigned>(target) - 1});
      first = static_cast<unsigned>(target) + 1;
    }
  unneeded.push_back({first, UINT_MAX});
  plan.unneeded = unneeded.data();
  plan.unneeded_count = unneeded.size();

  std::map<int, int> wanted; // Number, and which file.
  for (int fd = 0; fd < 3; ++fd)
    if (before.contains(fd) && !before.at(fd).close_on_exec)
      wanted[fd] = before.at(fd).file;
  for (const fd_move& move : moves)
    wanted[move.target] = before.at(move.source).file;
  if (plan.stderr_as_stdout) {
    wanted.erase(2);
    if (wanted.contains(1))
      wanted[2] = wanted[1];
  }

  child_report report;
  if (std::getenv("FUZZ_TELL")) {
    for (const auto& [fd, what] : before)
      std::fprintf(stderr, "%d is open%s\n", fd, what.close_on_exec ? ", close-on-exec" : "");
    for (const fd_move& move : moves)
      std::fprintf(stderr, "%d to %d\n", move.source, move.target);
    std::fprintf(stderr, "outcome %d, program %d, limit %d\n", plan.outcome, plan.program_fd, raw::limit);
  }
  const std::vector<fd_move> asked = moves;
  const child_failure failure = place_descriptors(plan, report);
  if (failure.error) { // For want of the one free number alone.
    fuzz::require(failure.error == EMFILE, "it fails by EMFILE");
    int needed_more = targets.contains(wanted_outcome) + targets.contains(wanted_program);
    for (int fd = 3; fd < raw::limit; ++fd)
      needed_more -= !before.contains(fd) && !targets.contains(fd);
    fuzz::require(needed_more >= 0, "no number was free");
    return 0;
  }
  std::map<int, int> left;
  std::map<int, int> until_exec;
  for (const auto& [fd, what] : raw::table)
    (what.close_on_exec ? until_exec : left)[fd] = what.file;
  fuzz::require(left == wanted, "the program has what it should");
  fuzz::require(outcome == -1 || until_exec[plan.outcome] == outcome, "the outcome is there until the exec");
  fuzz::require(program == -1 || until_exec[plan.program_fd] == program, "the program is there until the exec");
  for (const auto& [fd, file] : until_exec)
    fuzz::require(fd < 3 || file == outcome || file == program, "all else is closed at once");
  return 0;
}
