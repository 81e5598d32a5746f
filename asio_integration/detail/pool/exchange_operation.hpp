#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <asio_integration/detail/operations/completion.hpp>
#include <asio_integration/detail/operations/exit_wait.hpp>
#include <asio_integration/detail/operations/operation.hpp>
#include <asio_integration/detail/pool/worker_link.hpp>

namespace subprocess::detail {

/// One request to a worker, and its answer. It reads while it still writes: a worker
/// may answer a long request as it comes.
///
/// When the worker ends, this completes after it was reaped, so that its status is known.
class exchange_operation : public operation {
public:
  using done_type = completion_owner<std::error_code, std::string>;

  /// \param longest  The longest answer.
  exchange_operation(const callers_executors& executors, done_type done, std::shared_ptr<worker_link> worker,
                     answer_shape shape, std::size_t longest, std::string request);

private:
  void begin() override;
  void cancelled(asio::cancellation_type type) override;
  void out_of_memory() noexcept override;

  std::error_code why_not();
  bool has_unread();
  void write();
  bool is_sent() const noexcept { return sent_ == head_size_ + request_.size() + tail_size_; }
  void read();
  void was_read(step_end& end, std::error_code ec, std::size_t size);
  bool take_answer(step_end* end);
  void output_ended();
  void child_ended(std::error_code ec, exit_status status);
  void read_last();
  std::error_code lost_error() const;
  std::error_code lost_error(int by_itself) const;
  void refuse(std::error_code error) noexcept;
  void fail(std::error_code ec) noexcept;
  void finish(step_end* end, std::error_code ec, std::string answer) noexcept;

  const callers_executors executors_;
  done_type done_;
  const std::shared_ptr<worker_link> worker_;
  const answer_shape shape_;
  const std::size_t longest_;
  const std::string request_;
  std::array<char, 4> head_{}; // Before the request.
  const std::size_t head_size_;
  const std::size_t tail_size_; // A newline behind it.
  std::size_t sent_ = 0;
  exit_wait<exchange_operation> exit_;
  std::optional<loop_timer> grace_;
  asio::cancellation_signal stop_writing_;
  asio::cancellation_signal stop_reading_;
  bool input_closed_ = false; // The worker reads no more.
  bool has_ended_ = false;    // The worker.
  bool is_reading_ = false;
  bool was_filled_ = false; // All the room that was read to.
};

} // namespace subprocess::detail
