// Random sequences of all that one can do with children, beside a model of them. What goes
// wrong is shrunk to a short sequence, and printed.

#include <rapidcheck.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>

#include <subprocess/spawn.hpp>

#include "support/programs.hpp"

#include "ordered_child.hpp"
#include "step.hpp"

namespace {

using namespace subprocess;
using namespace subprocess::tests;

constexpr int batch = 25; // Sequences between two looks at the clock.

constexpr unsigned most_seconds_of_one = 120;

const std::vector<sequence_setup>& setups()
{
  static const std::vector<sequence_setup> all = [] {
    std::vector<sequence_setup> made;
    for (const launcher which : {launcher::clone, launcher::fork})
      for (const reaper_source source : {reaper_source::pidfd, reaper_source::sigchld})
        for (const unsigned threads : {0u, 2u})
          made.push_back({which, source, threads});
    return made;
  }();
  return all;
}

// A hang of a call, or a crash, ends the program: then this is all that it can tell.
void tell_sequence(int number)
{
  const auto write = [](const char* text) {
    [[maybe_unused]] const auto written = ::write(2, text, std::strlen(text));
  };
  write(number == SIGALRM ? "hangs in\n" : "crashes in\n");
  write(sequence_now());
  write("\n");
  ::_exit(1);
}

// What begins something comes more often: the rest does nothing without a child.
rc::Gen<verb> any_verb()
{
  std::vector<verb> all;
  for (int number = 0; number < static_cast<int>(verb::count); ++number)
    all.push_back(static_cast<verb>(number));
  for (const verb often : {verb::spawn, verb::spawn_on_loop, verb::async_spawn, verb::async_wait, verb::order_exit})
    all.insert(all.end(), 3, often);
  return rc::gen::elementOf(all);
}

rc::Gen<step> any_step()
{
  return rc::gen::build<step>(rc::gen::set(&step::what, any_verb()),
                              rc::gen::set(&step::slot, rc::gen::inRange<std::uint8_t>(0, 3)),
                              rc::gen::set(&step::way, rc::gen::inRange<std::uint8_t>(0, 64)));
}

rc::Gen<std::vector<step>> any_sequence()
{
  return rc::gen::container<std::vector<step>>(any_step());
}

struct tally {
  unsigned long sequences = 0;
  unsigned long steps = 0;
  std::vector<std::string> last_wrong; // The shortest, when shrinking has ended.
};

bool holds(const sequence_setup& setup, std::uint64_t seed, int count, tally& sum)
{
  rc::detail::TestParams parameters;
  parameters.seed = seed;
  parameters.maxSuccess = count;
  parameters.maxSize = 60;
  rc::detail::TestMetadata metadata;
  const auto result = rc::detail::checkTestable(
      [&] {
        const std::vector<step> steps = *any_sequence();
        ::alarm(most_seconds_of_one);
        const sequence_result found = run_sequence(setup, steps);
        ++sum.sequences;
        sum.steps += found.done.size();
        if (found.fault.empty())
          return;
        if (sum.last_wrong.empty())
          std::cerr << "wrong: " << found.fault << "\nto be shortened: " << sequence_now() << std::endl;
        soon = std::chrono::seconds(2);
        sum.last_wrong = found.done;
        sum.last_wrong.push_back(found.fault);
        RC_FAIL(found.fault);
      },
      metadata, parameters);
  if (result.is<rc::detail::SuccessResult>())
    return true;
  rc::detail::printResultMessage(result, std::cerr);
  std::cerr << "\n\nwhat remained of it:\n";
  for (const std::string& one : sum.last_wrong)
    std::cerr << "  " << one << '\n';
  return false;
}

std::uint64_t number_of(const char* variable, std::uint64_t otherwise)
{
  const char* const text = std::getenv(variable);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

} // namespace

int main()
{
  for (const int number : {SIGALRM, SIGSEGV, SIGABRT, SIGBUS})
    std::signal(number, tell_sequence);
  std::signal(SIGPIPE, SIG_IGN);
  // What stays for the program's life is there from now on.
  command first = tests::helper({"exit", "0"});
  run(first.die_with_program());

  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + std::chrono::seconds(number_of("SEQUENCES", 60));
  std::uint64_t seed = number_of("SEQUENCES_SEED", std::random_device()());
  std::cout << "seed " << seed << std::endl;
  std::vector<tally> sums(setups().size());
  bool all_hold = true;
  do {
    for (std::size_t i = 0; i < setups().size() && all_hold; ++i) {
      all_hold = holds(setups()[i], seed + i, batch, sums[i]);
      if (!all_hold)
        std::cerr << "with " << to_string(setups()[i]) << "\nagain by SEQUENCES_SEED=" << seed << std::endl;
    }
    seed += setups().size();
  } while (all_hold && clock::now() < end);

  for (std::size_t i = 0; i < setups().size(); ++i)
    std::cout << to_string(setups()[i]) << ": " << sums[i].sequences << " sequences, " << sums[i].steps << " steps\n";
  std::cout << setups().size() - !all_hold << " passed, " << !all_hold << " failed, 0 skipped\n";
  return all_hold ? 0 : 1;
}
