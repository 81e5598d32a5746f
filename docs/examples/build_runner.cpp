// Runs the jobs of a file as `make -j` does: each when those it needs are done, at
// most so many at a time, and no new ones after a failure.
//
//   build_runner MOST FILE
//
// with lines `name: needed needed ; shell command`.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio_integration/asio_integration.hpp>

namespace {

struct job {
  enum class state { waiting, started, done, failed };

  std::string name;
  std::vector<std::string> needs;
  std::string script;
  state now = state::waiting;
};

std::vector<job> read_jobs(const std::string& path)
{
  std::ifstream file(path);
  if (!file)
    throw std::runtime_error("cannot read " + path);
  std::vector<job> jobs;
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    const std::size_t semicolon = line.find(';', colon);
    if (line.empty() || line.starts_with('#'))
      continue;
    if (semicolon == std::string::npos)
      throw std::runtime_error("not `name: needs ; command`: " + line);
    job read{.name = line.substr(0, colon), .needs = {}, .script = line.substr(semicolon + 1)};
    std::istringstream needs(line.substr(colon + 1, semicolon - colon - 1));
    for (std::string name; needs >> name;)
      read.needs.push_back(name);
    jobs.push_back(std::move(read));
  }
  return jobs;
}

class build {
public:
  build(asio::io_context& loop, std::vector<job> jobs, std::size_t most)
      : loop_(loop), jobs_(std::move(jobs)), limiter_(loop, most)
  {
  }

  /// Starts all that can be; each job that is done calls it again.
  void start_ready()
  {
    for (job& one : jobs_)
      if (one.now == job::state::waiting && is_ready(one)) {
        one.now = job::state::started;
        asio::co_spawn(loop_, run(one), [](const std::exception_ptr& failure) {
          if (failure)
            std::rethrow_exception(failure);
        });
      }
  }

  /// \return Whether all was done.
  bool summary() const
  {
    const auto count = [&](job::state state) { return std::ranges::count(jobs_, state, &job::now); };
    const auto done = count(job::state::done);
    const auto failed = count(job::state::failed);
    const auto left = std::ssize(jobs_) - done - failed; // After a failure, or what needs itself.
    std::cout << done << " done, " << failed << " failed, " << left << " not started\n";
    return failed == 0 && left == 0;
  }

private:
  bool is_ready(const job& one) const
  {
    return std::ranges::all_of(one.needs, [&](const std::string& name) {
      const auto needed = std::ranges::find(jobs_, name, &job::name);
      return needed != jobs_.end() && needed->now == job::state::done;
    });
  }

  asio::awaitable<void> run(job& one)
  {
    const subprocess::spawn_permit permit = co_await limiter_.async_acquire(asio::use_awaitable);
    if (failed_)
      co_return;
    const subprocess::capture_options options{.merge_stderr = true}; // One log, in order.
    const subprocess::captured_output log =
        co_await async_capture(loop_, subprocess::shell(one.script), options, asio::use_awaitable);
    std::cout << one.name << ": " << log.status << '\n' << log.out;
    failed_ = failed_ || !log.status.success();
    one.now = log.status.success() ? job::state::done : job::state::failed;
    if (!failed_)
      start_ready();
  }

  asio::io_context& loop_;
  std::vector<job> jobs_;
  subprocess::spawn_limiter limiter_;
  bool failed_ = false;
};

} // namespace

int main(int argc, char** argv)
{
  if (argc != 3) {
    std::cerr << "usage: build_runner MOST FILE\n";
    return 2;
  }
  try {
    asio::io_context loop;
    build all(loop, read_jobs(argv[2]), std::stoul(argv[1]));
    all.start_ready();
    loop.run();
    return all.summary() ? 0 : 1;
  } catch (const std::exception& failure) {
    std::cerr << "build_runner: " << failure.what() << '\n';
    return 2;
  }
}
