#include <asio_integration/detail/operations/capture_operation.hpp>

#include <subprocess/detail/streams/capture_command.hpp>

namespace subprocess::detail {

capture_operation::capture_operation(const asio::any_io_executor& executor, done_type done, command what,
                                     capture_options options, supervision_options supervision)
    : child_operation(executor, capture_command(std::move(what), options), stream_defaults::capture(), supervision),
      output_reader(std::move(options), given_up::close), done_(std::move(done))
{
}

void capture_operation::started()
{
  std::error_code ignored;
  child().stdin_pipe().close(ignored);
  if (child().pty().is_open())
    end_terminal_input(child().pty().native_handle());
  read_streams(child().ends(), child().get_executor());
}

void capture_operation::kill_at_limit()
{
  std::error_code ignored;
  child().kill(ignored);
}

void capture_operation::streams_ended()
{
  if (ended_)
    finish();
}

void capture_operation::ended(std::error_code ec, exit_status status)
{
  ended_ = true;
  wait_error_ = ec;
  output_.status = status;
  output_.report = report();
  if (cancelled())
    give_up_streams();
  else
    start_grace();
  if (!is_reading())
    finish();
}

void capture_operation::finish()
{
  stop_the_clock();
  give(output_);
  const std::error_code failed = read_error() ? read_error() : wait_error_;
  done_(cancelled() ? cause() : failed, std::move(output_));
}

} // namespace subprocess::detail
