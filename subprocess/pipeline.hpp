#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <subprocess/capture.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>
#include <subprocess/exit_status.hpp>
#include <subprocess/run_options.hpp>

namespace subprocess {

/// Commands whose streams are joined: what one writes to its stdout, the next
/// reads as its stdin. Made with `|`:
///
///     command("sort") | command("uniq", {"-c"})
///
/// A value, like the commands in it. The streams between two stages are the
/// pipeline's; a stage that sets one of them is reported by the spawn, as
/// `invalid_argument` at spawn_step::prepare.
///
/// Thread safety: distinct objects are safe; running one object from several
/// threads is safe while none changes it.
class pipeline {
public:
  /// Without stages, which cannot be run: `EINVAL`. Add them with `|=`.
  pipeline() = default;

  /// One stage.
  pipeline(command stage) { stages_.push_back(std::move(stage)); }

  explicit pipeline(std::vector<command> stages) noexcept : stages_(std::move(stages)) {}

  /// Adds the stages of `next` at the end.
  pipeline& operator|=(pipeline next);

  /// In the order the data takes.
  const std::vector<command>& stages() const noexcept { return stages_; }

private:
  std::vector<command> stages_;
};

/// Either side may be a command.
pipeline operator|(pipeline left, pipeline right);

/// `sort | uniq -c`, quoted so that it can be pasted into a shell.
std::string to_string(const pipeline& what);

/// How the stages ended, and what they wrote.
struct pipeline_result {
  /// What the last stage wrote to its stdout.
  std::string out;

  /// Of each stage what capture() tells: how it ended, and its own stderr. Its
  /// `out` went on to the next stage, or is above.
  std::vector<captured_output> stages;

  /// How the last stage ended.
  exit_status status() const noexcept { return stages.empty() ? exit_status() : stages.back().status; }

  /// The status of the last stage that was not successful; success when all were.
  ///
  /// A stage that writes on when a later one has ended is not successful: SIGPIPE
  /// ends it, as `yes` in `yes | head`.
  /// \source bash(1), "pipefail".
  exit_status pipefail() const noexcept;

  /// Throws unless all stages were successful, for the one that pipefail() is of.
  /// \return This result.
  /// \throws exit_error.
  const pipeline_result& check() const&;
  pipeline_result check() &&;
};

/// The capture of a pipeline that failed once its stages were running. It has
/// what was read by then, and how each stage ended if that is known. program() is that
/// of the first stage that went wrong.
///
/// Thread safety: distinct objects are safe, copies of one too.
class pipeline_capture_error : public spawn_error {
public:
  /// Of what went wrong, and what was read.
  pipeline_capture_error(spawn_failure failure, pipeline_result result)
      : spawn_error(std::move(failure)), result_(std::make_shared<const pipeline_result>(std::move(result)))
  {
  }

  /// What was read by then, and how each stage ended if that is known.
  const pipeline_result& result() const noexcept { return *result_; }

private:
  std::shared_ptr<const pipeline_result> result_; // An exception's copy must not throw.
};

/// Spawns all stages, and waits for them. The first stdin and the last stdout are
/// inherited unless their stage says otherwise, as is each stderr; a piped stdin
/// gets end-of-file at once. What is written to a pipe, a socket or a terminal of
/// ours is read and dropped, until all stages have ended. When a stage cannot be spawned,
/// those before it are killed and reaped; one that may not be signalled is left to end by
/// itself. At the limit each stage is ended by its own
/// stop sequence, all at the same time.
///
/// \param ec  As of run(command).
/// \return    The status of each stage; unknown for what was not spawned or could
///            not be waited for.
/// \throws    spawn_error, which names the stage's program.
std::vector<exit_status> run(const pipeline& what, const run_options& options = {});
std::vector<exit_status> run(const pipeline& what, const run_options& options, std::error_code& ec);
std::vector<exit_status> run(const pipeline& what, std::error_code& ec);

/// Spawns all stages, reads what the last one writes and the stderr of each, and
/// waits for them.
///
/// What the stages set explicitly wins; the unset first stdin is null, the unset
/// last stdout and each unset stderr are pipes, and each stderr is kept apart. The
/// options mean what they mean to capture(command), with each stage for the child:
/// `input` is the first stdin, `merge_stderr` sends each stage's stderr where its
/// stdout goes (`|&`), `overflow::kill` kills all stages, and the limit stops them all.
///
/// \param ec  As of capture(command), the first one of any stage.
/// \return    A result for every stage; with an error, what is known of it.
/// \throws    spawn_error, which names the stage's program; of stages that were running
///            the pipeline_capture_error, which is one too and has what was read.
pipeline_result capture(const pipeline& what, const capture_options& options = {});
pipeline_result capture(const pipeline& what, const capture_options& options, std::error_code& ec);
pipeline_result capture(const pipeline& what, std::error_code& ec);

/// The pipefail() of statuses in the order of the stages.
exit_status pipefail(const std::vector<exit_status>& statuses) noexcept;

} // namespace subprocess
