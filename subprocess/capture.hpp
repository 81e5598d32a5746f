#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <subprocess/capture_options.hpp>
#include <subprocess/command.hpp>
#include <subprocess/error.hpp>
#include <subprocess/exit_error.hpp>
#include <subprocess/exit_report.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess {

/// What a child wrote, and how it ended.
struct captured_output {
  exit_status status;
  std::string out;
  std::string err;

  /// What the child used and how long it ran; empty when it was not reaped.
  std::optional<exit_report> report = std::nullopt;

  /// How many bytes of each stream came in beyond the limit and were dropped.
  std::uint64_t out_dropped = 0;
  std::uint64_t err_dropped = 0;

  /// Whether somebody still held a stream when the child had ended, and the drain
  /// grace or the limit had passed.
  bool left_open = false;

  /// As the command names it; empty when it was no command that was captured
  /// (async_communicate()).
  std::string program = {};

  /// Throws unless the program was successful; the error names the program, its
  /// status, and the last lines of its stderr.
  ///
  ///     std::string revision = capture(command("git", {"rev-parse", "HEAD"})).check().out;
  ///
  /// \return This output.
  /// \throws exit_error.
  const captured_output& check() const&;
  captured_output check() &&;
};

/// A capture that failed once the child was running. It has what was read by
/// then, and how the child ended if it is known. what() reads
/// `run "yes": output more than 4096 bytes: No buffer space available`.
///
/// Thread safety: distinct objects are safe, copies of one too.
class capture_error : public spawn_error {
public:
  /// Of what went wrong, and what was read.
  capture_error(spawn_failure failure, captured_output output)
      : spawn_error(std::move(failure)), output_(std::make_shared<const captured_output>(std::move(output)))
  {
  }

  /// What was read by then, and how the child ended if it is known.
  const captured_output& output() const noexcept { return *output_; }

private:
  std::shared_ptr<const captured_output> output_; // An exception's copy must not throw.
};

/// Spawns, reads both streams to their end, and waits.
///
/// What the command sets explicitly wins; unset stdin is null, unset stdout and
/// stderr are pipes. A piped stdin gets end-of-file at once. The end of a stream
/// comes when everyone who holds it has closed it, a grandchild too, unless
/// capture_options::drain_grace says otherwise. Of each stream no more than 64
/// MiB are taken unless capture_options::max_bytes says otherwise.
///
/// What is written to a terminal counts as the first of stdout and stderr that is
/// not a pipe; when both are, it is dropped. At that terminal nobody types: it is in
/// non-canonical mode, and a read of it gives end-of-file at once, again and again.
/// A program that asks for single keys (VMIN of 1, as editors and line editors do),
/// or waits until there is something to read, waits for ever.
///
/// \param ec  As of spawn() and child::wait(), and the errors of reading;
///            `ENOBUFS`: a stream exceeded `max_bytes`; `ETIMEDOUT`: the limit has
///            passed. What was read by then is returned.
/// \throws    spawn_error; of a program that was running the capture_error, which is
///            one too and has what was read. Each form: what `on_output` throws.
/// \source    std::process::Command::output.
captured_output capture(const command& what, const capture_options& options = {});
captured_output capture(const command& what, const capture_options& options, std::error_code& ec);
captured_output capture(const command& what, std::error_code& ec);

} // namespace subprocess
