#include <asio_integration/detail/operations/pipeline_operation.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/post.hpp>

#include <chrono>
#include <utility>

#include <asio_integration/detail/operations/capture_operation.hpp>
#include <asio_integration/detail/operations/initiate.hpp>
#include <subprocess/detail/streams/pipeline_plan.hpp>

namespace subprocess::detail {

pipeline_operation::pipeline_operation(const asio::any_io_executor& executor, done_type done, const pipeline& what,
                                       capture_options options, supervision_options supervision)
    : strand_(executor), done_(std::move(done)), options_(std::move(options)), supervision_(supervision),
      commands_(joined_stages(what, failure_)), stages_(commands_.size())
{
  result_.stages.resize(what.stages().size());
}

// The stages start on the strand: the first may end while the last is not there.
void pipeline_operation::start()
{
  if (const auto deadline = supervision_.limit.deadline_from(std::chrono::steady_clock::now()))
    supervision_.limit = *deadline; // One for all stages.
  error_ = failure_.code;
  if (error_)
    return finish();
  asio::post(strand_, [self = shared_from_this()] { self->start_stages(); });
}

void pipeline_operation::start_stages()
{
  running_ = stages_.size();
  for (std::size_t i = 0; i < stages_.size(); ++i)
    start_stage(i, {supervision_.limit, &stages_[i].failure});
  if (early_ != asio::cancellation_type::none)
    stop_all(early_);
}

// The command is gone when its stage runs, and with it our ends of the pipes.
void pipeline_operation::start_stage(std::size_t index, const supervision_options& supervision)
{
  const auto executor = strand_.get_inner_executor();
  capture_options options = options_;
  if (index > 0)
    options.input.reset();
  auto ended = [self = shared_from_this(), index](std::error_code ec, captured_output output) {
    self->stage_ended(index, ec, std::move(output));
  };
  auto token = asio::bind_cancellation_slot(stages_[index].stop.slot(), asio::bind_executor(strand_, std::move(ended)));
  initiate<capture_operation, std::error_code, captured_output>(executor, token, std::move(commands_[index]),
                                                                std::move(options), supervision);
}

void pipeline_operation::stage_ended(std::size_t index, std::error_code ec, captured_output output)
{
  result_.stages[index] = std::move(output);
  const spawn_failure& failure = stages_[index].failure;
  if (ec && !error_) {
    error_ = ec;
    failure_ = failure;
  }
  const bool not_spawned = failure && failure.code != asio::error::operation_aborted; // That was us.
  if (not_spawned || (ec == std::errc::no_buffer_space && options_.on_overflow == overflow::kill))
    stop_all(asio::cancellation_type::terminal);
  if (--running_ == 0)
    finish();
}

void pipeline_operation::cancel(asio::cancellation_type type)
{
  asio::post(strand_, [self = shared_from_this(), type] {
    if (self->running_ > 0)
      self->stop_all(type);
    else
      self->early_ |= type;
  });
}

void pipeline_operation::stop_all(asio::cancellation_type type)
{
  for (stage& one : stages_)
    one.stop.emit(type);
}

void pipeline_operation::finish()
{
  if (!result_.stages.empty())
    result_.out = std::move(result_.stages.back().out);
  if (supervision_.failure)
    *supervision_.failure = std::move(failure_);
  done_(error_, std::move(result_));
}

} // namespace subprocess::detail
