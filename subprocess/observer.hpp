#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <subprocess/command.hpp>
#include <subprocess/detail/durations.hpp>
#include <subprocess/error.hpp>
#include <subprocess/exit_report.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess {
namespace detail {
class registered_observer;
}

/// What an observer is told of.
enum class observed {
  started, ///< A child has become its program. Its end will be told.
  adopted, ///< A child that something else has made was taken over. Its end will be told.
  failed,  ///< A launch that made no program. Nothing more is told of it.
  ended,   ///< A child that was started or adopted is reaped, or is lost to others.
};

/// "started", "ended": as the enumerator is written.
std::string_view to_string(observed what) noexcept;
std::ostream& operator<<(std::ostream& out, observed what);

/// One thing that happened to one child. What is known is kept: at the end all of it is
/// there. A plain value; a copy may be kept.
struct observation {
  /// Apart from each other as steady_clock has them.
  using time_point = std::chrono::system_clock::time_point;

  observed what = observed::started;
  std::uint64_t number = 0; ///< Of this launch or adoption in this program. No other has it, as a pid may.
  std::string program;      ///< As the command names it; empty for a child that was adopted.
  std::string command_line; ///< Program and arguments, quoted, as of to_string(); may hold what is secret.
  pid_t pid = -1;           ///< -1 when the launch has failed.
  launcher used = launcher::automatic;

  time_point begun;   ///< When the launch began, or the child was adopted.
  time_point started; ///< When it was known to be the program.
  time_point over;    ///< When it had failed, or its end was noticed.

  spawn_failure failure;             ///< What failed: step, program, error.
  exit_status status;                ///< How it ended; unknown when there is an error.
  std::optional<exit_report> report; ///< Resources used, and more; none when there is an error.
  std::error_code error;             ///< `ECHILD`: others have reaped it, or nobody could.
};

/// "started 4711: make -j2", "ended 4711: make -j2: exit code: 0",
/// "failed: spawn "frobnicate": exec: No such file or directory".
std::string to_string(const observation& seen);
std::ostream& operator<<(std::ostream& out, const observation& seen);

/// A function that is told of each start, failure and end of a child of this program, for
/// logging and tracing, for as long as the object lives:
///
///     const observer log([](const observation& seen) { std::clog << seen << '\n'; });
///
/// It is told of every child whose launch begins meanwhile, by whatever road: blocking calls,
/// event loops, pipelines, pools, adoption. Each launch is told once as failed, or as started
/// and then once as ended, in this order and never both at a time: also when it was detached,
/// or dropped and reaped in the background. A child that nobody reaps before the program
/// ends is not told as ended. exec() is no launch.
///
/// It is called at once, on the thread that notices: in the call that starts or waits, or in
/// the event loop's run(); never under a lock of the library, and never while it is being
/// called on the same thread: what it starts itself is told when it returns. Several threads
/// may call it at a time, for different children. What it throws is dropped. It holds up
/// whoever notices, so one that takes long should hand a copy on.
///
/// The destructor waits for calls on other threads to return; as of std::stop_callback, it may
/// be run by the function itself. Nothing is told afterwards. In a fork of the program the
/// observer goes on, for children of that copy.
///
/// Without an observer a launch takes no memory for any of this.
///
/// Thread safety: safe for distinct objects.
class observer {
public:
  using function = std::function<void(const observation&)>;

  /// One that is told nothing.
  observer() noexcept = default;

  /// \param told  Is called from now on. An empty function is told nothing.
  explicit observer(function told);
  observer(observer&& other) noexcept = default;
  observer& operator=(observer&& other) noexcept;
  ~observer();

private:
  std::shared_ptr<detail::registered_observer> registered_;
};

} // namespace subprocess
