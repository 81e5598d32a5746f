#include <asio_integration/detail/launch/start_child.hpp>

#include <utility>

#include <asio_integration/detail/reaper/reap_table.hpp>
#include <asio_integration/detail/reaper/reaper_core.hpp>
#include <subprocess/command_settings.hpp>

namespace subprocess::detail {

async_child no_child(const asio::any_io_executor& executor) noexcept
{
  return async_child({}, child_pipes<asio::any_io_executor>(executor), launcher::automatic, true);
}

async_child give_to_loop(const asio::any_io_executor& executor, std::shared_ptr<reaper_core> reaper, child_parts parts,
                         const command::settings& settings, std::error_code& ec)
{
  // It owns the child before anything can fail.
  tracked_child tracked(std::move(parts.handle), std::move(reaper));
  async_child started(std::move(tracked), child_pipes<asio::any_io_executor>(executor), parts.used, true);
  started.take_pipes(parts.pipes, ec);
  if (ec)
    return no_child(executor);
  if (!parts.kill_on_destroy.value_or(true))
    started.detach();
  else if (settings.stop_on_destroy)
    started.stop_when_dropped(settings.stop);
  return started;
}

async_child start_child(const asio::any_io_executor& executor, const command& what, const stream_defaults& defaults,
                        spawn_failure& failure)
{
  std::error_code ec;
  const auto reaper = reaper_core::of(executor, ec);
  if (ec) {
    failure = {ec, spawn_step::prepare, what.get().program, "event loop"};
    return no_child(executor);
  }
  reap_table::place room = reap_table::make_place();
  child_parts parts = spawn_parts(what, defaults, failure);
  if (failure)
    return no_child(executor);
  reaper->track(std::move(room), parts.handle);
  async_child started = give_to_loop(executor, reaper, std::move(parts), what.get(), ec);
  if (ec)
    failure = {{ec.value(), std::system_category()}, spawn_step::pipe, what.get().program, "event loop"};
  return started;
}

} // namespace subprocess::detail
