#include <cerrno>

#include <subprocess/detail/child/child_main.hpp>

namespace subprocess::detail {
namespace {

// Only numbers cross to the parent, so an error has to be an errno.
int as_errno(const std::error_code& ec) noexcept
{
  const bool of_system = ec.category() == std::system_category() || ec.category() == std::generic_category();
  return of_system && ec.value() > 0 ? ec.value() : EINVAL;
}

} // namespace

int run_hooks(const child_plan& plan, int& item) noexcept
{
  // An exception must not unwind into the copy of the parent's stack.
  try {
    for (std::size_t i = 0; i < plan.hook_count; ++i) {
      item = static_cast<int>(i);
      if (!plan.hooks[i])
        return EINVAL;
      if (const std::error_code ec = plan.hooks[i]())
        return as_errno(ec);
    }
    return 0;
  } catch (const std::system_error& error) {
    return as_errno(error.code());
  } catch (...) {
    return EINVAL;
  }
}

} // namespace subprocess::detail
