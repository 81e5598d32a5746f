#include <subprocess/detail/launch/private_fd.hpp>

#include <mutex>
#include <utility>

#include <subprocess/detail/launch/core_locks.hpp>
#include <subprocess/detail/streams/pipe.hpp>

namespace subprocess::detail {
namespace {

private_fd* all = nullptr; // Under the launch gate.

// A command may go with its launch, which holds the gate itself.
std::unique_lock<launch_gate> behind_gate(launch_gate& gate) noexcept
{
  return gate.is_mine() ? std::unique_lock(gate, std::defer_lock) : std::unique_lock(gate);
}

} // namespace

private_fd::~private_fd()
{
  launch_gate gate;
  const std::unique_lock lock = behind_gate(gate);
  if (!link_)
    return;
  *link_ = next_;
  if (next_)
    next_->link_ = link_;
  fd_.reset();
}

void private_fd::link() noexcept
{
  next_ = std::exchange(all, this);
  link_ = &all;
  if (next_)
    next_->link_ = &next_;
}

int private_fd::make_pipe(private_fd& read_end, private_fd& write_end) noexcept
{
  launch_gate gate;
  const std::unique_lock lock = behind_gate(gate);
  const int error = detail::make_pipe(read_end.fd_, write_end.fd_);
  if (error)
    return error;
  read_end.link();
  write_end.link();
  return 0;
}

std::shared_ptr<unique_fd> private_fd::shared(std::unique_ptr<private_fd> owned)
{
  const std::shared_ptr<private_fd> owner(std::move(owned));
  return {owner, &owner->fd_};
}

void close_private_copies() noexcept
{
  for (private_fd* one = all; one; one = one->next_)
    one->fd_.reset();
}

} // namespace subprocess::detail
