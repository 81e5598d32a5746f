#include <asio_integration/detail/operations/wait_many_operation.hpp>

#include <asio/error.hpp>
#include <asio/query.hpp>

#include <utility>

#include <asio_integration/detail/reaper/reaper_core.hpp>
#include <asio_integration/detail/streams/child_pipes.hpp>

namespace subprocess::detail {

asio::any_io_executor executor_of(const std::vector<awaited_child>& children)
{
  return children.empty() ? systems_executor() : children.front().executor;
}

class wait_many_operation::one_wait final : private waiter {
public:
  one_wait(awaited_child child, std::size_t index) : child_(std::move(child)), index_(index) {}

  void begin(std::shared_ptr<wait_many_operation> all)
  {
    wait_many_operation& self = *all;
    on_ = true;
    if (!child_.child)
      return told(self, {EINVAL, std::system_category()}, {});
    if (!child_.child.reaper().is_open())
      return told(self, asio::error::operation_aborted, {});
    all_ = std::move(all);
    is_held_ = true;
    loop().hold(); // It may be another than that of the handler.
    if (const auto end = child_.child.reaper().wait(*child_.child.handle(), *this)) {
      const std::shared_ptr<wait_many_operation> keep = std::exchange(all_, nullptr);
      told(self, end->error, end->status);
    }
  }

  void withdraw(wait_many_operation& self) noexcept
  {
    if (!on_ || !child_.child || !child_.child.reaper().remove(*child_.child.handle(), waiter::id))
      return; // Or it is on its way.
    const std::shared_ptr<wait_many_operation> keep = std::exchange(all_, nullptr);
    told(self, asio::error::operation_aborted, {});
  }

private:
  void told(wait_many_operation& self, std::error_code ec, exit_status status)
  {
    if (!std::exchange(on_, false))
      return;
    if (std::exchange(is_held_, false))
      loop().release();
    self.told(index_, {ec, status});
  }

  void complete(std::error_code ec, exit_status status) noexcept override
  {
    const std::shared_ptr<wait_many_operation> all = std::exchange(all_, nullptr);
    all->take_step([&] { told(*all, ec, status); });
  }
  // The child's loop ends. The other children's may go on, and so may the handler's: then it
  // is to be told; and when that is the one that ends, nobody is to come to it any more.
  void abandon() noexcept override
  {
    const std::shared_ptr<wait_many_operation> all = std::exchange(all_, nullptr);
    all->take_step([&] {
      is_held_ = false;
      told(*all, asio::error::operation_aborted, {});
      if (loop() == all->loop_)
        all->withdraw();
    });
  }

  event_queue loop() const { return event_queue(child_.child.reaper().executor().context()); }

  const awaited_child child_;
  const std::size_t index_;
  std::shared_ptr<wait_many_operation> all_;
  bool on_ = false;
  bool is_held_ = false; // The child's loop, for this.
};

wait_many_operation::wait_many_operation(const callers_executors& executors, std::vector<awaited_child> children)
    : loop_(asio::query(executors.io, asio::execution::context)), left_(children.size())
{
  waits_.reserve(children.size());
  for (awaited_child& one : children)
    waits_.push_back(std::make_unique<one_wait>(std::move(one), waits_.size()));
}

wait_many_operation::~wait_many_operation() = default;

// The first may have ended already, which may withdraw the others before they begin.
void wait_many_operation::begin()
{
  beginning_ = true;
  for (std::size_t i = 0; i < waits_.size(); ++i)
    if (withdrawn_)
      told(i, {asio::error::operation_aborted, {}});
    else
      waits_[i]->begin(self(this));
  beginning_ = false;
  if (left_ == 0)
    all_ended();
}

void wait_many_operation::withdraw() noexcept
{
  withdrawn_ = true;
  for (const auto& one : waits_)
    one->withdraw(*this);
}

void wait_many_operation::told(std::size_t index, wait_result result)
{
  --left_;
  ended(index, result);
  if (left_ == 0 && !beginning_)
    all_ended();
}

wait_any_operation::wait_any_operation(const callers_executors& executors, done_type done,
                                       std::vector<awaited_child> children)
    : wait_many_operation(executors, std::move(children)), done_(std::move(done))
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

void wait_any_operation::all_ended() noexcept
{
  if (done_)
    done_(first_.error, index_, first_.status);
}

wait_all_operation::wait_all_operation(const callers_executors& executors, done_type done,
                                       std::vector<awaited_child> children)
    : wait_many_operation(executors, std::move(children)), done_(std::move(done)), results_(count())
{
}

void wait_all_operation::ended(std::size_t index, wait_result result)
{
  results_[index] = result;
  if (result.error == asio::error::operation_aborted)
    aborted_ = true;
}

void wait_all_operation::all_ended() noexcept
{
  if (done_)
    done_(aborted_ ? std::error_code(asio::error::operation_aborted) : std::error_code(), std::move(results_));
}

} // namespace subprocess::detail
