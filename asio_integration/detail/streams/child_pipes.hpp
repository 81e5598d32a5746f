#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/system_executor.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <asio_integration/detail/streams/stream_ends.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// Where the closed pipes of an empty child belong. Nothing ever runs there; it
/// lives as long as the program.
asio::io_context& nowhere();

/// The system's executor. Compiled once: a program would compile it for long.
asio::any_io_executor systems_executor();

/// Owns our ends of a child's pipes, and of its terminal: they are closed with it.
template <class Executor>
class child_pipes {
public:
  using ends_type = stream_ends<Executor>;

  child_pipes() noexcept = default;
  explicit child_pipes(const Executor& executor) : executor_(executor) {}

  // The executor stays behind too: what was moved from still completes there.
  child_pipes(child_pipes&& other) noexcept : executor_(other.executor_), ends_(std::move(other.ends_)) {}
  child_pipes& operator=(child_pipes&& other) noexcept
  {
    if (this == &other)
      return *this;
    close();
    executor_ = other.executor_;
    ends_ = std::move(other.ends_);
    return *this;
  }

  ~child_pipes() { close(); }

  template <class Other>
  explicit child_pipes(child_pipes<Other>&& other)
  {
    if (other.executor_)
      executor_.emplace(*other.executor_);
    if (other.ends_)
      for (std::size_t i = 0; i < 4; ++i)
        if ((*other.ends_)[i].is_open())
          (*ends())[i].assign((*other.ends_)[i].release());
  }

  /// Without one of our own: the system's, so that what is started on an empty
  /// child does complete.
  Executor get_executor() const
  {
    if (executor_)
      return *executor_;
    if constexpr (std::same_as<Executor, asio::any_io_executor>)
      return systems_executor();
    else if constexpr (std::constructible_from<Executor, asio::system_executor>)
      return Executor(asio::system_executor());
    else
      return Executor(nowhere().get_executor());
  }

  /// For operations, which hold what they work on. Never null.
  const std::shared_ptr<ends_type>& ends()
  {
    if (!ends_)
      ends_ = std::make_shared<ends_type>(executor_ ? *executor_ : Executor(nowhere().get_executor()));
    return ends_;
  }

private:
  template <class Other>
  friend class child_pipes;

  void close() noexcept
  {
    if (ends_)
      ends_->close();
  }

  std::optional<Executor> executor_;
  std::shared_ptr<ends_type> ends_;
};

} // namespace subprocess::detail
