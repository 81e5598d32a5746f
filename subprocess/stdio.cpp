#include <subprocess/stdio.hpp>

#include <fcntl.h>

#include <atomic>
#include <memory>

#include <subprocess/detail/made_once.hpp>
#include <subprocess/stdio_target.hpp>

namespace subprocess {
namespace {

using shared_target = std::shared_ptr<const stdio::target>;

template <class Choice>
shared_target made_of(Choice choice)
{
  return std::make_shared<const stdio::target>(std::move(choice));
}

// What has nothing to say about itself is the same for all.
template <class Choice>
const shared_target& the_only()
{
  static constinit std::atomic<const shared_target*> made = nullptr;
  return detail::made_once(made, [] { return std::make_unique<const shared_target>(made_of(Choice{})); });
}

} // namespace

stdio stdio::inherit()
{
  return stdio(the_only<as_parent>());
}

stdio stdio::null()
{
  return stdio(the_only<null_device>());
}

stdio stdio::pipe(std::size_t capacity)
{
  return stdio(capacity ? made_of(new_pipe{capacity}) : the_only<new_pipe>());
}

stdio stdio::socket()
{
  return stdio(the_only<new_socket>());
}

stdio stdio::pty(window_size size)
{
  return stdio(made_of(pseudo_terminal{{size}}));
}

stdio stdio::from_string(std::string data)
{
  return stdio(made_of(text{std::move(data)}));
}

stdio stdio::from_fd(int borrowed)
{
  return stdio(made_of(descriptor{borrowed, nullptr}));
}

stdio stdio::from_fd(unique_fd owned)
{
  return detail::from_shared_fd(std::make_shared<unique_fd>(std::move(owned)));
}

stdio stdio::read_file(path_argument path)
{
  return stdio(made_of(file{std::move(path).take(), O_RDONLY}));
}

stdio stdio::write_file(path_argument path)
{
  return stdio(made_of(file{std::move(path).take(), O_WRONLY | O_CREAT | O_TRUNC}));
}

stdio stdio::append_file(path_argument path)
{
  return stdio(made_of(file{std::move(path).take(), O_WRONLY | O_CREAT | O_APPEND}));
}

stdio stdio::to_stdout()
{
  return stdio(the_only<as_stdout>());
}

namespace detail {

stdio without_input(const stdio& choice)
{
  const auto* const terminal = std::get_if<stdio::pseudo_terminal>(&choice.get());
  return terminal ? stdio(made_of(stdio::pseudo_terminal{{terminal->size, false}})) : choice;
}

stdio from_shared_fd(std::shared_ptr<unique_fd> owner)
{
  const int fd = owner->get();
  return stdio(made_of(stdio::descriptor{fd, std::move(owner)}));
}

} // namespace detail
} // namespace subprocess
