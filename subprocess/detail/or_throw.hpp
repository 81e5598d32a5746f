#pragma once

#include <concepts>
#include <system_error>
#include <type_traits>

namespace subprocess::detail {

/// The throwing form of a call, over the one that takes an error_code.
template <std::invocable<std::error_code&> Call>
auto or_throw(const char* what, Call call)
{
  std::error_code ec;
  const auto check = [&] {
    if (ec)
      throw std::system_error(ec, what);
  };
  if constexpr (std::same_as<std::invoke_result_t<Call, std::error_code&>, void>) {
    call(ec);
    check();
  } else {
    auto result = call(ec);
    check();
    return result;
  }
}

} // namespace subprocess::detail
