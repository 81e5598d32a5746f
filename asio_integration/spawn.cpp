#include <asio_integration/spawn.hpp>

#include <utility>

#include <asio_integration/detail/launch/start_child.hpp>
#include <asio_integration/detail/reaper/reaper_core.hpp>

namespace subprocess {

async_child spawn(event_loop loop, const command& what, spawn_failure& failure)
{
  return detail::start_child(loop.get_executor(), what, detail::stream_defaults::inherit(), failure);
}

async_child spawn(event_loop loop, const command& what, std::error_code& ec)
{
  spawn_failure failure;
  async_child started = spawn(std::move(loop), what, failure);
  ec = failure.code;
  return started;
}

async_child spawn(event_loop loop, const command& what)
{
  spawn_failure failure;
  async_child started = spawn(std::move(loop), what, failure);
  if (failure)
    throw spawn_error(std::move(failure));
  return started;
}

async_child adopt(event_loop loop, pid_t pid, std::error_code& ec)
{
  const auto reaper = detail::reaper_core::of(loop.get_executor(), ec);
  if (ec)
    return detail::no_child(loop.get_executor());
  detail::reap_table::place room = detail::reap_table::make_place();
  auto taken = detail::process::adopt(pid, ec);
  if (ec)
    return detail::no_child(loop.get_executor());
  reaper->track(std::move(room), taken);
  return async_child(detail::tracked_child(std::move(taken), reaper),
                     detail::child_pipes<asio::any_io_executor>(loop.get_executor()), launcher::automatic, false);
}

async_child adopt(event_loop loop, pid_t pid)
{
  return detail::or_throw("adopt", [&](std::error_code& ec) { return adopt(std::move(loop), pid, ec); });
}

} // namespace subprocess
