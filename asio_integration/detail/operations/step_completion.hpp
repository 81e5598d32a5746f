#pragma once

#include <asio/execution_context.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include <asio_integration/detail/asio_internals.hpp>

namespace subprocess::detail {

/// A completion within an operation of what it has started itself: a step, on the loop.
/// No memory is taken, and no lock is held meanwhile. `Base` is or derives from
/// completion<Args...>.
template <class Operation, class Base, class... Args>
class step_completion final : public Base, private loop_task {
public:
  using step = void (*)(Operation&, std::size_t index, Args...);

  /// \param index  For a step that several completions share.
  step_completion(asio::execution_context& context, step called, std::size_t index = 0)
      : loop_task(&step_completion::run), loop_(context), called_(called), index_(index)
  {
  }

  /// To be completed once. It keeps the operation alive until then.
  step_completion& expected_by(std::shared_ptr<Operation> running) noexcept
  {
    running_ = std::move(running);
    return *this;
  }

  void complete(Args... args) noexcept override
  {
    results_.emplace(std::move(args)...);
    loop_.post(*this);
  }

  void abandon() noexcept override { std::exchange(running_, nullptr).reset(); }

private:
  static void run(loop_task& task, bool is_over)
  {
    auto& self = static_cast<step_completion&>(task);
    const std::shared_ptr<Operation> running = std::exchange(self.running_, nullptr);
    std::tuple<Args...> results = std::move(*self.results_);
    self.results_.reset();
    if (is_over)
      return;
    running->take_step(
        [&] { std::apply([&](Args&... args) { self.called_(*running, self.index_, std::move(args)...); }, results); });
  }

  event_queue loop_;
  const step called_;
  const std::size_t index_;
  std::shared_ptr<Operation> running_;
  std::optional<std::tuple<Args...>> results_;
};

} // namespace subprocess::detail
