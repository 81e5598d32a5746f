#pragma once

#include <atomic>
#include <cstddef>
#include <new>
#include <system_error>
#include <utility>

namespace subprocess::detail {

/// Memory for one wait of Asio's at a time, so that to wait again cannot fail. Others
/// that overlap take theirs from the heap.
class wait_memory {
public:
  void* allocate(std::size_t size)
  {
    return size > sizeof place_ || used_.exchange(true) ? ::operator new(size) : place_;
  }
  void deallocate(void* place) noexcept
  {
    if (place == place_)
      used_ = false;
    else
      ::operator delete(place);
  }

private:
  alignas(std::max_align_t) std::byte place_[256];
  std::atomic<bool> used_ = false; // A wait that was cancelled may end on another thread.
};

template <class T>
class wait_allocator {
public:
  using value_type = T;

  explicit wait_allocator(wait_memory& memory) noexcept : memory_(&memory) {}
  template <class Other>
  wait_allocator(const wait_allocator<Other>& other) noexcept : memory_(other.memory_)
  {
  }

  T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(sizeof(T) * count)); }
  void deallocate(T* place, std::size_t) noexcept { memory_->deallocate(place); }

  template <class Other>
  friend bool operator==(const wait_allocator& a, const wait_allocator<Other>& b) noexcept
  {
    return a.memory_ == b.memory_;
  }

private:
  template <class Other>
  friend class wait_allocator;
  wait_memory* memory_;
};

/// A handler with that memory, which has to outlive the context's handlers, as services
/// do.
template <class Function>
class wait_handler {
public:
  using allocator_type = wait_allocator<std::byte>;

  wait_handler(Function called, wait_memory& memory) noexcept : called_(std::move(called)), memory_(&memory) {}

  allocator_type get_allocator() const noexcept { return allocator_type(*memory_); }

  void operator()(std::error_code ec, int = 0) { called_(ec); }

private:
  Function called_;
  wait_memory* memory_;
};

} // namespace subprocess::detail
