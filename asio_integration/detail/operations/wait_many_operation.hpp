#pragma once

#include <asio/any_io_executor.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <system_error>
#include <vector>

#include <asio_integration/detail/operations/awaited_child.hpp>
#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/reaper/tracked_child.hpp>
#include <asio_integration/wait_result.hpp>

namespace subprocess::detail {

/// A wait for each of several children. Cancelled, it withdraws those that are
/// left, and they count as ended.
class wait_many_operation : public operation {
protected:
  wait_many_operation(const callers_executors& executors, std::vector<awaited_child> children);
  ~wait_many_operation() override;

  // All that follows is called under the lock.

  virtual void ended(std::size_t index, wait_result result) = 0;
  virtual void all_ended() noexcept = 0;

  void withdraw() noexcept;

  std::size_t count() const noexcept { return waits_.size(); }

private:
  /// The wait for one of them, on the loop of that child.
  class one_wait;

  void begin() override;
  void cancelled(asio::cancellation_type) override { withdraw(); }
  void out_of_memory() noexcept override { withdraw(); }

  void told(std::size_t index, wait_result result);

  const event_queue loop_; // Where the operation completes.
  std::vector<std::unique_ptr<one_wait>> waits_;
  std::size_t left_;
  bool beginning_ = false;
  bool withdrawn_ = false;
};

/// The first one to end; the other waits are withdrawn.
class wait_any_operation : public wait_many_operation {
public:
  using done_type = completion_owner<std::error_code, std::size_t, exit_status>;

  wait_any_operation(const callers_executors& executors, done_type done, std::vector<awaited_child> children);

private:
  void ended(std::size_t index, wait_result result) override;
  void all_ended() noexcept override;

  done_type done_;
  bool decided_ = false;
  std::size_t index_ = 0;
  wait_result first_{{EINVAL, std::system_category()}, {}}; // What it is without children.
};

class wait_all_operation : public wait_many_operation {
public:
  using done_type = completion_owner<std::error_code, std::vector<wait_result>>;

  wait_all_operation(const callers_executors& executors, done_type done, std::vector<awaited_child> children);

private:
  void ended(std::size_t index, wait_result result) override;
  void all_ended() noexcept override;

  done_type done_;
  std::vector<wait_result> results_;
  bool aborted_ = false;
};

} // namespace subprocess::detail
