#include <asio_integration/detail/operations/wait_many_operation.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>

#include <utility>

namespace subprocess::detail {

wait_many_operation::wait_many_operation(const asio::any_io_executor& executor, std::vector<awaited_child> children)
    : strand_(executor), children_(std::move(children)), waits_(children_.size()), left_(children_.size())
{
}

// On the strand: the first wait may end while the last has not begun.
void wait_many_operation::start()
{
  asio::post(strand_, [self = shared_from_this()] { self->start_waits(); });
}

void wait_many_operation::start_waits()
{
  if (left_ == 0)
    return all_ended();
  for (std::size_t i = 0; i < children_.size(); ++i)
    start_wait(i);
  children_ = {};
  if (withdrawn_)
    withdraw(); // Cancelled before they had begun.
}

void wait_many_operation::start_wait(std::size_t index)
{
  const awaited_child& one = children_[index];
  auto handler = [self = shared_from_this(), index](std::error_code ec, exit_status status) {
    self->ended(index, {ec, status});
    if (--self->left_ == 0)
      self->all_ended();
  };
  one.child.async_wait(one.executor, asio::bind_cancellation_slot(waits_[index].slot(),
                                                                  asio::bind_executor(strand_, std::move(handler))));
}

void wait_many_operation::cancel(asio::cancellation_type)
{
  asio::post(strand_, [self = shared_from_this()] { self->withdraw(); });
}

void wait_many_operation::withdraw()
{
  withdrawn_ = true;
  for (asio::cancellation_signal& wait : waits_)
    wait.emit(asio::cancellation_type::terminal);
}

wait_any_operation::wait_any_operation(const asio::any_io_executor& executor, done_type done,
                                       std::vector<awaited_child> children)
    : wait_many_operation(executor, std::move(children)), done_(std::move(done))
{
}

void wait_any_operation::ended(std::size_t index, wait_result result)
{
  if (std::exchange(decided_, true))
    return;
  index_ = index;
  first_ = result;
  withdraw();
}

void wait_any_operation::all_ended()
{
  done_(first_.error, index_, first_.status);
}

wait_all_operation::wait_all_operation(const asio::any_io_executor& executor, done_type done,
                                       std::vector<awaited_child> children)
    : wait_many_operation(executor, std::move(children)), done_(std::move(done)), results_(count())
{
}

void wait_all_operation::ended(std::size_t index, wait_result result)
{
  results_[index] = result;
  if (result.error == asio::error::operation_aborted)
    aborted_ = true;
}

void wait_all_operation::all_ended()
{
  done_(aborted_ ? std::error_code(asio::error::operation_aborted) : std::error_code(), std::move(results_));
}

} // namespace subprocess::detail
