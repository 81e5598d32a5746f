#include <asio_integration/detail/launch/start_child.hpp>

namespace subprocess::detail {

async_child adopt_child(const asio::any_io_executor& executor, std::shared_ptr<reaper_core> reaper, child_parts parts,
                        std::error_code& ec)
{
  reaper->track(parts.handle);
  child_pipes<asio::any_io_executor> pipes(executor);
  pipes.assign(parts.pipes, ec);
  const bool kill_on_destroy = ec || parts.kill_on_destroy.value_or(true);
  async_child started(tracked_child(std::move(parts.handle), std::move(reaper)), std::move(pipes), parts.used,
                      kill_on_destroy);
  return ec ? async_child() : std::move(started);
}

async_child start_child(const asio::any_io_executor& executor, const command& what, const stream_defaults& defaults,
                        spawn_failure& failure)
{
  std::error_code ec;
  auto reaper = reaper_core::of(executor, ec);
  if (ec) {
    failure = {ec, spawn_step::prepare, what.get().program, "event loop"};
    return {};
  }
  child_parts parts = spawn_parts(what, defaults, failure);
  if (failure)
    return {};
  async_child started = adopt_child(executor, std::move(reaper), std::move(parts), ec);
  if (ec)
    failure = {{ec.value(), std::system_category()}, spawn_step::pipe, what.get().program, "event loop"};
  return started;
}

} // namespace subprocess::detail
