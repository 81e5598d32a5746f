// A program that is not trusted: as nobody, in an empty environment, with limits.

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <iostream>

#include <subprocess/subprocess.hpp>

int main()
{
  if (::geteuid() != 0)
    return 77; // Only root can become somebody else. (Meson takes 77 for a test that was skipped.)
  subprocess::command stranger("sh", {"-c", "id -un; ulimit -n; ulimit -t; pwd"});
  stranger.user("nobody").no_new_privs().env_clear().current_dir("/");
  stranger.rlimit(RLIMIT_NOFILE, 16, 16).rlimit(RLIMIT_CPU, 2, 2).rlimit(RLIMIT_AS, 1 << 30, 1 << 30);

  const auto output = capture(stranger, {.limit = std::chrono::seconds(10), .max_bytes = 4096}).check();
  std::cout << output.out;
  return output.out == "nobody\n16\n2\n/\n" ? 0 : 1;
}
