#include <subprocess/observer.hpp>

#include <ostream>
#include <utility>

#include <subprocess/detail/observation/observer_list.hpp>

namespace subprocess {

std::string_view to_string(observed what) noexcept
{
  switch (what) {
  case observed::started: return "started";
  case observed::adopted: return "adopted";
  case observed::failed: return "failed";
  case observed::ended: return "ended";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, observed what)
{
  return out << to_string(what);
}

std::string to_string(const observation& seen)
{
  std::string text(to_string(seen.what));
  if (seen.what == observed::failed)
    return text.append(": ").append(seen.failure.message());
  text.append(" ").append(std::to_string(seen.pid));
  if (!seen.command_line.empty())
    text.append(": ").append(seen.command_line);
  if (seen.what == observed::ended)
    text.append(": ").append(seen.error ? seen.error.message() : to_string(seen.status));
  return text;
}

std::ostream& operator<<(std::ostream& out, const observation& seen)
{
  return out << to_string(seen);
}

observer::observer(function told) : registered_(std::make_shared<detail::registered_observer>(std::move(told)))
{
  detail::observer_list::add(registered_);
}

observer& observer::operator=(observer&& other) noexcept
{
  observer former(std::move(*this));
  registered_ = std::move(other.registered_);
  return *this;
}

observer::~observer()
{
  if (!registered_)
    return;
  detail::observer_list::remove(*registered_);
  registered_->close();
}

} // namespace subprocess
