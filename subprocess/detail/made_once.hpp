#pragma once

#include <atomic>
#include <memory>

namespace subprocess::detail {

/// An object for the whole program, made when somebody first asks for it, and never
/// destroyed: a program may run others until its very end.
///
/// No lock guards it, as one guards what a function calls static: a copy of the program that
/// is made meanwhile would find it taken for ever. Of two that are made at once, one stays.
/// \param make  Gives the new object as a std::unique_ptr.
template <class T, class Make>
T& made_once(std::atomic<T*>& place, Make make)
{
  if (T* const known = place.load(std::memory_order_acquire))
    return *known;
  std::unique_ptr<T> made = make();
  T* first = nullptr;
  if (place.compare_exchange_strong(first, made.get(), std::memory_order_acq_rel))
    return *made.release();
  return *first;
}

} // namespace subprocess::detail
