#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace subprocess {

/// What is called by a library: see callback<Result(Args...)>. A plain value.
template <class Signature>
class callback;

/// Something that can be called, or nothing: a function, a lambda, an object, whatever
/// std::function takes, and a std::function too. Its copies have copies of what it holds.
///
/// It is that class without its header, which would cost a program more than the rest of
/// command.hpp does. To call one that holds nothing is an error of the program.
///
/// Thread safety: distinct objects are safe.
template <class Result, class... Args>
class callback<Result(Args...)> {
public:
  callback() noexcept = default;
  /// One that holds nothing.
  callback(std::nullptr_t) noexcept {}

  /// A null pointer, and an object that says so of itself, give one that holds nothing.
  template <class Function, class Held = std::decay_t<Function>>
    requires(!std::same_as<Held, callback> && !std::is_member_pointer_v<Held> &&
             std::is_invocable_r_v<Result, Held&, Args...> && std::is_constructible_v<Held, Function>)
  callback(Function&& function)
  {
    static_assert(std::is_copy_constructible_v<Held>, "what a callback holds is copied with it");
    if (!is_nothing(function))
      held_ = new object<Held>(std::in_place, std::forward<Function>(function));
  }

  callback(const callback& other) : held_(other.held_ ? other.held_->copy() : nullptr) {}
  callback(callback&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  callback& operator=(callback other) noexcept
  {
    std::swap(held_, other.held_);
    return *this;
  }
  ~callback() { delete held_; }

  /// Whether it holds something.
  explicit operator bool() const noexcept { return held_ != nullptr; }

  /// Calls what it holds; what that throws is thrown.
  Result operator()(Args... args) const { return held_->call(std::forward<Args>(args)...); }

private:
  class callable {
  public:
    virtual ~callable() = default;
    virtual callable* copy() const = 0;
    virtual Result call(Args... args) = 0;
  };

  template <class Held>
  class object final : public callable {
  public:
    template <class Function>
    explicit object(std::in_place_t, Function&& function) : held_(std::forward<Function>(function))
    {
    }

    callable* copy() const override { return new object(std::in_place, held_); }
    Result call(Args... args) override { return static_cast<Result>(held_(std::forward<Args>(args)...)); }

  private:
    Held held_;
  };

  template <class Function>
  static bool is_nothing(const Function& function) noexcept
  {
    if constexpr (std::is_pointer_v<Function>)
      return function == nullptr;
    else if constexpr (requires { function.operator bool(); })
      return !function.operator bool();
    else
      return false;
  }

  callable* held_ = nullptr;
};

} // namespace subprocess
