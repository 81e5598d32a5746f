#pragma once

#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/pipeline_operation.hpp>
#include <asio_integration/spawn.hpp>
#include <subprocess/pipeline.hpp>

namespace subprocess {

/// Runs all stages at once, each writing to the next one directly, and captures
/// what the last one writes and the stderr of each.
///
/// What the stages set explicitly wins; the unset first stdin is null, the unset
/// last stdout and each unset stderr are pipes, and each stderr is kept apart. Of
/// each of these no more than 64 MiB are taken unless capture_options::max_bytes says
/// otherwise. The options mean what they mean to async_capture(), with each stage
/// for the child: `input` is the first stdin, `merge_stderr` sends each stage's
/// stderr where its stdout goes (`|&`), `overflow::kill` kills all stages.
///
/// Files are opened, and the environment is read, on the event loop.
///
/// Completion signature: `void(std::error_code, pipeline_result)`. There is a
/// result for every stage; with an error set, it is what is known of it. How a
/// stage ended is never an error: see pipeline_result::pipefail().
///
/// Errors: as of async_capture(), the first one of any stage. When a stage cannot
/// be spawned, the others are killed. `EINVAL` when there is no stage, or one sets
/// a stream that joins it to another.
///
/// Cancellation: terminal kills all stages; partial and total end each by its own
/// stop sequence, all at the same time. Either way all are reaped before the
/// handler is called with `operation_aborted`. The output read so far is delivered.
///
/// The handler is never invoked from within this call.
template <asio::completion_token_for<void(std::error_code, pipeline_result)> Token>
auto async_pipeline(const asio::any_io_executor& executor, pipeline what, capture_options options, Token&& token)
{
  return detail::initiate<detail::pipeline_operation, std::error_code, pipeline_result>(
      executor, token, std::move(what), std::move(options));
}

template <asio::completion_token_for<void(std::error_code, pipeline_result)> Token>
auto async_pipeline(const asio::any_io_executor& executor, pipeline what, Token&& token)
{
  return async_pipeline(executor, std::move(what), capture_options(), std::forward<Token>(token));
}

template <execution_context_like Context, asio::completion_token_for<void(std::error_code, pipeline_result)> Token>
auto async_pipeline(Context& context, pipeline what, capture_options options, Token&& token)
{
  return async_pipeline(asio::any_io_executor(context.get_executor()), std::move(what), std::move(options),
                        std::forward<Token>(token));
}

template <execution_context_like Context, asio::completion_token_for<void(std::error_code, pipeline_result)> Token>
auto async_pipeline(Context& context, pipeline what, Token&& token)
{
  return async_pipeline(asio::any_io_executor(context.get_executor()), std::move(what), std::forward<Token>(token));
}

/// As above, for no longer than `limit`; then each stage is ended by its own stop
/// sequence, all at the same time, and reaped.
///
/// \param limit    A duration, or a time of std::chrono::steady_clock. The spawns
///                 count too, the stopping does not.
/// \param failure  Tells which stage could not be spawned, and why, or is cleared.
///                 It has to live until the handler runs, and is written before
///                 that.
///
/// Errors: also `ETIMEDOUT` when the limit has passed. Of limit and cancellation
/// the first is told.
template <asio::completion_token_for<void(std::error_code, pipeline_result)> Token>
auto async_pipeline(const asio::any_io_executor& executor, pipeline what, capture_options options, time_limit limit,
                    spawn_failure& failure, Token&& token)
{
  return detail::initiate<detail::pipeline_operation, std::error_code, pipeline_result>(
      executor, token, std::move(what), std::move(options), detail::supervision_options{limit, &failure});
}

template <asio::completion_token_for<void(std::error_code, pipeline_result)> Token>
auto async_pipeline(const asio::any_io_executor& executor, pipeline what, capture_options options, time_limit limit,
                    Token&& token)
{
  return detail::initiate<detail::pipeline_operation, std::error_code, pipeline_result>(
      executor, token, std::move(what), std::move(options), detail::supervision_options{limit});
}

template <execution_context_like Context, asio::completion_token_for<void(std::error_code, pipeline_result)> Token>
auto async_pipeline(Context& context, pipeline what, capture_options options, time_limit limit, Token&& token)
{
  return async_pipeline(asio::any_io_executor(context.get_executor()), std::move(what), std::move(options), limit,
                        std::forward<Token>(token));
}

} // namespace subprocess
