#pragma once

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <utility>

#include <asio_integration/detail/operations/caller.hpp>
#include <asio_integration/detail/operations/operation.hpp>

namespace subprocess::detail {

/// An operation that takes its memory, and that of its steps, by the handler's allocator.
template <class Operation>
class allocated_operation final : public Operation, private std::pmr::memory_resource {
public:
  template <class... Args>
  explicit allocated_operation(const caller& who, Args&&... args)
      : Operation(who.executors, std::forward<Args>(args)...), memory_(who.memory), link_(who.link)
  {
    operation::use_memory(this);
    if (link_)
      link_->lead_to(this);
  }
  ~allocated_operation() override
  {
    if (link_)
      link_->lead_to(nullptr);
  }

private:
  void* do_allocate(std::size_t bytes, std::size_t) override { return memory_.take(bytes); }
  void do_deallocate(void* place, std::size_t bytes, std::size_t) override { memory_.give_back(place, bytes); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  handler_memory& memory_;
  const std::shared_ptr<cancel_link> link_;
};

/// Takes memory for the operation itself.
template <class T>
class operation_allocator {
public:
  using value_type = T;

  explicit operation_allocator(handler_memory& memory) noexcept : memory_(&memory) {}
  template <class Other>
  operation_allocator(const operation_allocator<Other>& other) noexcept : memory_(other.memory_)
  {
  }

  T* allocate(std::size_t count) { return static_cast<T*>(memory_->take_for_operation(count * sizeof(T))); }
  void deallocate(T* place, std::size_t count) noexcept { memory_->give_back_operation(place, count * sizeof(T)); }

  template <class Other>
  friend bool operator==(const operation_allocator& a, const operation_allocator<Other>& b) noexcept
  {
    return a.memory_ == b.memory_;
  }

private:
  template <class Other>
  friend class operation_allocator;

  handler_memory* memory_;
};

/// How an operation is made: with the executors, a completion_owner and `args`.
template <class Operation>
struct make_operation {
  template <class... Args>
  std::shared_ptr<operation> operator()(const caller& who, typename Operation::done_type done, Args&&... args) const
  {
    using made = allocated_operation<Operation>;
    return std::allocate_shared<made>(operation_allocator<made>(who.memory), who, std::move(done),
                                      std::forward<Args>(args)...);
  }
};

} // namespace subprocess::detail
