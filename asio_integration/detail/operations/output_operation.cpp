#include <asio_integration/detail/operations/output_operation.hpp>

#include <csignal>
#include <utility>

#include <subprocess/detail/failures.hpp>
#include <subprocess/detail/streams/capture_command.hpp>

namespace subprocess::detail {

output_operation::output_operation(const asio::any_io_executor& executor, command what, outputs kept,
                                   capture_options options)
    : child_operation(executor, unattended(capture_command(std::move(what), options)),
                      kept == outputs::kept ? stream_defaults::capture() : stream_defaults::inherit(),
                      {options.limit, options.failure}),
      output_reader(std::move(options), kept)
{
  output_.program = program();
}

void output_operation::run(child_parts parts)
{
  parts.pipes[0].reset(); // Nobody writes to its stdin.
  if (parts.pipes[1] || parts.pipes[2] || parts.pipes[3]) {
    auto ends = std::make_shared<stream_ends<loop_executor>>(loop_executor(context()));
    std::error_code ec;
    ends->assign(parts.pipes, ec);
    if (ec)
      return fail_after_launch(spawn_step::pipe, ec);
    read_streams(std::move(ends), {});
  }
  await_exit();
}

void output_operation::kill_at_limit()
{
  child()->signal(SIGKILL);
}

void output_operation::streams_ended()
{
  if (child_ended_)
    finish();
}

void output_operation::ended(std::error_code ec, exit_status status)
{
  child_ended_ = true;
  wait_error_ = ec;
  output_.status = status;
  if (child())
    output_.report = report();
  if (is_interrupted())
    give_up_streams();
  else if (is_reading())
    output_reader::child_ended();
  if (!is_reading())
    finish();
}

spawn_failure output_operation::explain(std::error_code ec) const
{
  if (ec != read_error())
    return not_waited(program(), ec);
  return ec == std::errc::no_buffer_space ? bytes_exceeded(program(), max_bytes()) : not_read(program(), ec.value());
}

void output_operation::finish() noexcept
{
  if (std::exchange(finished_, true))
    return;
  give(output_);
  const std::error_code failed = read_error() ? read_error() : wait_error_;
  const std::error_code ec = is_interrupted() ? cause() : failed;
  complete(ec);
  done(ec, std::move(output_));
}

} // namespace subprocess::detail
