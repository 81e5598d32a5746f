#include <asio_integration/detail/pool/exchange_operation.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/query.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include <asio_integration/detail/streams/written_buffers.hpp>

namespace subprocess::detail {
namespace {

// Between the end of a worker's streams and its own there is not much.
constexpr std::chrono::seconds end_grace(1);

std::error_code system_error_of(int error) noexcept
{
  return {error, std::system_category()};
}

// What is left of them when so much has gone.
std::array<asio::const_buffer, 3> behind(std::size_t sent, std::array<asio::const_buffer, 3> pieces)
{
  for (asio::const_buffer& piece : pieces) {
    const std::size_t gone = std::min(sent, piece.size());
    piece += gone;
    sent -= gone;
  }
  return pieces;
}

// As callers_step_of(), without a copy of the executor: the operation keeps it, and the
// handler keeps the operation.
template <class Handler>
class where_the_caller_is : public Handler {
public:
  using executor_type = asio::any_io_executor;
  using cancellation_slot_type = asio::cancellation_slot;

  where_the_caller_is(Handler handler, const asio::any_io_executor& executor, asio::cancellation_signal& cancel)
      : Handler(std::move(handler)), executor_(&executor), slot_(cancel.slot())
  {
  }

  const executor_type& get_executor() const noexcept { return *executor_; }
  cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }

private:
  const asio::any_io_executor* executor_;
  asio::cancellation_slot slot_;
};

} // namespace

exchange_operation::exchange_operation(const callers_executors& executors, done_type done,
                                       std::shared_ptr<worker_link> worker, answer_shape shape, std::size_t longest,
                                       std::string request)
    : executors_(executors), done_(std::move(done)), worker_(std::move(worker)), shape_(shape), longest_(longest),
      request_(std::move(request)), head_size_(shape == answer_shape::frame ? 4 : 0),
      tail_size_(shape == answer_shape::line ? 1 : 0)
{
}

void exchange_operation::begin()
{
  if (!worker_)
    return refuse(system_error_of(EINVAL));
  if (worker_->is_busy.exchange(true))
    return refuse(system_error_of(EBUSY));
  if (const std::error_code error = why_not()) {
    worker_->is_busy = false;
    return refuse(error);
  }
  for (std::size_t i = 0; i < head_size_; ++i)
    head_[i] = static_cast<char>(request_.size() >> (8 * (3 - i)) & 0xff);
  exit_.begin(self(this), worker_->child.tracked(), &exchange_operation::child_ended);
  if (!done_)
    return;
  write();
  read(); // Also when not all is written. The answer may be there already.
}

// Nothing was sent then.
std::error_code exchange_operation::why_not()
{
  if (shape_ == answer_shape::line && request_.find('\n') != request_.npos)
    return system_error_of(EINVAL);
  if (shape_ == answer_shape::frame && request_.size() > UINT32_MAX)
    return system_error_of(EMSGSIZE);
  if (worker_->child.status())
    return lost_error(EPIPE);
  if (!worker_->child.stdin_pipe().is_open() || !worker_->child.stdout_pipe().is_open())
    return system_error_of(EBADF);
  if (!worker_->is_broken && has_unread())
    worker_->is_broken = true;
  return worker_->is_broken ? system_error_of(EPROTO) : std::error_code();
}

bool exchange_operation::has_unread()
{
  int waiting = 0;
  return !worker_->unread.is_empty() ||
         (::ioctl(worker_->child.stdout_pipe().native_handle(), FIONREAD, &waiting) == 0 && waiting > 0);
}

void exchange_operation::write()
{
  auto& in = worker_->child.stdin_pipe();
  while (done_ && !is_sent() && !input_closed_) {
    std::error_code ec;
    const auto left =
        behind(sent_, {asio::buffer(head_, head_size_), asio::buffer(request_), asio::buffer("\n", tail_size_)});
    sent_ += written_buffers(left).write_to(in.native_handle(), ec);
    if (ec.value() == EAGAIN) {
      in.async_wait(in.wait_write, callers_step_of(self(this), executors_.steps, stop_writing_,
                                                   [](exchange_operation& op, std::error_code) { op.write(); }));
      return;
    }
    input_closed_ = static_cast<bool>(ec); // What follows from that is told by its output, or its end.
  }
}

