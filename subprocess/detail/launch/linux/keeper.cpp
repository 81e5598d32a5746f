#include <subprocess/detail/launch/keeper.hpp>

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>

#include <subprocess/detail/launch/core_locks.hpp>
#include <subprocess/detail/process/own_pid.hpp>

#include <subprocess/detail/child/raw_calls.hpp>

namespace subprocess::detail {
namespace {

enum keeper_turn : unsigned { nobodys, keepers, callers };

struct keeper_request {
  process_maker make;
  const child_start* start;
  made_process* made;
  int result;
};

// There is one request at a time, by whoever holds the launch gate, which a fork of the
// program takes as well: its copy finds the keeper idle, and gone. A word and a pid are
// all there is, since a mutex and a condition that a thread of the parent waits on are of
// no use in the copy.
constinit std::atomic<unsigned> whose_turn = nobodys;
constinit keeper_request current_request = {};
constinit pid_t keepers_program = 0;

void wait_until_it_is(keeper_turn wanted) noexcept
{
  for (unsigned now; (now = whose_turn.load(std::memory_order_acquire)) != wanted;)
    wait_for_change(whose_turn, now, std::chrono::hours(1));
}

void give_turn_to(keeper_turn next) noexcept
{
  whose_turn.store(next, std::memory_order_release);
  raw::wake(whose_turn);
}

void* keep_making(void*) noexcept
{
  for (;;) {
    wait_until_it_is(keepers);
    keeper_request& asked = current_request;
    {
      const gate_deputy for_the_caller;
      asked.result = asked.make(*asked.start, *asked.made);
    }
    give_turn_to(callers);
  }
}

// The signals of the host are for the host's threads; a set*id() of the host has to reach
// this one too, so it is libc that blocks them, without its own.
int start_keeper_thread(pthread_attr_t& attributes) noexcept
{
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t thread;
  const int error = ::pthread_create(&thread, &attributes, keep_making, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return error;
}

int start_keeper() noexcept
{
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes); // On Linux it always succeeds, pthread_attr_init(3).
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const int error = start_keeper_thread(attributes);
  ::pthread_attr_destroy(&attributes);
  return error;
}

} // namespace

int make_by_keeper(process_maker make, const child_start& start, made_process& made) noexcept
{
  if (keepers_program != own_pid()) {
    if (start_keeper() != 0)
      return EAGAIN; // Whatever it was: no launcher was refused.
    keepers_program = own_pid();
  }
  current_request = {make, &start, &made, 0};
  give_turn_to(keepers);
  wait_until_it_is(callers);
  whose_turn.store(nobodys, std::memory_order_relaxed);
  return current_request.result;
}

} // namespace subprocess::detail
