#pragma once

#include <cstdint>
#include <utility>

#include <asio_integration/detail/operations/completion.hpp>

namespace subprocess::detail {

/// A number that no other call gives. In compiled code: there is one count, however the
/// program's symbols are hidden.
std::uint64_t next_pending_id() noexcept;

template <class... Results>
class pending_list;

/// One handler that waits for its turn. The list it stands in owns it.
template <class... Results>
class pending : public completion<Results...> {
public:
  /// Names it for a cancellation, which may come when the waiter is gone and
  /// another has its address.
  const std::uint64_t id = next_pending_id();

protected:
  ~pending() = default;

private:
  friend class pending_list<Results...>;
  pending* next_ = nullptr;
};

/// Handlers in the order they came. Intrusive: waiting costs no memory beyond the
/// handler.
template <class... Results>
class pending_list {
public:
  using waiter = pending<Results...>;

  pending_list() noexcept = default;
  pending_list(pending_list&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)), last_(std::exchange(other.last_, nullptr))
  {
  }
  pending_list& operator=(pending_list&& other) noexcept
  {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    return *this;
  }
  ~pending_list()
  {
    while (waiter* one = pop())
      one->abandon();
  }

  bool empty() const noexcept { return !first_; }

  void push(waiter& added) noexcept
  {
    added.next_ = nullptr;
    (last_ ? last_->next_ : first_) = &added;
    last_ = &added;
  }

  waiter* pop() noexcept
  {
    waiter* const one = first_;
    if (one) {
      first_ = one->next_;
      if (!first_)
        last_ = nullptr;
    }
    return one;
  }

  /// Moves all of `other` to the end.
  void append(pending_list& other) noexcept
  {
    if (other.empty())
      return;
    (last_ ? last_->next_ : first_) = other.first_;
    last_ = std::exchange(other.last_, nullptr);
    other.first_ = nullptr;
  }

  /// Null when there is none of that id.
  waiter* remove(std::uint64_t id) noexcept
  {
    waiter* before = nullptr;
    for (waiter* one = first_; one; before = one, one = one->next_)
      if (one->id == id) {
        (before ? before->next_ : first_) = one->next_;
        if (last_ == one)
          last_ = before;
        return one;
      }
    return nullptr;
  }

  void complete_all(Results... results) noexcept
  {
    while (waiter* one = pop())
      one->complete(results...);
  }

private:
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
};

} // namespace subprocess::detail
