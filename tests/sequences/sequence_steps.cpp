// What each step does, and what has to be seen of it.

#include <sys/wait.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/dispatch.hpp>

#include <csignal>

#include <asio_integration/async_run.hpp>
#include <asio_integration/async_spawn.hpp>
#include <asio_integration/spawn.hpp>
#include <subprocess/spawn.hpp>

#include "support/deadline.hpp"
#include "support/programs.hpp"

#include "sequence.hpp"

namespace subprocess::tests {
namespace {

/// On another thread, or here.
template <class Function>
void on(bool another, Function function)
{
  if (!another)
    return function();
  std::exception_ptr failure;
  std::thread([&] {
    try {
      function();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace

bool sequence::make_on(slot& on, const step& next)
{
  const unsigned way = next.way;
  switch (next.what) {
  case verb::try_wait: return try_wait(on);
  case verb::kill: return kill(on, way);
  case verb::order_exit: return order_exit(on, way);
  case verb::turn: settle(); return true;
  case verb::spawn: return spawn(on, way);
  case verb::spawn_on_loop: return spawn_on_loop(on, way);
  case verb::async_spawn: return async_spawn(on, way);
  case verb::async_wait: return async_wait(on, way);
  case verb::wait: return wait(on);
  case verb::cancel_wait: return cancel_wait(way);
  case verb::drop: return drop(on);
  case verb::wait_for: return wait_for(on, way);
  case verb::check_signal: return check_signal(on, way);
  case verb::stop_and_go: return stop_and_go(on, way);
  case verb::raise: return raise(on, way);
  case verb::begin_wait: return begin_wait(on, way);
  case verb::stop: return stop(on);
  case verb::detach: return detach(on);
  case verb::move: return move(on, slots_[way % slot_count]);
  case verb::take_pipes: return take_pipes(on, way);
  case verb::pidfd: return take_pidfd(on, way);
  case verb::race: return race(on, way);
  case verb::steal: return steal(on);
  case verb::adopt: return adopt(on, way);
  case verb::fork_host: return fork_host();
  case verb::fail_to_spawn: return fail_to_spawn(way);
  case verb::run: return run(way);
  case verb::end_loop: return end_loop(way % loop_count);
  case verb::count: break;
  }
  return false;
}

// ---- beginnings ----

command sequence::next_command(const known& one, unsigned way) const
{
  command what = one->real.helper(setup_.which);
  if (way & 1)
    what.kill_on_destroy(way & 2);
  one->has_pipes = way & 4;
  const stdio stream = one->has_pipes ? stdio::pipe() : stdio::null();
  what.stdin_from(stream).stdout_to(stream).stderr_to(stream);
  return what;
}

void sequence::place(slot& into, const known& one, child made)
{
  check(one->real.begin(made.id()), "a child is not the program");
  const known before = std::exchange(into.is, one);
  into.blocking = std::move(made);
  into.on_loop = {};
  dropped(before);
}

void sequence::place(slot& into, const known& one, async_child made)
{
  one->on_loop = true;
  check(one->real.begin(made.id()), "a child is not the program");
  const known before = std::exchange(into.is, one);
  into.on_loop = std::move(made);
  into.blocking = {};
  dropped(before);
}

bool sequence::spawn(slot& into, unsigned way)
{
  if (!into.waits.empty())
    return false;
  const auto one = std::make_shared<known_child>();
  one->dies_when_dropped = (way & 3) == 3;
  child made;
  std::error_code ec;
  on(way & 8, [&] { made = subprocess::spawn(next_command(one, way), ec); });
  check(!ec, "spawn", ec);
  place(into, one, std::move(made));
  return true;
}

bool sequence::spawn_on_loop(slot& into, unsigned way)
{
  if (!into.waits.empty())
    return false;
  const auto one = std::make_shared<known_child>();
  one->dies_when_dropped = (way & 3) != 1;
  one->loop = way / 16 % loop_count;
  async_child made;
  std::error_code ec;
  on(way & 8, [&] { made = subprocess::spawn(loop(one->loop).io, next_command(one, way), ec); });
  check(!ec, "spawn", ec);
  place(into, one, std::move(made));
  return true;
}

bool sequence::async_spawn(slot& into, unsigned way)
{
  if (!into.waits.empty())
    return false;
  const auto one = std::make_shared<known_child>();
  one->dies_when_dropped = (way & 3) != 1;
  one->loop = way / 16 % loop_count;
  running_loop& on = loop(one->loop);
  std::optional<std::error_code> told;
  async_child made;
  std::atomic<bool> is_told = false;
  asio::cancellation_signal cancel;
  std::thread::id caller;
  subprocess::async_spawn(on.io, next_command(one, way),
                          asio::bind_cancellation_slot(
                              cancel.slot(), asio::bind_executor(on.strand, [&](std::error_code ec, async_child got) {
                                made = std::move(got);
                                told = ec;
                                is_told = true;
                              })));
  check(!is_polled() || !is_told, "a handler is called within the call");
  const bool cancels = way & 8;
  if (cancels)
    asio::dispatch(on.strand, [&] { cancel.emit(asio::cancellation_type::terminal); });
  turn_until("async_spawn does not end", [&] { return is_told.load(); });
  if (!is_polled()) { // Until the loop uses the signal no more.
    std::promise<void> after;
    asio::post(on.strand, [&] { after.set_value(); });
    after.get_future().wait();
  }
  if (cancels && *told == asio::error::operation_aborted) {
    check(made.id() == -1, "a cancelled spawn gives a child");
    settle();
    return true;
  }
  check(!*told, "async_spawn", *told);
  place(into, one, std::move(made));
  settle();
  return true;
}

bool sequence::adopt(slot& into, unsigned way)
{
  if (!into.waits.empty())
    return false;
  const auto one = std::make_shared<known_child>();
  const pid_t pid = one->real.fork_and_exec();
  std::error_code ec;
  if (way & 1) {
    one->loop = way / 16 % loop_count;
    async_child made = subprocess::adopt(loop(one->loop).io, pid, ec);
    check(!ec, "adopt", ec);
    place(into, one, std::move(made));
  } else {
    child made = child::adopt(pid, ec);
    check(!ec, "adopt", ec);
    place(into, one, std::move(made));
  }
  return true;
}

bool sequence::fail_to_spawn(unsigned way)
{
  command what = tests::helper({"exit", "0"});
  what.use_launcher(setup_.which);
  std::errc expected = std::errc::no_such_file_or_directory;
  switch (way / 4 % 3) {
  case 0: what = command("/no/such/program"); break;
  case 1: what.current_dir("/no/such/directory"); break;
  default: what.arg(std::string_view("\0", 1)); expected = std::errc::invalid_argument;
  }
  std::error_code ec;
  pid_t id = -1;
  std::atomic<bool> is_told = way % 4 < 2;
  switch (way % 4) {
  case 0: id = subprocess::spawn(what, ec).id(); break;
  case 1: id = subprocess::spawn(loop(way / 16 % loop_count).io, what, ec).id(); break;
  case 2:
    subprocess::async_spawn(loop(way / 16 % loop_count).io, what, [&](std::error_code e, async_child got) {
      ec = e;
      id = got.id();
      is_told = true;
    });
    break;
  default:
    async_run(loop(way / 16 % loop_count).io, what, [&](std::error_code e, exit_status) {
      ec = e;
      is_told = true;
    });
  }
  turn_until("a spawn that fails does not end", [&] { return is_told.load(); });
  check(ec == expected && id == -1, "a spawn that has to fail", ec);
  settle();
  return true;
}

bool sequence::run(unsigned way)
{
  command what = tests::helper({"exit", "3"});
  what.use_launcher(setup_.which);
  std::error_code ec;
  exit_status status;
  std::atomic<bool> is_told = false;
  if (way & 1) {
    async_run(loop(way / 16 % loop_count).io, what, [&](std::error_code e, exit_status s) {
      ec = e;
      status = s;
      is_told = true;
    });
    turn_until("async_run does not end", [&] { return is_told.load(); });
    settle();
  } else
    status = subprocess::run(what, ec);
  check(!ec && status.code() == 3, "run", ec);
  return true;
}

// ---- what the child does ----

bool sequence::order_exit(slot& on, unsigned way)
{
  if (!on.is || !on.is->real.lives() || on.is->is_stopped)
    return false;
  check(on.is->real.exit(static_cast<unsigned char>(way)), "a child does not exit");
  ended(on.is);
  return true;
}

bool sequence::raise(slot& on, unsigned way)
{
  static constexpr int signals[] = {SIGTERM, SIGUSR1, SIGINT, SIGKILL};
  if (!on.is || !on.is->real.lives() || on.is->is_stopped)
    return false;
  check(on.is->real.raise(signals[way % 4]), "a child does not end by its signal");
  ended(on.is);
  return true;
}

bool sequence::steal(slot& on)
{
  if (!has_ended(on.is) || on.is->was_stolen || on.is->end_is != noticed::no || !on.waits.empty())
    return false;
  int raw = 0;
  check(::waitpid(on.is->real.id(), &raw, WNOHANG) == on.is->real.id(), "the child was reaped, and nobody asked");
  on.is->was_stolen = has_thefts_ = true;
  return true;
}

// ---- questions ----

bool sequence::try_wait(slot& on)
{
  if (on.is && on.is->on_loop) {
    const std::optional<exit_status> status = on.on_loop.status();
    check(on.on_loop.report().has_value() == status.has_value() || !is_polled(), "report() and status() differ");
    if (status)
      check(has_ended(on.is) && !on.is->was_stolen && status == on.is->real.end(), "status() is " + to_string(*status));
    else
      check(on.is->end_is != noticed::yes || on.is->was_stolen, "status() is gone");
    if (status) {
      check(on.is->end_is != noticed::no, "status() is there before the loop has turned");
      on.is->end_is = noticed::yes;
    }
    return true;
  }
  std::error_code ec;
  const auto status = on.blocking.try_wait(ec);
  check_status(on.is, status, ec, "try_wait");
  check(on.blocking.report().has_value() == status.has_value(), "report() and try_wait() differ");
  return true;
}

bool sequence::wait(slot& on)
{
  if (on.is && (on.is->on_loop || on.is->real.lives() || !on.waits.empty()))
    return false;
  std::error_code ec;
  const exit_status status = on.blocking.wait(ec);
  check(!on.blocking.stdin_pipe(), "stdin_pipe() is open after wait()");
  check_status(on.is, ec ? std::nullopt : std::optional(status), ec, "wait");
  return true;
}

bool sequence::wait_for(slot& on, unsigned way)
{
  if (on.is && on.is->on_loop)
    return false;
  std::error_code ec;
  const auto status = on.blocking.wait_for(std::chrono::milliseconds(way % 2), ec);
  check_status(on.is, status, ec, "wait_for");
  return true;
}

// By one thread, or by two.
bool sequence::begin_wait(slot& on, unsigned way)
{
  if (!on.is || on.is->on_loop || has_ended(on.is) || !on.waits.empty())
    return false;
  for (unsigned i = 0; i <= way % 2; ++i)
    on.waits.push_back(std::async(std::launch::async, [&one = on.blocking] {
      std::error_code ec;
      return one.wait(ec);
    }));
  return true;
}

void sequence::join_waits(slot& on)
{
  for (auto& one : on.waits) {
    check(one.wait_for(soon) == std::future_status::ready, "wait() does not return");
    check(one.get() == *on.is->real.end(), "wait() gives another status");
  }
  on.waits.clear();
  on.is->end_is = noticed::yes;
}

bool sequence::take_pipes(slot& on, unsigned way)
{
  if (!on.is || on.is->on_loop || !on.is->has_pipes || !on.waits.empty())
    return false;
  unique_fd taken = std::move(way & 1 ? on.blocking.stdin_pipe() : on.blocking.stdout_pipe());
  if (!(way & 1) && taken && has_ended(on.is)) {
    char byte;
    check(::read(taken.get(), &byte, 1) == 0, "the output of a child that has ended has no end");
  }
  return true;
}

bool sequence::take_pidfd(slot& on, unsigned way)
{
  std::error_code ec;
  unique_fd fd = on.is && on.is->on_loop ? on.on_loop.pidfd(ec) : on.blocking.pidfd(ec);
  check(static_cast<bool>(fd) == !ec, "pidfd", ec);
  if (!on.is || !on.is->was_stolen)
    check_refusal(on.is, ec, "pidfd");
  if (fd) {
    check(becomes_readable(fd.get(), std::chrono::seconds(0)) == has_ended(on.is), "a pidfd tells another state");
    if (way & 1)
      taken_.push_back(std::move(fd));
  }
  return true;
}

// ---- signals ----

std::error_code sequence::signal(slot& on, int number)
{
  std::error_code ec;
  if (on.is && on.is->on_loop)
    on.on_loop.send_signal(number, ec);
  else
    on.blocking.send_signal(number, ec);
  return ec;
}

bool sequence::kill(slot& on_slot, unsigned way)
{
  std::error_code ec;
  on(way & 1, [&] { ec = signal(on_slot, SIGKILL); });
  check_refusal(on_slot.is, ec, "kill");
  if (on_slot.is && !has_ended(on_slot.is)) {
    check(on_slot.is->real.ends_as(exit_status(SIGKILL)), "a killed child does not end");
    ended(on_slot.is);
  }
  return true;
}

bool sequence::check_signal(slot& on, unsigned way)
{
  constexpr int no_signal = 999;
  if (way & 1)
    check_refusal(on.is, signal(on, 0), "signal 0");
  else
    check(signal(on, no_signal) == std::errc::invalid_argument, "a signal that does not exist");
  return true;
}

bool sequence::stop_and_go(slot& on, unsigned way)
{
  if (!on.is || has_ended(on.is))
    return false;
  if (!on.is->is_stopped) {
    check_refusal(on.is, signal(on, SIGSTOP), "SIGSTOP");
    check(on.is->real.has_stopped(), "a child does not stop");
    on.is->is_stopped = true;
  }
  if (way & 1)
    return true;
  if (way & 2)
    check_refusal(on.is, signal(on, SIGTERM), "SIGTERM");
  check_refusal(on.is, signal(on, SIGCONT), "SIGCONT");
  on.is->is_stopped = false;
  if (way & 2) {
    check(on.is->real.ends_as(exit_status(SIGTERM)), "a child that goes on does not end by its signal");
    ended(on.is);
  } else
    check(on.is->real.answers(), "a child does not go on");
  return true;
}

bool sequence::stop(slot& on)
{
  if (!on.waits.empty())
    return false;
  if (on.is && on.is->on_loop) {
    waiting& one = new_waiting(on);
    on.on_loop.async_stop(soon,
                          asio::bind_executor(loop(one.loop).strand, [told = one.told, alive = std::make_shared<int>()](
                                                                         std::error_code ec, exit_status status) {
                            told->ec = ec;
                            told->status = status;
                            ++told->calls;
                          }));
    one.alive = {};
    turn_until("async_stop does not end", [&] { return one.told->calls > 0; });
    if (!has_ended(on.is)) {
      check(on.is->real.ends_as(exit_status(SIGTERM)), "a stopped child does not end");
      ended(on.is);
    }
    settle();
    return true;
  }
  std::error_code ec;
  const exit_status status = on.blocking.stop(stop_sequence::gentle(soon), ec);
  if (on.is && !has_ended(on.is)) {
    check(on.is->real.ends_as(exit_status(SIGTERM)), "a stopped child does not end");
    ended(on.is);
  }
  check_status(on.is, ec ? std::nullopt : std::optional(status), ec, "stop");
  return true;
}

// ---- on the loop ----

sequence::waiting& sequence::new_waiting(slot& on)
{
  waiting& one = *waiting_.emplace_back(std::make_unique<waiting>());
  one.loop = on.is->loop;
  one.of = on.is;
  return one;
}

void sequence::begin_async_wait(slot& on, waiting& one)
{
  const auto alive = std::make_shared<int>();
  one.alive = alive;
  on.on_loop.async_wait(asio::bind_cancellation_slot(
      one.cancel->slot(),
      asio::bind_executor(loop(one.loop).strand, [told = one.told, alive](std::error_code ec, exit_status status) {
        told->ec = ec;
        told->status = status;
        ++told->calls;
      })));
}

bool sequence::async_wait(slot& on_slot, unsigned way)
{
  if (!on_slot.is || !on_slot.is->on_loop)
    return false;
  waiting& one = new_waiting(on_slot);
  on(way & 1, [&] { begin_async_wait(on_slot, one); });
  check(!is_polled() || one.told->calls == 0, "a handler is called within the call");
  return true;
}

bool sequence::cancel_wait(unsigned way)
{
  if (waiting_.empty())
    return false;
  waiting& one = *waiting_[way % waiting_.size()];
  if (one.may_be_dropped || one.alive.expired() || one.was_cancelled)
    return false;
  one.was_cancelled = true;
  const bool was_told = one.told->calls > 0;
  std::promise<void> done;
  asio::dispatch(loop(one.loop).strand, [&] {
    one.cancel->emit(asio::cancellation_type::total);
    done.set_value();
  });
  auto is_done = done.get_future();
  turn_until("a cancellation does not end",
             [&] { return is_done.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  turn_until("who is cancelled is not told", [&] { return one.told->calls > 0; });
  check(was_told || has_ended(one.of) || one.told->ec == asio::error::operation_aborted, "a cancelled wait",
        one.told->ec);
  settle();
  return true;
}

bool sequence::detach(slot& on)
{
  if (!on.is || !on.is->on_loop)
    return false;
  on.on_loop.detach();
  on.is->dies_when_dropped = false;
  return true;
}

// ---- objects ----

bool sequence::drop(slot& on)
{
  if (!on.is || !on.waits.empty())
    return false;
  const known before = std::exchange(on.is, nullptr);
  on.blocking = {};
  on.on_loop = {};
  dropped(before);
  return true;
}

bool sequence::move(slot& from, slot& to)
{
  if (!from.waits.empty() || !to.waits.empty())
    return false;
  to.blocking = std::move(from.blocking);
  to.on_loop = std::move(from.on_loop);
  if (&from == &to)
    return true;
  dropped(std::exchange(to.is, std::exchange(from.is, nullptr)));
  std::error_code ec;
  from.on_loop.kill(ec);
  check(ec == std::errc::invalid_argument && from.on_loop.id() == -1, "what was moved from is not empty", ec);
  return true;
}

bool sequence::end_loop(std::size_t which)
{
  if (!loops_[which])
    return false;
  for (slot& one : slots_)
    if (one.is && one.is->on_loop && one.is->loop == which)
      drop(one);
  for (auto& one : waiting_)
    if (one->loop == which)
      one->may_be_dropped = true;
  loops_[which].reset();
  for (const known& one : background_) // Orphans from now on, as those of no loop.
    one->on_loop = one->on_loop && one->loop != which;
  for (const auto& one : waiting_)
    if (one->loop == which)
      check(one->alive.expired(), "a handler outlives its loop");
  return true;
}

// ---- several threads ----

bool sequence::race(slot& on, unsigned way)
{
  if (!on.is || has_ended(on.is) || on.is->is_stopped || !on.waits.empty())
    return false;
  const bool orders = way & 1;
  const bool kills = !orders || way & 2;
  waiting* const first = on.is->on_loop ? &new_waiting(on) : nullptr;
  waiting* const second = on.is->on_loop ? &new_waiting(on) : nullptr;
  std::atomic<int> ready = 0;
  const auto together = [&] {
    for (++ready; ready < 3;)
      std::this_thread::yield();
  };
  std::error_code kill_error, wait_error;
  std::optional<exit_status> seen;
  std::thread ending([&] {
    together();
    if (orders)
      on.is->real.send_exit(5);
    if (kills)
      kill_error = signal(on, SIGKILL);
  });
  std::thread waits([&] {
    together();
    if (first) {
      begin_async_wait(on, *first);
      begin_async_wait(on, *second);
    } else
      seen = on.blocking.wait_for(soon, wait_error);
  });
  together();
  std::optional<exit_status> status;
  turn_until("an end is not seen", [&] {
    std::error_code ec;
    if (way & 4)
      signal(on, 0);
    status = on.is->on_loop ? on.on_loop.status() : on.blocking.try_wait(ec);
    return status.has_value();
  });
  ending.join();
  waits.join();
  const bool is_right = (orders && status->code() == 5) || (kills && !kill_error && status->signal() == SIGKILL);
  check(is_right, "an end that nobody caused: " + to_string(*status));
  check(on.is->real.ends_as(*status), "a status of a child that lives");
  on.is->end_is = noticed::yes;
  if (!on.is->on_loop)
    check(!wait_error && seen == status, "two threads see different ends", wait_error);
  settle();
  return true;
}

// In the copy nothing is ours: it may look, and drop what it has.
int sequence::live_as_copy()
{
  ::alarm(10);
  for (slot& one : slots_) {
    if (!one.is)
      continue;
    const std::error_code ec = signal(one, SIGKILL);
    if (ec != std::errc::invalid_argument)
      return 2;
    std::error_code lost;
    const auto status = one.is->on_loop ? one.on_loop.status() : one.blocking.try_wait(lost);
    const bool is_known = one.is->end_is == noticed::yes && !one.is->was_stolen;
    if (is_known ? status != one.is->real.end() : status && one.is->end_is == noticed::no)
      return 3;
    if (one.waits.empty())
      one.blocking = {};
    if (is_polled())
      one.on_loop = {};
  }
  if (is_polled())
    for (auto& one : loops_)
      one.reset();
  return 0;
}

bool sequence::fork_host()
{
  const pid_t copy = ::fork();
  if (copy == 0)
    ::_exit(live_as_copy());
  int raw = 0;
  check(::waitpid(copy, &raw, 0) == copy, "a copy of the program is gone");
  check(raw == 0, "in a copy of the program: " + to_string(exit_status(raw)));
  for (slot& one : slots_)
    if (one.is && one.is->real.lives() && !one.is->is_stopped)
      check(one.is->real.answers(), "a child does not survive a copy of its parent");
  return true;
}

} // namespace subprocess::tests
