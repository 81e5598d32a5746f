#include <asio_integration/detail/pool/pool_process.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <asio/error.hpp>

#include <cerrno>
#include <string>
#include <utility>

#include <asio_integration/detail/pool/pool_supervisor.hpp>

namespace subprocess::detail {

// What happens to a worker's process, told to the machine.

namespace {

// What is told of one line of stderr at most.
constexpr std::size_t longest_error_line = 4096;

// What is still read of it when the worker has ended; others may go on writing.
constexpr int most_last_reads = 16;

// As Asio does for its own reads and writes.
void make_non_blocking(stream_ends<asio::any_io_executor>& ends)
{
  ends.for_each_open([](auto& end) {
    std::error_code ignored;
    end.native_non_blocking(true, ignored);
  });
}

bool has_input(int fd)
{
  int waiting = 0;
  return ::ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0;
}

} // namespace

pool_process::pool_process(std::shared_ptr<pool_supervisor> pool, worker_id worker, asio::execution_context& context,
                           stop_sequence sequence)
    : owner(std::move(pool)), id(worker), stop(std::move(sequence)),
      spawned(context, [](pool_process& self, std::size_t, std::error_code ec,
                          async_child child) { self.owner->spawned(self, ec, std::move(child)); }),
      exited(context, [](pool_process& self, std::size_t, std::error_code,
                         exit_status status) { self.owner->exited(self, status); }),
      stopped(context, [](pool_process& self, std::size_t, std::error_code ec,
                          exit_status) { self.owner->stop_ended(self, ec); }),
      errors({.longest = longest_error_line})
{
}

void pool_supervisor::spawned(pool_process& process, std::error_code ec, async_child child)
{
  if (ec) {
    if (ec != asio::error::operation_aborted)
      last_failure_ = std::move(process.failure);
    forget(process);
    sort_out_held();
    if (!has_failed_)
      machine_.spawn_failed(process.id, {ec.value(), std::system_category()}, now(), random());
    return;
  }
  // Nothing takes memory until its end is waited for.
  process.tracked = child.tracked();
  process.link->child = std::move(child);
  auto& waiting = process.exited.expected_by(process.shared_from_this());
  if (const auto end = process.tracked.reaper().wait(*process.tracked.handle(), waiting))
    waiting.complete(end->error, end->status);
  if (has_failed_)
    return kill(process.shared_from_this());
  make_non_blocking(*process.link->child.ends());
  await_errors(process);
  machine_.spawned(process.id, process.tracked->id(), now(), random());
  sort_out_held();
  if (options_.ready.by() == readiness::sign::line)
    await_ready_line(process);
  to_watch_.push_back(process.shared_from_this());
}

void pool_supervisor::exited(pool_process& process, exit_status status)
{
  if (process.is_gone)
    return;
  if (!has_failed_)
    read_notify(); // Its last words come first.
  for (int i = 0; i < most_last_reads && read_errors(process); ++i) {
  }
  std::string last;
  if (process.errors.take_last(last))
    publish({.kind = pool_event_kind::output,
             .slot = process.id.slot,
             .worker = process.id.number,
             .pid = process.tracked->id(),
             .text = std::move(last)});
  forget(process);
  if (!has_failed_)
    machine_.ended(process.id, status, now(), random());
}

// Its end is told by exited().
void pool_supervisor::stop_ended(pool_process& process, std::error_code ec)
{
  if (process.is_gone || !ec)
    return;
  if (ec == std::errc::operation_not_permitted)
    give_up(process, ec);
  else // For example, a stop of a group that the library did not make.
    kill(process.shared_from_this());
}

// It may not be signalled. It ends by itself, and is reaped in the background.
void pool_supervisor::give_up(pool_process& process, std::error_code ec)
{
  if (process.is_gone)
    return;
  const process_pointer keep = process.shared_from_this();
  forget(process);
  if (const auto stopping = process.stopping.lock())
    stopping->cancel(asio::cancellation_type::terminal);
  if (process.tracked.reaper().remove(*process.tracked.handle(), process.exited.id))
    process.exited.abandon();
  if (!has_failed_)
    machine_.stop_failed(process.id, ec, now(), random());
}

void pool_supervisor::forget(pool_process& process)
{
  process.is_gone = true;
  stop_watching(process);
  stop_reading(process);
  processes_.erase(process.id.number);
}

// Others may hold its streams for longer. A wait for what they write would hold the loop,
// and the streams. One that was never started has none, and to ask an empty child for
// them takes descriptors.
void pool_supervisor::stop_reading(pool_process& process)
{
  if (!process.tracked)
    return;
  std::error_code ignored;
  async_child& child = process.link->child;
  if (child.stderr_pipe().is_open())
    child.stderr_pipe().cancel(ignored);
  if (std::exchange(process.is_awaiting_line, false))
    child.stdout_pipe().cancel(ignored);
}

void pool_supervisor::became_ready(pool_process& process)
{
  machine_.ready(process.id, now());
  to_watch_.push_back(process.shared_from_this());
}

// What an idle worker writes would be taken for the next answer.
bool pool_supervisor::is_to_watch(pool_process& process)
{
  return !process.is_leased && !process.is_stopping && !process.is_gone && !process.is_watched &&
         process.link->child.stdout_pipe().is_open() && machine_.is_idle(process.id);
}

// To begin and to end it costs more than a turn of the loop, by which a busy worker is
// leased again.
void pool_supervisor::watch_soon()
{
  std::erase_if(to_watch_, [this](const process_pointer& process) { return !is_to_watch(*process); });
  if (to_watch_.empty() || std::exchange(is_watch_posted_, true))
    return;
  watch_task_.expected_by(shared_from_this()).complete();
}

void pool_supervisor::watch_all()
{
  is_watch_posted_ = false;
  for (const process_pointer& process : to_watch_)
    if (is_to_watch(*process))
      watch(*process);
  to_watch_.clear();
}

void pool_supervisor::watch(pool_process& process)
{
  process.is_watched = true;
  const auto wrote = [mine = ++process.watch](pool_process& self, std::error_code) {
    self.owner->wrote_unasked(self, mine);
  };
  auto& out = process.link->child.stdout_pipe();
  out.async_wait(out.wait_read, process_step(process.shared_from_this(), loop_executor(context()), wrote));
}

void pool_supervisor::stop_watching(pool_process& process)
{
  if (!std::exchange(process.is_watched, false))
    return;
  std::error_code ignored;
  process.link->child.stdout_pipe().cancel(ignored);
}

// Its end is told by exited().
void pool_supervisor::wrote_unasked(pool_process& process, unsigned watch)
{
  if (process.watch != watch || !std::exchange(process.is_watched, false) || has_failed_)
    return;
  if (has_input(process.link->child.stdout_pipe().native_handle()))
    machine_.misbehaved(process.id);
}

void pool_supervisor::await_ready_line(pool_process& process)
{
  auto& out = process.link->child.stdout_pipe();
  if (!out.is_open())
    return;
  process.is_awaiting_line = true;
  const auto wrote = [](pool_process& self, std::error_code) { self.owner->read_ready_line(self); };
  out.async_wait(out.wait_read, process_step(process.shared_from_this(), loop_executor(context()), wrote));
}

void pool_supervisor::read_ready_line(pool_process& process)
{
  process.is_awaiting_line = false;
  if (process.is_gone || process.is_stopping || has_failed_)
    return;
  answer_buffer& unread = process.link->unread;
  const auto room = unread.room();
  const ssize_t got = ::read(process.link->child.stdout_pipe().native_handle(), room.data(), room.size());
  const int error = got == -1 ? errno : 0;
  if (got == 0 || (error && error != EAGAIN && error != EINTR))
    return; // It never will say it.
  unread.add(got > 0 ? static_cast<std::size_t>(got) : 0);
  std::string line;
  const auto found = unread.next(answer_shape::line, options_.longest_line, line);
  if (found == answer_buffer::result::more)
    return await_ready_line(process);
  if (found == answer_buffer::result::too_long || line != options_.ready.expected_line() || !unread.is_empty())
    return machine_.misbehaved(process.id);
  became_ready(process);
}

void pool_supervisor::await_errors(pool_process& process)
{
  auto& err = process.link->child.stderr_pipe();
  if (!err.is_open())
    return;
  const auto wrote = [](pool_process& self, std::error_code) {
    if (!self.is_gone && self.owner->read_errors(self))
      self.owner->await_errors(self);
  };
  err.async_wait(err.wait_read, process_step(process.shared_from_this(), loop_executor(context()), wrote));
}

/// Once. False at its end, or when there is nothing now and the worker has ended.
bool pool_supervisor::read_errors(pool_process& process)
{
  auto& err = process.link->child.stderr_pipe();
  if (!err.is_open())
    return false;
  const auto room = process.errors.room();
  const ssize_t got = ::read(err.native_handle(), room.data(), room.size());
  const int error = got == -1 ? errno : 0;
  if (error == EAGAIN || error == EINTR)
    return process.tracked->current() == process::state::running;
  if (got <= 0)
    return false;
  process.errors.add(static_cast<std::size_t>(got));
  tell_error_lines(process);
  return true;
}

void pool_supervisor::tell_error_lines(pool_process& process)
{
  std::string line;
  while (process.errors.next(line) != line_buffer::result::more)
    publish({.kind = pool_event_kind::output,
             .slot = process.id.slot,
             .worker = process.id.number,
             .pid = process.tracked->id(),
             .text = std::exchange(line, {})});
}

} // namespace subprocess::detail
