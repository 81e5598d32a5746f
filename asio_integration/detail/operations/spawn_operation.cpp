#include <asio_integration/detail/operations/spawn_operation.hpp>

#include <utility>

#include <asio_integration/detail/launch/start_child.hpp>
#include <subprocess/command_settings.hpp>

namespace subprocess::detail {

spawn_operation::spawn_operation(const callers_executors& executors, done_type done, command what, spawn_failure* told)
    : launch_operation(executors.io, std::move(what), stream_defaults::inherit(), handover::program),
      done_(std::move(done)), told_(told)
{
}

void spawn_operation::launched(child_parts parts)
{
  std::error_code ec;
  async_child started = give_to_loop(executor(), reaper(), std::move(parts), launching().settings(), ec);
  if (ec)
    return fail_after_launch(spawn_step::pipe, ec);
  if (told_)
    *told_ = spawn_failure();
  done_({}, std::move(started));
}

void spawn_operation::not_launched() noexcept
{
  const std::error_code ec = failure().code;
  if (told_)
    *told_ = std::move(failure());
  done_(ec, no_child(executor()));
}

} // namespace subprocess::detail
