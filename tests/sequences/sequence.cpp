#include "sequence.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <asio_integration/reaper.hpp>
#include <subprocess/spawn.hpp>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {
namespace {

std::string text_now;

/// Pidfds of processes that are reaped: the kernel says -1 for their number.
std::set<int> pidfds_of_the_reaped()
{
  std::set<int> found;
  for (const int fd : open_descriptors()) {
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd));
    for (std::string line; std::getline(info, line);)
      if (line == "Pid:\t-1")
        found.insert(fd);
  }
  return found;
}

} // namespace

const char* sequence_now() noexcept
{
  return text_now.c_str();
}

sequence_result run_sequence(const sequence_setup& setup, const std::vector<step>& steps)
{
  sequence_result found;
  text_now = to_string(setup);
  try {
    sequence one(setup);
    for (const step& next : steps) {
      text_now += "\n  " + to_string(next);
      found.done.push_back(to_string(next));
      if (!one.make(next))
        found.done.pop_back();
    }
    text_now += "\n  the end";
    found.done.push_back("the end");
    one.finish();
  } catch (const wrong& what) {
    found.fault = what.what();
  }
  return found;
}

sequence::running_loop::running_loop(const sequence_setup& setup)
{
  use_reaper(io, setup.source);
  for (unsigned i = 0; i < setup.threads; ++i)
    threads.emplace_back([this] { io.run(); });
}

sequence::running_loop::~running_loop()
{
  io.stop();
  for (std::thread& one : threads)
    one.join();
}

sequence::sequence(const sequence_setup& setup) : setup_(setup), descriptors_(open_descriptors())
{
}

sequence::~sequence()
{
  for (const pid_t pid : children())
    ::kill(pid, SIGKILL);
  for (slot& one : slots_) {
    one.waits.clear();
    one.blocking = {};
    one.on_loop = {};
  }
  for (auto& one : loops_)
    one.reset();
  for (const pid_t pid : children())
    ::waitpid(pid, nullptr, 0);
  std::error_code ignored;
  subprocess::run(tests::helper({"exit", "0"}), ignored); // Orphans keep their pidfds until then.
}

void sequence::check(bool right, const std::string& what, std::error_code ec)
{
  if (!right)
    throw wrong(what + (ec ? ": " + ec.message() : ""));
}

sequence::running_loop& sequence::loop(std::size_t index)
{
  if (!loops_[index])
    loops_[index] = std::make_unique<running_loop>(setup_);
  return *loops_[index];
}

void sequence::poll_loops()
{
  if (is_polled())
    for (auto& one : loops_)
      if (one)
        one->io.poll();
}

// ---- the model ----

void sequence::ended(const known& one)
{
  one->is_stopped = false;
  if (one->on_loop && !is_polled())
    one->end_is = noticed::maybe;
}

void sequence::check_refusal(const known& one, std::error_code ec, const std::string& what)
{
  const bool is_refused = ec == std::errc::invalid_argument;
  check(is_refused || !ec, what, ec);
  if (!one || one->end_is == noticed::yes || one->was_stolen)
    check(is_refused, what + " is not refused");
  else if (!has_ended(one) || one->end_is == noticed::no)
    check(!is_refused, what + " is refused");
  if (has_ended(one) && is_refused)
    one->end_is = noticed::yes;
}

void sequence::check_status(const known& one, const std::optional<exit_status>& status, std::error_code ec,
                            const std::string& what)
{
  if (!one)
    check(ec == std::errc::invalid_argument && !status, what + " of nothing", ec);
  else if (!has_ended(one))
    check(!ec && !status, what + " of a child that runs", ec);
  else if (one->was_stolen)
    check(ec == std::errc::no_child_process && !status, what + " of a child that was stolen", ec);
  else
    check(!ec && status == one->real.end(),
          what + " gives " + (status ? to_string(*status) : "nothing") + " for " + to_string(*one->real.end()), ec);
  if (has_ended(one))
    one->end_is = noticed::yes;
}

void sequence::check_told(waiting& one)
{
  const bool is_gone = one.alive.expired(); // First: a thread may call it meanwhile, and free it then.
  const int calls = one.told->calls;
  check(calls <= 1, "a handler was called twice");
  if (calls == 0) {
    check(!is_gone || one.may_be_dropped, "a handler was dropped uncalled");
    return;
  }
  if (std::exchange(one.was_checked, true))
    return;
  if (one.was_cancelled && one.told->ec == asio::error::operation_aborted)
    return;
  check(!one.of || has_ended(one.of), "a handler was called while its child runs", one.told->ec);
  const std::optional<exit_status> status = one.told->ec ? std::nullopt : std::optional<exit_status>(one.told->status);
  check_status(one.of, status, one.told->ec, "async_wait");
}

