#include <subprocess/child.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <subprocess/detail/launch/child_parts.hpp>
#include <subprocess/detail/or_throw.hpp>
#include <subprocess/detail/process/orphans.hpp>
#include <subprocess/detail/process/stop_by.hpp>
#include <subprocess/detail/streams/pty.hpp>
#include <subprocess/detail/process/wait_until.hpp>

namespace subprocess {
namespace {

const std::error_code no_child{EINVAL, std::system_category()};

} // namespace

child::child(detail::child_parts parts) noexcept
    : process_(std::move(parts.handle)), pipes_{std::move(parts.pipes[0]), std::move(parts.pipes[1]),
                                                std::move(parts.pipes[2]), std::move(parts.pipes[3])},
      launcher_(parts.used), kill_on_destroy_(parts.kill_on_destroy.value_or(false))
{
}

child child::adopt(pid_t pid, std::error_code& ec)
{
  detail::child_parts parts;
  parts.handle = detail::process::adopt(pid, ec);
  return ec ? child() : child(std::move(parts));
}

child child::adopt(pid_t pid)
{
  return detail::or_throw("adopt", [&](std::error_code& ec) { return adopt(pid, ec); });
}

child& child::operator=(child&& other) noexcept
{
  if (this == &other)
    return *this;
  drop();
  process_ = std::move(other.process_);
  std::ranges::move(other.pipes_, pipes_);
  launcher_ = other.launcher_;
  kill_on_destroy_ = other.kill_on_destroy_;
  return *this;
}

child::~child()
{
  drop();
}

void child::drop() noexcept
{
  if (!process_)
    return;
  if (kill_on_destroy_ && process_->is_parent())
    process_->signal(SIGKILL);
  detail::adopt_orphan(std::move(process_));
}

pid_t child::id() const noexcept
{
  return process_ ? process_->id() : -1;
}

unique_fd child::pidfd(std::error_code& ec) const noexcept
{
  ec = no_child;
  return process_ ? process_->duplicate_pidfd(ec) : unique_fd();
}

unique_fd child::pidfd() const
{
  return detail::or_throw("pidfd", [&](std::error_code& ec) { return pidfd(ec); });
}

exit_status child::wait(std::error_code& ec) noexcept
{
  ec = no_child;
  if (!process_)
    return {};
  process_->take(pipes_[0]).reset(); // Closed behind the lock.
  ec = detail::error_of(process_->reap());
  return process_->status();
}

std::optional<exit_status> child::try_wait(std::error_code& ec) noexcept
{
  ec = no_child;
  if (!process_)
    return std::nullopt;
  const auto state = process_->try_reap();
  ec = detail::error_of(state);
  if (state != detail::process::state::ended)
    return std::nullopt;
  return process_->status();
}

std::optional<exit_status> child::wait_for(std::chrono::nanoseconds limit, std::error_code& ec) noexcept
{
  if (auto status = try_wait(ec); status || ec)
    return status;
  detail::wait_until_ended(*process_, limit);
  return try_wait(ec);
}

std::optional<child_change> child::try_wait_change(std::error_code& ec) noexcept
{
  ec = no_child;
  if (!process_)
    return std::nullopt;
  if (const auto change = process_->take_change()) {
    ec.clear();
    return change;
  }
  const auto status = try_wait(ec);
  return status ? std::optional(child_change{child_event::ended, 0, *status}) : std::nullopt;
}

child_change child::wait_change(std::error_code& ec) noexcept
{
  for (;;) {
    if (const auto change = try_wait_change(ec); change || ec)
      return change.value_or(child_change());
    ec = process_->wait_for_change();
    if (ec)
      return {};
  }
}

void child::send_signal(int signal, std::error_code& ec) noexcept
{
  ec = process_ ? process_->signal(signal) : no_child;
}

std::optional<exit_report> child::report() const noexcept
{
  return process_ ? process_->report() : std::nullopt;
}

void child::resize_pty(window_size size, std::error_code& ec) noexcept
{
  ec.assign(pty() ? detail::set_window_size(pty().get(), size) : EINVAL, std::system_category());
}

void child::resize_pty(window_size size)
{
  detail::or_throw("resize_pty", [&](std::error_code& ec) { resize_pty(size, ec); });
}

void child::kill_group(int signal, std::error_code& ec) noexcept
{
  ec = process_ ? process_->signal_group(signal) : no_child;
}

void child::kill_tree(std::error_code& ec)
{
  ec = process_ ? process_->kill_tree() : no_child;
}

exit_status child::stop(const stop_sequence& sequence, std::error_code& ec) noexcept
{
  ec = no_child;
  if (!process_)
    return {};
  ec = detail::stop_by(process_, sequence, [this](std::chrono::nanoseconds grace) {
    std::error_code lost;
    return wait_for(grace, lost) || lost;
  });
  return process_->status();
}

exit_status child::stop(const stop_sequence& sequence)
{
  return detail::or_throw("stop", [&](std::error_code& ec) { return stop(sequence, ec); });
}

void child::kill_tree()
{
  detail::or_throw("kill_tree", [&](std::error_code& ec) { kill_tree(ec); });
}

void child::kill_group(int signal)
{
  detail::or_throw("kill_group", [&](std::error_code& ec) { kill_group(signal, ec); });
}

exit_status child::wait()
{
  return detail::or_throw("wait", [&](std::error_code& ec) { return wait(ec); });
}

std::optional<exit_status> child::try_wait()
{
  return detail::or_throw("try_wait", [&](std::error_code& ec) { return try_wait(ec); });
}

child_change child::wait_change()
{
  return detail::or_throw("wait_change", [&](std::error_code& ec) { return wait_change(ec); });
}

std::optional<child_change> child::try_wait_change()
{
  return detail::or_throw("try_wait_change", [&](std::error_code& ec) { return try_wait_change(ec); });
}

std::optional<exit_status> child::wait_for(std::chrono::nanoseconds limit)
{
  return detail::or_throw("wait_for", [&](std::error_code& ec) { return wait_for(limit, ec); });
}

void child::kill()
{
  detail::or_throw("kill", [&](std::error_code& ec) { kill(ec); });
}

void child::send_signal(int signal)
{
  detail::or_throw("send_signal", [&](std::error_code& ec) { send_signal(signal, ec); });
}

} // namespace subprocess
