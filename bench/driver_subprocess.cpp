// This library, against the protocol of peers/README.md. The variants differ in
// how a child is started and what wakes the reaper.

#include "peers/driver.hpp"

#include <asio.hpp>

#include <cstring>

#include <asio_integration/asio_integration.hpp>

namespace {

struct variant {
  const char* name;
  subprocess::reaper_source source;
  bool asynchronous;
};

constexpr variant variants[] = {
    {"subprocess", subprocess::reaper_source::automatic, false},
    {"subprocess-async", subprocess::reaper_source::automatic, true},
    {"subprocess-sigchld", subprocess::reaper_source::sigchld, false},
};
const variant* chosen = &variants[0];

subprocess::command command_of(char* const* argv)
{
  using subprocess::stdio;
  subprocess::command what(argv[0]);
  what.stdin_from(stdio::null()).stdout_to(stdio::null()).stderr_to(stdio::null());
  while (*++argv)
    what.arg(*argv);
  return what;
}

class peer {
public:
  peer() { subprocess::use_reaper(context_, chosen->source); }

  void start(char* const* argv, bench::job& job)
  {
    if (chosen->asynchronous)
      subprocess::async_spawn(context_, command_of(argv),
                              [this, &job](std::error_code ec, subprocess::async_child child) {
                                bench::require(!ec, "async_spawn");
                                started(std::move(child), job);
                              });
    else
      started(subprocess::spawn(context_, command_of(argv)), job);
  }

  void run_one() { context_.run_one(); }

  std::size_t capture(char* const* argv)
  {
    subprocess::captured_output output;
    subprocess::command what = command_of(argv);
    what.stdout_to(subprocess::stdio::pipe());
    subprocess::async_capture(context_, std::move(what), [&](std::error_code ec, subprocess::captured_output result) {
      bench::require(!ec && result.status.success(), "async_capture");
      output = std::move(result);
    });
    while (!output.status.success())
      run_one();
    return output.out.size();
  }

  std::uint64_t drain(char* const* argv)
  {
    child_ = subprocess::spawn(context_, command_of(argv).stdout_to(subprocess::stdio::pipe()));
    total_ = 0;
    bench::job job;
    wait_for(child_, job);
    read_on();
    while (!job.done || child_.stdout_pipe().is_open())
      run_one();
    bench::require(job.clean, "the child failed");
    return total_;
  }

private:
  void read_on()
  {
    child_.stdout_pipe().async_read_some(asio::buffer(buffer_), [this](std::error_code ec, std::size_t size) {
      total_ += size;
      if (ec)
        child_.stdout_pipe().close();
      else
        read_on();
    });
  }

  void started(subprocess::async_child child, bench::job& job)
  {
    wait_for(child, job);
    child.detach();
  }

  static void wait_for(subprocess::async_child& child, bench::job& job)
  {
    job.pid = child.id();
    child.async_wait([&job](std::error_code ec, subprocess::exit_status status) {
      job.clean = !ec && status.success();
      job.done = true;
    });
  }

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  subprocess::async_child child_;                         // The one that is drained.
  std::vector<char> buffer_ = std::vector<char>(1 << 16); // As much as a pipe holds.
  std::uint64_t total_ = 0;
};

} // namespace

int main(int argc, char** argv)
{
  if (argc == 2 && std::strcmp(argv[1], "--variants") == 0) {
    for (const variant& one : variants)
      std::puts(one.name);
    return 0;
  }
  if (argc > 3 && std::strcmp(argv[argc - 2], "--variant") == 0) {
    for (const variant& one : variants)
      if (std::strcmp(one.name, argv[argc - 1]) == 0)
        chosen = &one;
    argc -= 2;
  }
  return bench::run_driver<peer>(argc, argv, chosen->name, "0.1.0");
}