void sequence::check_slot(slot& one)
{
  const pid_t id = one.is && one.is->on_loop ? one.on_loop.id() : one.blocking.id();
  check(id == (one.is ? one.is->real.id() : -1), "id() is another");
  if (has_ended(one.is) && !one.waits.empty())
    join_waits(one);
  if (one.is && one.is->end_is == noticed::yes)
    try_wait(one); // It stays what it was.
}

void sequence::check_pidfds()
{
  if (has_thefts_) // Of which the library need not know yet.
    return;
  std::set<int> ours = descriptors_; // What an earlier sequence has left is told of that.
  for (const unique_fd& fd : taken_)
    ours.insert(fd.get());
  const auto none_is_left = [&] {
    for (const int fd : pidfds_of_the_reaped())
      if (!ours.contains(fd))
        return false;
    return true;
  };
  check(eventually(none_is_left, is_polled() ? std::chrono::seconds(0) : soon),
        "a pidfd of a reaped child is left open");
}

void sequence::check_all()
{
  for (auto& one : waiting_)
    check_told(*one);
  for (slot& one : slots_)
    check_slot(one);
  check_pidfds();
}

// What has ended is noticed by its loop, and who waits is told.
void sequence::settle()
{
  poll_loops();
  for (slot& one : slots_)
    if (one.is && one.is->on_loop && has_ended(one.is)) {
      if (!one.is->was_stolen)
        turn_until("an end is not noticed", [&] { return one.on_loop.status().has_value(); });
      else
        turn_until("a theft is not noticed", [&] { return !is_our_child(one.is->real.id()); });
    }
  for (auto& one : waiting_)
    if ((!one->of || has_ended(one->of)) && !one->may_be_dropped)
      turn_until("who waits is not told", [&] { return one->told->calls > 0; });
  for (slot& one : slots_)
    if (one.is && one.is->on_loop && has_ended(one.is))
      one.is->end_is = one.is->was_stolen ? noticed::maybe : noticed::yes;
  for (const known& one : background_)
    if (one->on_loop && loops_[one->loop] && has_ended(one))
      turn_until("what was dropped is not reaped", [&] { return !is_our_child(one->real.id()); });
}

// The object is gone; whether the child is depends.
void sequence::dropped(const known& one)
{
  if (!one)
    return;
  const bool had_ended = has_ended(one);
  if (!had_ended && one->dies_when_dropped) {
    check(one->real.ends_as(exit_status(SIGKILL)), "a child outlives its object");
    ended(one);
  } else if (!had_ended && !one->is_stopped) {
    check(one->real.answers(), "a child dies with its object");
  }
  if (had_ended && !one->on_loop)
    check(!is_our_child(one->real.id()), "what has ended is a zombie when its object goes");
  background_.push_back(one);
}

bool sequence::make(const step& next)
{
  const bool was_made = make_on(slots_[next.slot % slot_count], next);
  if (was_made)
    check_all();
  return was_made;
}

void sequence::finish()
{
  const auto let_go = [&](const known& one) {
    if (!one || has_ended(one))
      return;
    if (one->is_stopped) {
      ::kill(one->real.id(), SIGKILL);
      check(one->real.ends_as(exit_status(SIGKILL)), "a stopped child cannot be killed");
    } else
      check(one->real.let_go(), "a child does not end at the end of its orders");
    ended(one);
  };
  for (slot& one : slots_)
    let_go(one.is);
  for (const known& one : background_)
    let_go(one);
  settle();
  check_all();
  for (auto& one : waiting_)
    check(one->told->calls == 1 || one->may_be_dropped, "a handler was never called");
  for (slot& one : slots_)
    drop(one);
  settle();
  taken_.clear();
  background_.clear();
  for (auto& one : loops_)
    one.reset();
  for (auto& one : waiting_)
    check(one->alive.expired(), "a handler is kept");
  waiting_.clear();
  subprocess::run(tests::helper({"exit", "0"})); // Takes what was dropped.
  check(eventually([] { return !has_children(); }, soon), "a child is left");
  if (!eventually([&] { return open_descriptors() == descriptors_; }, soon)) {
    std::string text;
    for (const int fd : open_descriptors())
      text += descriptors_.contains(fd)
                  ? ""
                  : ' ' + std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).string();
    check(false, "descriptors are left:" + text);
  }
}

} // namespace subprocess::tests
