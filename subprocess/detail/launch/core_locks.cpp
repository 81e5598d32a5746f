#include <subprocess/detail/launch/core_locks.hpp>

#include <pthread.h>

#include <subprocess/detail/launch/private_fd.hpp>

namespace subprocess::detail {
namespace {

// Never destroyed, since launches may outlast main(), and made by the compiler, since
// a fork in the middle of making them would never get them.
union lasting_mutex {
  std::mutex value;

  constexpr lasting_mutex() noexcept : value() {}
  ~lasting_mutex() {}
};

constinit lasting_mutex gate;
constinit lasting_mutex shelf;
constinit lasting_mutex orphans_mutex;
constinit lasting_mutex threads;
constinit lasting_mutex observers;
constinit thread_local bool holds_gate = false;

// The library's own fork(), for a child with hooks, comes from behind the gate. What
// that child's copy has locked does not matter to it.
bool is_host() noexcept
{
  return !holds_gate;
}

void lock_all()
{
  if (!is_host())
    return;
  gate.value.lock();
  shelf.value.lock();
  orphans_mutex.value.lock();
  threads.value.lock();
  observers.value.lock();
}

void unlock_all()
{
  if (!is_host())
    return;
  observers.value.unlock();
  threads.value.unlock();
  orphans_mutex.value.unlock();
  shelf.value.unlock();
  gate.value.unlock();
}

void begin_copy()
{
  if (!is_host())
    return;
  close_private_copies();
  unlock_all();
}

[[maybe_unused]] const int registered = ::pthread_atfork(lock_all, unlock_all, begin_copy);

} // namespace

void launch_gate::lock() noexcept
{
  gate.value.lock();
  holds_gate = true;
}

bool launch_gate::try_lock() noexcept
{
  holds_gate = gate.value.try_lock();
  return holds_gate;
}

void launch_gate::unlock() noexcept
{
  holds_gate = false;
  gate.value.unlock();
}

bool launch_gate::is_mine() const noexcept
{
  return holds_gate;
}

gate_deputy::gate_deputy() noexcept
{
  holds_gate = true;
}

gate_deputy::~gate_deputy()
{
  holds_gate = false;
}

std::mutex& shelf_lock() noexcept
{
  return shelf.value;
}

std::mutex& orphans_lock() noexcept
{
  return orphans_mutex.value;
}

std::mutex& threads_lock() noexcept
{
  return threads.value;
}

std::mutex& observers_lock() noexcept
{
  return observers.value;
}

} // namespace subprocess::detail
