#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <asio_integration/reaper.hpp>
#include <subprocess/command.hpp>

namespace subprocess::tests {

/// What a step does. Most act on the child in a slot; what cannot be done at that moment
/// is left out.
enum class verb : std::uint8_t {
  try_wait,
  kill,
  order_exit,
  turn, ///< The loops run until they have nothing to do.
  spawn,
  spawn_on_loop,
  async_spawn,
  async_wait,
  wait,
  cancel_wait,
  drop,
  wait_for,
  check_signal, ///< Signal 0, and one that does not exist.
  stop_and_go,  ///< SIGSTOP, SIGCONT, and what they do to a signal in between.
  raise,        ///< The child ends by a signal of its own.
  begin_wait,   ///< wait() on a thread, which returns when the child has ended.
  stop,
  detach,
  move,
  take_pipes,
  pidfd,
  race, ///< Several threads at once.
  steal,
  adopt,
  fork_host,
  fail_to_spawn,
  run,
  end_loop,
  count,
};

struct step {
  verb what = verb::turn;
  std::uint8_t slot = 0; ///< Which child.
  std::uint8_t way = 0;  ///< How; what it says depends on the verb.
};

std::string to_string(const step& one);
std::ostream& operator<<(std::ostream& out, const step& one);

/// How children are started and noticed in a whole sequence.
struct sequence_setup {
  launcher which = launcher::automatic;
  reaper_source source = reaper_source::automatic;
  unsigned threads = 0; ///< Which run each loop; with none, the sequence turns it.
};
std::string to_string(const sequence_setup& setup);

/// Makes one sequence with real children, beside a model that says what has to be seen.
struct sequence_result {
  std::string fault;             ///< Empty: all was right.
  std::vector<std::string> done; ///< The steps that could be made.
};
sequence_result run_sequence(const sequence_setup& setup, const std::vector<step>& steps);

/// The sequence that is being made, for who is called when the program crashes.
const char* sequence_now() noexcept;

} // namespace subprocess::tests
