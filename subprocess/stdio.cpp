#include <subprocess/stdio.hpp>

namespace subprocess::detail {

stdio without_input(const stdio& choice)
{
  const auto* const terminal = std::get_if<stdio::pseudo_terminal>(&choice.get());
  return terminal ? stdio(stdio::pseudo_terminal{{terminal->size, false}}) : choice;
}

stdio from_shared_fd(std::shared_ptr<unique_fd> owner)
{
  const int fd = owner->get();
  return stdio(stdio::descriptor{fd, std::move(owner)});
}

} // namespace subprocess::detail
