#include <cerrno>

#include <subprocess/detail/child_main.hpp>

namespace subprocess::detail {
namespace {

// Only numbers cross to the parent, so an error has to be an errno.
int as_errno(const std::error_code& ec) noexcept
{
  if (ec.category() == std::system_category() || ec.category() == std::generic_category())
    return ec.value();
  return EINVAL;
}

} // namespace

int run_hooks(const child_plan& plan, int& item) noexcept
{
  // An exception must not unwind into the copy of the parent's stack.
  try {
    for (std::size_t i = 0; i < plan.hook_count; ++i) {
      item = static_cast<int>(i);
      if (const std::error_code ec = plan.hooks[i]())
        return as_errno(ec);
    }
    return 0;
  } catch (const std::system_error& error) {
    const int value = as_errno(error.code());
    return value ? value : EINVAL;
  } catch (...) {
    return EINVAL;
  }
}

} // namespace subprocess::detail
