#pragma once

#include <cstddef>
#include <memory>

namespace subprocess::tests {

/// What handlers with one account have taken, in blocks.
struct memory_account {
  long taken = 0;
  long given_back = 0;

  long out() const noexcept { return taken - given_back; }
};

/// The allocator of a handler, which counts.
template <class T>
class counting_allocator {
public:
  using value_type = T;

  explicit counting_allocator(memory_account& account) noexcept : account_(&account) {}
  template <class Other>
  counting_allocator(const counting_allocator<Other>& other) noexcept : account_(other.account_)
  {
  }

  T* allocate(std::size_t count)
  {
    ++account_->taken;
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* place, std::size_t count) noexcept
  {
    ++account_->given_back;
    std::allocator<T>().deallocate(place, count);
  }

  template <class Other>
  friend bool operator==(const counting_allocator& a, const counting_allocator<Other>& b) noexcept
  {
    return a.account_ == b.account_;
  }

private:
  template <class Other>
  friend class counting_allocator;

  memory_account* account_;
};

} // namespace subprocess::tests
