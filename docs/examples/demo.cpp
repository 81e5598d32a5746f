// Starts the worker server with one program after another, sends real data
// through it from several clients at once, and compares what comes back.
//
//   demo [PATH-OF-WORKER-SERVER]

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>

#include "demo/scenes.hpp"
#include "demo/subreaper.hpp"

int main(int argc, char** argv)
{
  const std::filesystem::path here = std::filesystem::path(argv[0]).parent_path();
  const std::string server = argc > 1 ? argv[1] : (here / "worker_server").string();
  std::signal(SIGPIPE, SIG_IGN); // A client may write to a server that has ended.
  become_subreaper();

  checks results;
  for (const auto scene : {sorted_text, gzip_and_back, simultaneous_echo, failing_worker, vanishing_client,
                           stop_with_workers, lines_of_text, worker_killed_in_mid_request, crash_loop,
                           reload_under_load, hung_worker, stop_under_load, server_killed}) {
    try {
      scene(server, results);
    } catch (const std::exception& failure) {
      results.expect(false, failure.what());
    }
    // Whatever the server left behind has become our child.
    const pid_t left = ::waitpid(-1, nullptr, WNOHANG);
    results.expect(left == -1 && errno == ECHILD, "no child is left, dead or alive");
  }
  return results.summary();
}
