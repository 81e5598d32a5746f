#include "async_functions.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include <asio_integration/detail/pool/lease_state.hpp>
#include <asio_integration/detail/pool/pool_core.hpp>

namespace subprocess::tests {
namespace {

/// Whether this process has a pipe open by this descriptor alone.
bool is_only_end_here(const unique_fd& end)
{
  const auto pipe_of = [](int fd) {
    struct stat status{};
    ::fstatat(fd, "", &status, AT_EMPTY_PATH); // As in descriptor_table().
    return status.st_ino;
  };
  const std::set<int> open = open_descriptors();
  return std::ranges::count(open, pipe_of(end.get()), pipe_of) == 1;
}

/// The pool of a lease that has no other.
class no_pool final : public detail::pool_core {
public:
  explicit no_pool(const detail::event_queue& queue) noexcept : pool_core(queue) {}
  void run(plain_waiter& added) override { added.abandon(); }
  void acquire(lease_waiter& added) override { added.abandon(); }
  void wait_ready(plain_waiter& added, std::size_t) override { added.abandon(); }
  void replace(plain_waiter& added, command) override { added.abandon(); }
  void next_event(event_waiter& added) override { added.abandon(); }
  void cancel(wish, std::uint64_t) override {}
  void give_back(std::uint64_t, lease_end) noexcept override {}
  void resize(std::size_t) override {}
  pool_counts counts() const override { return {}; }
  spawn_failure last_failure() const override { return {}; }
  std::uint64_t events_dropped() const override { return 0; }
  void close() noexcept override {}
  void shut_down() noexcept override {}
};

worker_pool_options started_once()
{
  worker_pool_options options;
  options.restart = restart_when::never;
  return options;
}

} // namespace

using namespace std::chrono_literals;

trial::trial(asio::io_context& context, const command& helper)
    : context_(context), in_(make_pipe()), out_(make_pipe()), err_(make_pipe()), worker_(helper), what_(helper)
{
  what_->stdin_from(stdio::from_fd(std::move(in_.read_end)))
      .stdout_to(stdio::from_fd(std::move(out_.write_end)))
      .stderr_to(stdio::from_fd(std::move(err_.write_end)));
}

command trial::take_command()
{
  command taken = std::move(*what_);
  what_.reset();
  return taken;
}

async_child& trial::child()
{
  if (what_)
    child_ = spawn(context_, take_command());
  return running();
}

async_child& trial::piped_child()
{
  child_writing_to(stdio::pipe());
  EXPECT_EQ(read_line(child_.stdout_pipe().native_handle()), "ready");
  return child_;
}

async_child& trial::terminal_child()
{
  child_writing_to(stdio::pty());
  EXPECT_EQ(read_line(child_.pty().native_handle()), "ready\r");
  return child_;
}

// Nobody has the write end of out_ then, and is_ready() sees its end.
async_child& trial::child_writing_to(const stdio& out)
{
  what_->stdout_to(out);
  return child();
}

input_stream<asio::any_io_executor>& trial::full_stream()
{
  child();
  full_ = make_pipe();
  full_stream_.emplace(context_, full_.write_end.release());
  full_stream_->non_blocking(true);
  const std::string text(4096, 'x');
  std::error_code full;
  while (!full)
    full_stream_->write_some(asio::buffer(text), full);
  return *full_stream_;
}

spawn_limiter& trial::limiter()
{
  return limiter_.emplace(context_, 1);
}

spawn_limiter& trial::exhausted_limiter()
{
  child();
  permit_ = std::make_shared<spawn_permit>();
  limiter().async_acquire([held = permit_](std::error_code, spawn_permit permit) { *held = std::move(permit); });
  return *limiter_;
}

worker_pool& trial::pool()
{
  return pool_.emplace(context_, take_command(), started_once());
}

// Its worker has nothing to read, and ends by itself.
worker_pool& trial::waiting_pool()
{
  child();
  command worker = worker_;
  worker.stdin_from(stdio::null()).stdout_to(stdio::null());
  return waiting_pool_.emplace(context_, std::move(worker), started_once());
}

// The child reads and writes elsewhere.
worker_lease& trial::lease(std::string answer)
{
  const auto state = std::make_shared<detail::lease_state>(
      detail::lease_state{.pool = std::make_shared<no_pool>(detail::event_queue(context_)),
                          .worker = std::make_shared<detail::worker_link>(),
                          .executor = context_.get_executor(),
                          .loop = detail::event_queue(context_),
                          .longest_line = 100,
                          .longest_frame = 100});
  state->worker->child = std::move(piped_child());
  lease_ = worker_lease(state);
  requests_ = make_pipe();
  answers_ = make_pipe();
  answer_ = std::move(answer);
  lease_.child().stdout_pipe().close();
  lease_.child().stdin_pipe().assign(requests_.write_end.release());
  lease_.child().stdout_pipe().assign(answers_.read_end.release());
  return lease_;
}

// A pool keeps its command, and with it the ends; that its worker runs is not yet known to
// it when the worker speaks.
bool trial::is_ready() const
{
  const bool is_launched = pool_ ? pool_->counts().ready == 1 : is_only_end_here(err_.read_end);
  return becomes_readable(out_.read_end.get(), 0ms) && is_launched;
}

std::string trial::fate() const
{
  if (!becomes_readable(err_.read_end.get(), 0ms))
    return "untouched";
  char text[64];
  return ::read(err_.read_end.get(), text, sizeof text) > 0 ? "stopped" : "killed"; // Its word, or its end.
}

void trial::finish()
{
  if (waiting_pool_)
    waiting_pool_->async_run([](std::error_code) {});
  if (answers_.write_end)
    write_all(answers_.write_end.get(), answer_);
  in_.write_end.reset();
  permit_.reset();
  if (char room[4096]; full_.read_end) {
    EXPECT_GT(::read(full_.read_end.get(), room, sizeof room), 0);
  }
}

// A pool keeps its command, and with it the ends: of its worker the last word has to do.
void trial::expect_ended() const
{
  if (pool_) {
    EXPECT_EQ(read_line(out_.read_end.get()), "ready");
    EXPECT_EQ(read_line(out_.read_end.get()), "bye");
    return;
  }
  EXPECT_EQ(read_all(err_.read_end.get()), "");
}

} // namespace subprocess::tests
