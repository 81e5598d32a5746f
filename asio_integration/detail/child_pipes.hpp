#pragma once

#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/system_executor.hpp>

#include <array>
#include <concepts>
#include <optional>
#include <system_error>
#include <utility>

#include <asio_integration/terminal_stream.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// Where the closed pipes of an empty child belong. Nothing ever runs there; it
/// lives as long as the program.
inline asio::io_context& nowhere()
{
  static asio::io_context* const context = new asio::io_context;
  return *context;
}

/// Our ends of a child's pipes, and of its terminal. An end becomes an I/O object
/// when it is first asked for or when it is open.
template <class Executor>
class child_pipes {
public:
  using pipe_type = asio::posix::basic_stream_descriptor<Executor>;

  child_pipes() noexcept = default;
  explicit child_pipes(const Executor& executor) : executor_(executor) {}

  // The executor stays behind too: what was moved from still completes there.
  child_pipes(child_pipes&& other) noexcept
      : owner_(std::exchange(other.owner_, nobody)), executor_(other.executor_), ends_(std::move(other.ends_)),
        terminal_(std::move(other.terminal_))
  {
  }
  child_pipes& operator=(child_pipes&& other) noexcept
  {
    let_go_in_a_fork();
    owner_ = std::exchange(other.owner_, nobody);
    executor_ = other.executor_;
    ends_ = std::move(other.ends_);
    terminal_ = std::move(other.terminal_);
    return *this;
  }

  ~child_pipes() { let_go_in_a_fork(); }

  template <class Other>
  explicit child_pipes(child_pipes<Other>&& other) : owner_(std::exchange(other.owner_, nobody))
  {
    if (other.executor_)
      executor_.emplace(*other.executor_);
    for (std::size_t i = 0; i < ends_.size(); ++i)
      if (other.ends_[i] && other.ends_[i]->is_open())
        (*this)[i].assign(other.ends_[i]->release());
    if (other.terminal_ && other.terminal_->is_open())
      terminal().assign(other.terminal_->release());
  }

  /// Without one of our own: the system's, so that what is started on an empty
  /// child does complete.
  Executor get_executor() const
  {
    if (executor_)
      return *executor_;
    if constexpr (std::constructible_from<Executor, asio::system_executor>)
      return Executor(asio::system_executor());
    else
      return Executor(nowhere().get_executor());
  }

  /// 0 to 2, and 3 for the terminal.
  pipe_type& operator[](std::size_t stream)
  {
    if (stream == ends_.size())
      return terminal();
    if (!ends_[stream])
      ends_[stream].emplace(executor_of_end());
    return *ends_[stream];
  }

  terminal_stream<Executor>& terminal()
  {
    if (!terminal_)
      terminal_.emplace(executor_of_end());
    return *terminal_;
  }

  /// Makes I/O objects of the open ones among `fds`.
  void assign(unique_fd (&fds)[4], std::error_code& ec)
  {
    ec.clear();
    for (std::size_t i = 0; i < std::size(fds) && !ec; ++i)
      if (fds[i]) {
        owner_ = ::getpid();
        (*this)[i].assign(fds[i].get(), ec);
        if (!ec)
          static_cast<void>(fds[i].release()); // A failed assign() owns nothing.
      }
  }

private:
  template <class Other>
  friend class child_pipes;

  // A fork of the program shares Asio's epoll set with it. Asio takes what it
  // closes out of the set, and the program would hear of its pipe no more; of a
  // number that is closed already it cannot.
  void let_go_in_a_fork() noexcept
  {
    if (owner_ == nobody || owner_ == ::getpid())
      return;
    for (auto& end : ends_)
      if (end && end->is_open())
        ::close(end->native_handle());
    if (terminal_ && terminal_->is_open())
      ::close(terminal_->native_handle());
  }

  Executor executor_of_end() const { return executor_ ? *executor_ : Executor(nowhere().get_executor()); }

  static constexpr pid_t nobody = 0;
  pid_t owner_ = nobody; // The program that opened the ends.
  std::optional<Executor> executor_;
  std::array<std::optional<pipe_type>, 3> ends_;
  std::optional<terminal_stream<Executor>> terminal_;
};

} // namespace subprocess::detail
