#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <array>
#include <optional>
#include <system_error>
#include <utility>

#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// The executor of an object that has none: nothing ever runs there. It lives
/// as long as the program.
inline asio::io_context& nowhere()
{
  static asio::io_context* const context = new asio::io_context;
  return *context;
}

/// Our ends of a child's pipes. An end becomes an I/O object when it is first
/// asked for or when it is open.
template <class Executor>
class child_pipes {
public:
  using pipe_type = asio::posix::basic_stream_descriptor<Executor>;

  child_pipes() noexcept = default;
  explicit child_pipes(const Executor& executor) : executor_(executor) {}

  template <class Other>
  explicit child_pipes(child_pipes<Other>&& other)
  {
    if (other.executor_)
      executor_.emplace(*other.executor_);
    for (std::size_t i = 0; i < ends_.size(); ++i)
      if (other.ends_[i] && other.ends_[i]->is_open())
        (*this)[i].assign(other.ends_[i]->release());
  }

  Executor get_executor() const
  {
    if (executor_)
      return *executor_;
    return Executor(nowhere().get_executor());
  }

  pipe_type& operator[](std::size_t stream)
  {
    if (!ends_[stream])
      ends_[stream].emplace(get_executor());
    return *ends_[stream];
  }

  /// Makes I/O objects of the open ones among `fds`.
  void assign(unique_fd (&fds)[3], std::error_code& ec)
  {
    ec.clear();
    for (std::size_t i = 0; i < ends_.size() && !ec; ++i)
      if (fds[i]) {
        (*this)[i].assign(fds[i].get(), ec);
        if (!ec)
          static_cast<void>(fds[i].release()); // A failed assign() owns nothing.
      }
  }

private:
  template <class Other>
  friend class child_pipes;

  std::optional<Executor> executor_;
  std::array<std::optional<pipe_type>, 3> ends_;
};

} // namespace subprocess::detail
