#include <asio_integration/reaper.hpp>

#include <cerrno>
#include <ostream>

#include <asio_integration/detail/asio_internals.hpp>
#include <asio_integration/detail/reaper/reaper_core.hpp>
#include <subprocess/detail/process/own_pid.hpp>
#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess {
namespace detail {
namespace {

/// Ends the reaper with its context. Services end in the reverse order of their
/// making, and this one is made after all that the reaper's source uses: Asio's
/// handler of SIGCHLD must not be left when the pipe that it writes to goes, or
/// a child's end at that moment is a SIGPIPE for the program.
class reaper_end final : public asio::execution_context::service {
public:
  using key_type = reaper_end;
  static inline asio::execution_context::id id;

  explicit reaper_end(asio::execution_context& context) : asio::execution_context::service(context) {}

  std::shared_ptr<reaper_core> core;

private:
  // In a fork of the program the source may only go when Asio's own services have
  // ended and touch nothing any more.
  void shutdown() override
  {
    if (owner_ != own_pid())
      end_reactor(context());
    else if (core)
      core->shut_down();
  }

  void notify_fork(asio::execution_context::fork_event event) override;

  pid_t owner_ = own_pid();
};

class reaper_service final : public asio::execution_context::service {
public:
  using key_type = reaper_service;
  static inline asio::execution_context::id id;

  explicit reaper_service(asio::execution_context& context) : asio::execution_context::service(context) {}

  std::shared_ptr<reaper_core> core()
  {
    const std::lock_guard lock(mutex_);
    if (!core_) {
      const standard_numbers not_for_asio;
      const loop_executor own(context());
      auto made = std::make_shared<reaper_core>(own, make_source(own));
      asio::use_service<reaper_end>(context()).core = made;
      made->start();
      core_ = std::move(made);
    }
    return core_;
  }

  /// In a fork of the program that goes on with the context.
  void forked()
  {
    const standard_numbers not_for_asio;
    core_->forked(make_source(loop_executor(context())));
  }

  std::error_code choose(reaper_source source)
  {
    const std::lock_guard lock(mutex_);
    if (resolve(source) != reaper_source::sigchld && resolve(source) != native_source())
      return {ENOSYS, std::system_category()};
    if (core_ && core_->kind() != resolve(source))
      return {EBUSY, std::system_category()};
    chosen_ = source;
    return {};
  }

  reaper_source in_use()
  {
    const std::lock_guard lock(mutex_);
    return core_ ? core_->kind() : resolve(chosen_);
  }

private:
  void shutdown() override
  {
    if (core_)
      core_->shut_down();
  }

  static reaper_source resolve(reaper_source source)
  {
    return source == reaper_source::automatic ? native_source() : source;
  }

  std::unique_ptr<wake_source> make_source(const loop_executor& executor)
  {
    if (resolve(chosen_) == reaper_source::sigchld)
      return make_sigchld_source(executor);
    return make_native_source(executor);
  }

  std::mutex mutex_;
  reaper_source chosen_ = reaper_source::automatic;
  std::shared_ptr<reaper_core> core_;
};

// The copy ends the context as its own from now on. Services are told in the order of
// their making, so Asio's reactor has an epoll set of the copy's own by now; the reaper
// gets one too, or the copy would take the parent's events. What that throws leaves the
// program's notify_fork(), as of Asio's own services.
void reaper_end::notify_fork(asio::execution_context::fork_event event)
{
  if (event == asio::execution_context::fork_prepare && core && owner_ == own_pid())
    core->before_fork();
  if (event != asio::execution_context::fork_child)
    return;
  owner_ = own_pid();
  asio::use_service<reaper_service>(context()).forked();
}

} // namespace

std::shared_ptr<reaper_core> reaper_core::of(const asio::any_io_executor& executor, std::error_code& ec)
{
  return of(asio::query(executor, asio::execution::context), ec);
}

std::shared_ptr<reaper_core> reaper_core::of(asio::execution_context& context, std::error_code& ec)
{
  try {
    ec.clear();
    return asio::use_service<reaper_service>(context).core();
  } catch (const std::system_error& error) {                 // No descriptor to be had, or no thread.
    ec.assign(error.code().value(), std::system_category()); // Asio has a category of its own.
    return nullptr;
  }
}

} // namespace detail

std::string_view to_string(reaper_source source) noexcept
{
  switch (source) {
  case reaper_source::automatic: return "automatic";
  case reaper_source::sigchld: return "sigchld";
  case reaper_source::pidfd: return "pidfd";
  case reaper_source::kqueue: return "kqueue";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, reaper_source source)
{
  return out << to_string(source);
}

void use_reaper(asio::execution_context& context, reaper_source source, std::error_code& ec)
{
  ec = asio::use_service<detail::reaper_service>(context).choose(source);
}

void use_reaper(asio::execution_context& context, reaper_source source)
{
  std::error_code ec;
  use_reaper(context, source, ec);
  if (ec)
    throw std::system_error(ec, "use_reaper");
}

reaper_source reaper_in_use(asio::execution_context& context)
{
  return asio::use_service<detail::reaper_service>(context).in_use();
}

} // namespace subprocess
