#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace subprocess::detail {

/// Where a stream is, for an operation that comes back to it. In between the stream may
/// have been moved or destroyed, as any of Asio's may be while something is pending on it.
///
/// Thread safety: safe.
template <class Stream>
class stream_place {
public:
  explicit stream_place(Stream& stream) noexcept : stream_(&stream) {}

  /// Calls it with the stream, which stays meanwhile. False: it is gone.
  template <class Function>
  bool visit(Function function)
  {
    const std::lock_guard lock(mutex_);
    if (stream_)
      function(*stream_);
    return stream_ != nullptr;
  }

  /// \param stream  Null: it is being destroyed.
  void moved_to(Stream* stream) noexcept
  {
    const std::lock_guard lock(mutex_);
    stream_ = stream;
  }

private:
  std::mutex mutex_;
  Stream* stream_;
};

/// What a stream has of its place: a member, which ends before the base class does. Takes no
/// memory until an operation has to come back.
template <class Stream>
class known_place {
public:
  known_place() noexcept = default;
  known_place(const known_place&) = delete;
  known_place& operator=(const known_place&) = delete;
  ~known_place() { tell(nullptr); }

  /// \param stream  Whose member this is.
  std::shared_ptr<stream_place<Stream>> of(Stream& stream)
  {
    if (!place_)
      place_ = std::make_shared<stream_place<Stream>>(stream);
    return place_;
  }

  /// What is pending on the other is pending on `stream` now, whose member this is; what was
  /// pending there has lost its stream.
  void take_over(known_place& other, Stream& stream) noexcept
  {
    tell(nullptr);
    place_ = std::exchange(other.place_, nullptr);
    tell(&stream);
  }

private:
  void tell(Stream* where) noexcept
  {
    if (place_)
      place_->moved_to(where);
  }

  std::shared_ptr<stream_place<Stream>> place_;
};

} // namespace subprocess::detail
