#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>

#include <system_error>
#include <utility>

#include <asio_integration/detail/operations/initiate.hpp>
#include <asio_integration/detail/operations/made_operations.hpp>
#include <asio_integration/event_loop.hpp>
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
/// The limit is one for all stages: when it has passed, each is ended by its own stop
/// sequence, all at the same time.
///
/// Completion signature: `void(std::error_code, pipeline_result)`. There is a
/// result for every stage; with an error set, it is what is known of it. How a
/// stage ended is never an error: see pipeline_result::pipefail().
///
/// Errors: as of async_capture(), the first one of any stage. When a stage cannot
/// be spawned, the others are killed. `EINVAL` when there is no stage, or one sets
/// a stream that joins it to another.
///
/// Cancellation: terminal, partial and total end each stage by its own stop sequence, all
/// at the same time; cancelled again, all are killed at once. They are reaped before the
/// handler is called with `operation_aborted`. The output read so far is delivered.
///
/// Thread safety: safe from any thread that may use the context, unless another thread
/// changes the environment.
///
/// The handler is never invoked from within this call.
template <asio::completion_token_for<void(std::error_code, pipeline_result)> Token =
              asio::default_completion_token_t<asio::any_io_executor>>
auto async_pipeline(event_loop loop, pipeline what, capture_options options,
                    Token&& token = asio::default_completion_token_t<asio::any_io_executor>())
{
  return detail::initiate<detail::make_pipeline, std::error_code, pipeline_result>(loop.get_executor(), token,
                                                                                   std::move(what), std::move(options));
}

template <asio::completion_token_for<void(std::error_code, pipeline_result)> Token =
              asio::default_completion_token_t<asio::any_io_executor>>
auto async_pipeline(event_loop loop, pipeline what,
                    Token&& token = asio::default_completion_token_t<asio::any_io_executor>())
{
  return async_pipeline(std::move(loop), std::move(what), capture_options(), std::forward<Token>(token));
}

} // namespace subprocess