void exchange_operation::read()
{
  const auto room = worker_->unread.room();
  worker_->child.stdout_pipe().async_read_some(
      asio::buffer(room.data(), room.size()),
      where_the_caller_is(with_end(step_of(self(this), [](exchange_operation& op, step_end& end, std::error_code ec,
                                                          std::size_t size) { op.was_read(end, ec, size); })),
                          executors_.steps, stop_reading_));
  is_reading_ = true;
}

void exchange_operation::was_read(step_end& end, std::error_code ec, std::size_t size)
{
  is_reading_ = false;
  // A pipe and a socket give all they have, up to the room.
  was_filled_ = size == worker_->unread.room().size();
  worker_->unread.add(size);
  if (!done_ || take_answer(&end))
    return;
  if (has_ended_)
    return read_last();
  if (ec)
    return output_ended();
  read();
}

/// Whether that was the end.
bool exchange_operation::take_answer(step_end* end)
{
  std::string answer;
  const auto found = worker_->unread.next(shape_, longest_, answer);
  if (found == answer_buffer::result::more)
    return false;
  if (found == answer_buffer::result::too_long)
    fail(system_error_of(EMSGSIZE));
  else if (!is_sent() && !input_closed_)
    fail(system_error_of(EPROTO));
  else
    finish(end, {}, std::move(answer));
  return true;
}

// Most often it is ending. Who only closes its output is not waited for.
void exchange_operation::output_ended()
{
  grace_.emplace(loop_executor(asio::query(executors_.io, asio::execution::context)));
  grace_->expires_after(end_grace);
  grace_->async_wait(step_of(self(this), [](exchange_operation& op, std::error_code ec) {
    if (!ec && op.done_)
      op.fail(op.lost_error());
  }));
}

void exchange_operation::child_ended(std::error_code, exit_status)
{
  has_ended_ = true;
  if (!done_)
    return;
  if (sent_ == 0)
    return fail(lost_error());
  if (is_reading_)
    stop_reading_.emit(asio::cancellation_type::terminal);
  else
    read_last();
}

// The answer may have been its last words; its streams may be held by others.
void exchange_operation::read_last()
{
  for (;;) {
    const auto room = worker_->unread.room();
    auto& out = worker_->child.stdout_pipe();
    const ssize_t got = out.is_open() ? ::read(out.native_handle(), room.data(), room.size()) : 0;
    if (got <= 0)
      return fail(lost_error());
    worker_->unread.add(static_cast<std::size_t>(got));
    if (take_answer(nullptr))
      return;
  }
}

std::error_code exchange_operation::lost_error() const
{
  return lost_error(worker_->unread.is_empty() ? EPIPE : EBADMSG);
}

/// \param by_itself  When the pool has not ended the worker.
std::error_code exchange_operation::lost_error(int by_itself) const
{
  switch (worker_->stopped_by.load()) {
  case stop_reason::lease_limit:
  case stop_reason::watchdog: return system_error_of(ETIMEDOUT);
  case stop_reason::pool_ends: return asio::error::operation_aborted;
  default: return system_error_of(by_itself);
  }
}

// The answer is still to come, and would be taken for the next one's.
void exchange_operation::cancelled(asio::cancellation_type)
{
  fail(asio::error::operation_aborted);
}

void exchange_operation::out_of_memory() noexcept
{
  fail(system_error_of(ENOMEM));
}

// As if it had not been asked for.
void exchange_operation::refuse(std::error_code error) noexcept
{
  done_(error, {});
}

void exchange_operation::fail(std::error_code ec) noexcept
{
  if (!done_)
    return;
  worker_->is_broken = true;
  finish(nullptr, ec, {});
}

/// \param end  Of the step, when it is one where the handler may be called.
void exchange_operation::finish(step_end* end, std::error_code ec, std::string answer) noexcept
{
  worker_->was_drained = !was_filled_ && worker_->unread.is_empty();
  worker_->is_busy = false;
  exit_.stop();
  if (grace_)
    grace_->cancel();
  if (end)
    done_.at(*end, ec, std::move(answer));
  else
    done_(ec, std::move(answer));
  stop_writing_.emit(asio::cancellation_type::terminal);
  if (is_reading_)
    stop_reading_.emit(asio::cancellation_type::terminal);
}

} // namespace subprocess::detail
