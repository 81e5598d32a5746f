#pragma once

#include <unistd.h>

#include <asio/posix/stream_descriptor.hpp>

#include <array>
#include <cstddef>
#include <iterator>
#include <optional>
#include <system_error>

#include <asio_integration/input_stream.hpp>
#include <asio_integration/terminal_stream.hpp>
#include <subprocess/detail/process/own_pid.hpp>
#include <subprocess/detail/streams/readiness.hpp>
#include <subprocess/unique_fd.hpp>

namespace subprocess::detail {

/// The I/O objects of a child. They keep their place while the child's object is
/// moved, and operations on them hold them: what cancels a wait of Asio's finds
/// the I/O object by its address.
template <class Executor>
class stream_ends {
public:
  using pipe_type = asio::posix::basic_stream_descriptor<Executor>;

  explicit stream_ends(const Executor& executor) : executor_(executor) {}

  const Executor& get_executor() const noexcept { return executor_; }

  stream_ends(const stream_ends&) = delete;
  stream_ends& operator=(const stream_ends&) = delete;

  // A fork of the program shares Asio's epoll set with it. Asio takes what it
  // closes out of the set, and the program would hear of its pipe no more; of a
  // number that is closed already it cannot.
  ~stream_ends()
  {
    if (owner_ != own_pid())
      for_each_open([](pipe_type& end) { ::close(end.native_handle()); });
  }

  // An end becomes an I/O object when it is first asked for or when it is open.
  input_stream<Executor>& in() { return made(in_); }
  pipe_type& out() { return made(out_); }
  pipe_type& err() { return made(err_); }
  terminal_stream<Executor>& terminal() { return made(terminal_); }

  /// 0 to 2, and 3 for the terminal.
  pipe_type& operator[](std::size_t stream)
  {
    switch (stream) {
    case 0: return in();
    case 1: return out();
    case 2: return err();
    default: return terminal();
    }
  }

  /// Where the child's stdout and stderr are read; null for what is not. What it
  /// writes to its terminal counts as the first one that has no pipe.
  std::array<pipe_type*, 2> outputs()
  {
    std::array<pipe_type*, 2> ends = {open(out_), open(err_)};
    if (pipe_type* const only = open(terminal_))
      if (!ends[0] || !ends[1])
        ends[ends[0] ? 1 : 0] = only;
    return ends;
  }

  /// What the child can write to besides, and nobody reads; null when there is none.
  pipe_type* terminal_beside_pipes() { return open(out_) && open(err_) ? open(terminal_) : nullptr; }

  /// All that the child can write to, null for what is not open.
  std::array<pipe_type*, 3> all_outputs() { return {open(out_), open(err_), open(terminal_)}; }

  /// Makes I/O objects of the open ones among `fds`. A failed one stays there.
  void assign(unique_fd (&fds)[4], std::error_code& ec)
  {
    ec.clear();
    for (std::size_t i = 0; i < std::size(fds) && !ec; ++i)
      if (fds[i]) {
        (*this)[i].assign(fds[i].get(), ec);
        if (!ec)
          static_cast<void>(fds[i].release()); // A failed assign() owns nothing.
      }
  }

  /// Closes what is open: operations may still hold the objects.
  void close() noexcept
  {
    std::error_code ignored;
    if (owner_ == own_pid())
      for_each_open([&](pipe_type& end) { end.close(ignored); });
  }

  template <class Function>
  void for_each_open(Function function)
  {
    for (pipe_type* const end : {open(in_), open(out_), open(err_), open(terminal_)})
      if (end)
        function(*end);
  }

private:
  template <class End>
  End& made(std::optional<End>& end)
  {
    if (!end)
      end.emplace(executor_);
    return *end;
  }

  template <class End>
  static pipe_type* open(std::optional<End>& end) noexcept
  {
    return end && end->is_open() ? &*end : nullptr;
  }

  const pid_t owner_ = own_pid();
  const Executor executor_;
  std::optional<input_stream<Executor>> in_;
  std::optional<pipe_type> out_;
  std::optional<pipe_type> err_;
  std::optional<terminal_stream<Executor>> terminal_;
};

} // namespace subprocess::detail
