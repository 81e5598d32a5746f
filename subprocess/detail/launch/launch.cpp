#include <subprocess/detail/launch/launch.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include <subprocess/command_settings.hpp>
#include <subprocess/detail/launch/keeper.hpp>
#include <subprocess/detail/launch/low_places.hpp>
#include <subprocess/detail/observation/observed_child.hpp>
#include <subprocess/detail/process/orphans.hpp>
#include <subprocess/detail/streams/pipe.hpp>

#include <subprocess/detail/child/raw_calls.hpp>
#include <subprocess/stdio_target.hpp>

namespace subprocess::detail {
namespace {

// What the kernel, or the sandbox around us, has refused as such; a lack of something
// is no refusal. And how large the descriptor table was when we last got a number of
// it: the lowest free one is always taken first.
std::atomic<bool> sharing_memory_refused = false;
std::atomic<bool> sharing_table_refused = false;
std::atomic<bool> table_is_large = false;
std::atomic<bool> low_places_held = false;

// From here on copying the table takes longer than waiting for a child that need not
// copy it.
constexpr int large_table = 256;

void note_number(int fd) noexcept
{
  if (fd != -1)
    table_is_large.store(fd >= large_table, std::memory_order_relaxed);
}

// Where no number can be so large none has to be kept low, and the program may need all
// that it is allowed. getrlimit(2).
bool may_become_large() noexcept
{
  rlimit number;
  return ::getrlimit(RLIMIT_NOFILE, &number) == -1 || number.rlim_cur > static_cast<rlim_t>(large_table);
}

bool is_refusal(int error) noexcept
{
  return error == ENOSYS || error == EPERM || error == EINVAL;
}

unsigned above_all_sources(const child_plan& plan) noexcept
{
  int highest = std::max({2, plan.outcome, plan.program_fd, plan.options.cgroup});
  for (std::size_t i = 0; i < plan.move_count; ++i)
    highest = std::max(highest, plan.moves[i].source);
  return static_cast<unsigned>(highest) + 1;
}

// The path must mean the same when the program has changed its directory.
kin kin_of(const command::settings& what)
{
  kin relatives{what.makes_group(), {}};
  std::error_code ignored; // Then it stays relative.
  if (const auto* directory = std::get_if<std::string>(&what.process.cgroup))
    relatives.cgroup = std::filesystem::absolute(*directory, ignored).native();
  return relatives;
}

} // namespace

launch::launch(const command& what, const stream_defaults& defaults, spawn_failure& failure)
    : seen_(observed_child::of_launch(what)), plan_(what, defaults, failure)
{
  prepare(failure);
}

launch::launch(std::unique_ptr<command> what, const stream_defaults& defaults, spawn_failure& failure)
    : owned_(std::move(what)), seen_(observed_child::of_launch(*owned_)), plan_(*owned_, defaults, failure)
{
  prepare(failure);
}

void launch::prepare(spawn_failure& failure)
{
  process_ = std::make_shared<process>(kin_of(settings()));
  if (failure)
    return;
  const char* const reason = plan_.reason_for_own_memory();
  if (settings().which == launcher::clone && reason)
    failure = fail(spawn_step::prepare, EINVAL, std::string("launcher clone with ") + reason);
  const bool share = settings().which == launcher::clone ||
                     (settings().which == launcher::automatic && !reason && !sharing_memory_refused);
  used_ = share ? launcher::clone : launcher::fork;
}

launch::~launch()
{
  drop_child();
  give_back_stack(start_.stack);
  free_shared_report(shared_report_);
}

bool launch::is_short() const noexcept
{
  return used_ == launcher::clone && !table_is_large.load(std::memory_order_relaxed);
}

void launch::start(told_by how, std::unique_lock<launch_gate>, spawn_failure& failure)
{
  open_ends(how, failure);
  const bool was_short = is_short();
  int error = failure ? 0 : make(how);
  if (error && used_ == launcher::clone && may_fall_back(error)) {
    used_ = launcher::fork;
    const bool on_loop = how == told_by::pipe || how == told_by::end;
    if (was_short && on_loop)
      return;
    open_ends(how, failure);
    error = failure ? 0 : make(how);
  }
  if (error)
    failure = plan_.fail_to_make(error);
  close_theirs();
}

void launch::open_ends(told_by how, spawn_failure& failure)
{
  if (!is_open_) {
    if (!low_places_held && may_become_large() && !low_places_held.exchange(true))
      low_places::hold();
    failure = plan_.open_ends();
    is_open_ = true;
    for (const unique_fd& end : plan_.ours)
      note_number(end.get());
  }
  const bool needs_pipe = used_ == launcher::fork || how == told_by::pipe;
  if (failure || !needs_pipe || is_piped_)
    return;
  if (const int error = make_pipe(outcome_, outcome_of_child_))
    failure = fail(spawn_step::pipe, error, "outcome");
  is_piped_ = !failure;
  note_number(outcome_.get());
}

int launch::make(told_by how)
{
  if (!start_.stack)
    start_.stack = take_stack();
  if (used_ == launcher::fork && !shared_report_ && !(shared_report_ = make_shared_report()))
    return ENOMEM;
  const int error = make_once(how);
  if (error || !may_not_unshare())
    return error;
  begin_anew();
  return make_once(how);
}

bool launch::may_not_unshare() const noexcept
{
  return for_child_.shares_table && report().is_released() && report().failure.step == spawn_step::fork &&
         is_refusal(report().failure.error);
}

void launch::begin_anew()
{
  sharing_table_refused = true;
  end_child();
  process_ = std::make_shared<process>(kin_of(settings()));
}

// But for the standard streams that are inherited: who changes those while another
// thread launches cannot know which the child gets, table shared or not.
bool launch::needs_nothing_of_ours() const noexcept
{
  return for_child_.move_count == 0 && for_child_.outcome == -1 && for_child_.program_fd == -1;
}

int launch::make_once(told_by how)
{
  for_child_ = plan_.for_child(moves_);
  for_child_.outcome = outcome_of_child_.get();
  if (for_child_.hook_count)
    for_child_.outcome_pipe = raw::identity_of(for_child_.outcome);
  // Then it may share the table for as long as it likes, since we close nothing meanwhile
  // that it needs; and if it may not stop sharing, wait() finds that out.
  const bool nobody_waits = how == told_by::waiting && needs_nothing_of_ours();
  // A child that is born into a frozen cgroup would never end the sharing.
  for_child_.shares_table = (table_is_large || nobody_waits) && !sharing_table_refused &&
                            for_child_.options.cgroup == -1 && !settings().keep_all_fds && settings().hooks.empty();
  for_child_.tells_of_own_table = !nobody_waits;
  for_child_.options.is_awaited = for_child_.opens_files && how == told_by::waiting;
  if (for_child_.options.is_awaited)
    for_child_.options.parent = ::getpid();
  std::optional<low_places> places;
  if (for_child_.shares_table)
    places.emplace(for_child_);
  for_child_.above_sources = above_all_sources(for_child_);

  child_report& told = report();
  told.failure = no_failure;
  told.at = child_report::preparing;
  told.is_robust = false;
  told.table_is_own = 0;
  told.word = child_report::unreleased;
  start_.plan = &for_child_;
  start_.report = &told;

  made_process made;
  const process_maker maker = used_ == launcher::clone ? make_sharing : make_copy;
  const int error = for_child_.options.dies_with_program ? make_by_keeper(maker, start_, made) : maker(start_, made);
  if (error) {
    told.word = 0;
    return error;
  }
  note_number(made.pidfd.get());
  process_->begin(made.pid, std::move(made.pidfd));
  if (for_child_.shares_table && !nobody_waits) // fork() shares none.
    await_own_table();
  return 0;
}

// While it is shared, what the parent closes is closed in the child too.
void launch::await_own_table() noexcept
{
  child_report& told = report();
  while (told.table_is_own == 0 && !told.is_released()) {
    wait_for_change(told.table_is_own, 0, tick);
    if (told.table_is_own == 0)
      nudge();
  }
}

// It is no refusal of ours when the command asked for something that is refused.
bool launch::may_fall_back(int error) noexcept
{
  if (!is_refusal(error))
    return false;
  sharing_memory_refused = true;
  return settings().which == launcher::automatic;
}

void launch::kill() noexcept
{
  if (has_child())
    process_->signal(SIGKILL);
}

void launch::tell_failed(const spawn_failure& failure) const noexcept
{
  if (seen_)
    seen_->failed(failure);
}

child_parts launch::take() noexcept
{
  is_taken_ = true;
  if (seen_) {
    process_->observe(seen_);
    seen_->started(process_->id(), used_);
  }
  child_parts parts;
  parts.handle = process_;
  std::ranges::move(plan_.ours, parts.pipes);
  parts.used = used_;
  parts.kill_on_destroy = settings().kill_on_destroy;
  return parts;
}

// What the command itself owns goes too: its reader waits for the end.
void launch::close_theirs() noexcept
{
  plan_.close_theirs();
  outcome_of_child_.reset();
  if (!owned_)
    return;
  const auto is_owned = [&](int stream) {
    const auto& choice = settings().streams[stream];
    const auto* given = choice ? std::get_if<stdio::descriptor>(&choice->get()) : nullptr;
    return given && given->owner;
  };
  if (is_owned(0))
    owned_->stdin_from(stdio::inherit());
  if (is_owned(1))
    owned_->stdout_to(stdio::inherit());
  if (is_owned(2))
    owned_->stderr_to(stdio::inherit());
}

// Its context has ended before the launch; where something was told already, this is not.
void launch::tell_abandoned() const noexcept
{
  if (seen_)
    seen_->failed({{ECANCELED, std::system_category()}, spawn_step::prepare, {}, {}});
}

// Nobody will take it. In a fork of the program it is not ours.
void launch::drop_child() noexcept
{
  if (!process_ || is_taken_ || !has_child() || !process_->is_parent())
    return;
  kill();
  adopt_orphan(std::exchange(process_, nullptr));
}

// Its memory, that is: the table of descriptors is its own by now.
bool launch::is_in_use() const noexcept
{
  return used_ == launcher::clone && !own_report_.is_released();
}

} // namespace subprocess::detail
