#include <asio_integration/detail/operations/output_operation.hpp>

#include <subprocess/detail/streams/capture_command.hpp>

namespace subprocess::detail {

output_operation::output_operation(const asio::any_io_executor& executor, command what, outputs kept,
                                   capture_options options, supervision_options supervision)
    : child_operation(executor, unattended(capture_command(std::move(what), options)),
                      kept == outputs::kept ? stream_defaults::capture() : stream_defaults::inherit(), supervision),
      output_reader(std::move(options), kept, stream_owner::us)
{
  output_.program = this->what().get().program;
}

void output_operation::started()
{
  std::error_code ignored;
  child().stdin_pipe().close(ignored);
  read_streams(child().ends(), child().get_executor());
}

void output_operation::kill_at_limit()
{
  std::error_code ignored;
  child().kill(ignored);
}

void output_operation::streams_ended()
{
  if (ended_)
    finish();
}

void output_operation::ended(std::error_code ec, exit_status status)
{
  ended_ = true;
  wait_error_ = ec;
  output_.status = status;
  output_.report = report();
  if (cancelled())
    give_up_streams();
  else
    child_ended();
  if (!is_reading())
    finish();
}

void output_operation::finish()
{
  stop_the_clock();
  give(output_);
  const std::error_code failed = read_error() ? read_error() : wait_error_;
  done(cancelled() ? cause() : failed, std::move(output_));
}

} // namespace subprocess::detail
