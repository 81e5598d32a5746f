#include <asio_integration/detail/operations/pipeline_operation.hpp>

#include <asio/error.hpp>
#include <asio/query.hpp>

#include <cerrno>
#include <string_view>
#include <utility>

#include <asio_integration/detail/operations/step_completion.hpp>
#include <subprocess/detail/streams/pipeline_plan.hpp>

namespace subprocess::detail {

struct pipeline_operation::stage {
  stage(asio::execution_context& context, std::size_t index) : done(context, &pipeline_operation::stage_ended, index) {}

  step_completion<pipeline_operation, completion<std::error_code, captured_output>, std::error_code, captured_output>
      done;
  spawn_failure failure;
  std::weak_ptr<capture_operation> running; // It keeps itself, and by its completion the pipeline.
};

pipeline_operation::pipeline_operation(const callers_executors& executors, done_type done, const pipeline& what,
                                       capture_options options)
    : executors_(executors), done_(std::move(done)), options_(std::move(options)),
      commands_(joined_stages(what, failure_))
{
  result_.stages.resize(what.stages().size());
  if (options_.on_output) {
    sink_ = std::make_shared<output_sink>(std::move(options_.on_output));
    options_.on_output = [sink = sink_](output_stream from, std::string_view text) { (*sink)(from, text); };
  }
  for (std::size_t i = 0; i < commands_.size(); ++i)
    stages_.push_back(std::make_unique<stage>(asio::query(executors_.io, asio::execution::context), i));
}

pipeline_operation::~pipeline_operation() = default;

void pipeline_operation::begin()
{
  error_ = failure_.code;
  // In one step, so that a limit is the same for all.
  for (std::size_t i = 0; i < stages_.size() && !error_; ++i)
    start_stage(i);
  if (running_ == 0)
    finish();
}

// The command is gone when its stage runs, and with it our ends of the pipes.
void pipeline_operation::start_stage(std::size_t index)
{
  capture_options options = options_;
  if (index > 0)
    options.input.reset();
  stage& one = *stages_[index];
  options.failure = &one.failure;
  const auto running =
      std::make_shared<capture_operation>(executors_, capture_operation::done_type(&one.done.expected_by(self(this))),
                                          std::move(commands_[index]), std::move(options));
  ++running_;
  one.running = running;
  running->start();
}

void pipeline_operation::stage_ended(pipeline_operation& self, std::size_t index, std::error_code ec,
                                     captured_output output)
{
  --self.running_;
  self.result_.stages[index] = std::move(output);
  const spawn_failure& failure = self.stages_[index]->failure;
  const bool not_spawned = failure && failure.code != asio::error::operation_aborted; // That was us.
  if (ec && !self.error_) {
    self.error_ = ec;
    self.failure_ = failure;
  }
  const bool sink_failed = self.sink_ && self.sink_->has_failed();
  if (not_spawned || sink_failed || (ec == std::errc::no_buffer_space && self.options_.on_overflow == overflow::kill))
    self.kill_all();
  if (self.running_ == 0)
    self.finish();
}

void pipeline_operation::cancelled(asio::cancellation_type type)
{
  stop_all(type);
}

// Those that run are told to go, and the last of them ends this.
void pipeline_operation::out_of_memory() noexcept
{
  if (!error_)
    error_.assign(ENOMEM, std::system_category());
  kill_all();
  if (running_ == 0)
    finish();
}

void pipeline_operation::stop_all(asio::cancellation_type type)
{
  for (const auto& one : stages_)
    if (const auto running = one->running.lock())
      running->cancel(type);
}

void pipeline_operation::kill_all()
{
  for (const auto& one : stages_)
    if (const auto running = one->running.lock())
      running->kill_soon();
}

void pipeline_operation::finish() noexcept
{
  if (!done_)
    return;
  if (!result_.stages.empty())
    result_.out = std::move(result_.stages.back().out);
  if (options_.failure)
    *options_.failure = std::move(failure_);
  done_(error_, std::move(result_));
}

} // namespace subprocess::detail
