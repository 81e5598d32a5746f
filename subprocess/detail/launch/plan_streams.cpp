// The streams of a launch: pipes, sockets and terminals, which the parent makes,
// and where they go.

#include <subprocess/detail/launch/launch_plan.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include <subprocess/command_settings.hpp>
#include <subprocess/detail/streams/pipe.hpp>
#include <subprocess/detail/streams/pipe_capacity.hpp>
#include <subprocess/detail/streams/pty.hpp>
#include <subprocess/stdio_target.hpp>

namespace subprocess::detail {
namespace {

constexpr const char* names[] = {"stdin", "stdout", "stderr"};

} // namespace

const stdio::target& launch_plan::chosen(int stream) const noexcept
{
  const auto& set = settings_.streams[stream];
  return (set ? *set : defaults_.streams[stream]).get();
}

// What the child makes. A file that is written is opened for each stream anew; one
// null device serves all.
spawn_failure launch_plan::plan_made_streams()
{
  for (int stream = 0; stream < 3; ++stream) {
    const stdio::target& choice = chosen(stream);
    if (std::holds_alternative<stdio::null_device>(choice)) {
      add_made(stream, {made_stream::kind::null_device, "/dev/null", O_RDWR, nullptr, 0, 0, stream});
    } else if (const auto* file = std::get_if<stdio::file>(&choice)) {
      if (file->path.find('\0') != std::string::npos)
        return fail(spawn_step::prepare, EINVAL, "path: NUL byte");
      add_made(stream, {made_stream::kind::file, file->path.c_str(), file->flags, nullptr, 0, 0, stream});
    } else if (const auto* text = std::get_if<stdio::text>(&choice)) {
      add_made(stream, {made_stream::kind::text, nullptr, 0, text->data.data(), text->data.size(), 0, stream});
    }
  }
  if (std::holds_alternative<stdio::as_stdout>(chosen(2)))
    for (made_stream& made : made_)
      if (made.targets & 2U)
        made.targets |= 4U;
  return {};
}

void launch_plan::add_made(int stream, made_stream made)
{
  const unsigned bit = 1U << stream;
  if (made.what == made_stream::kind::null_device) {
    const auto known = std::ranges::find(made_, made.what, &made_stream::what);
    if (known != made_.end()) {
      known->targets |= bit;
      return;
    }
  }
  made.targets = bit;
  made_.push_back(made);
}

spawn_failure launch_plan::open_ends()
{
  moves_.reserve(3 + settings_.mappings.size());
  for (int stream = 0; stream < 3; ++stream)
    if (spawn_failure failure = open_end(stream))
      return failure;
  plan_moves();
  plan_.terminal = terminal_;
  return {};
}

spawn_failure launch_plan::open_end(int stream)
{
  const stdio::target& choice = chosen(stream);
  if (const auto* pipe = std::get_if<stdio::new_pipe>(&choice))
    return make(stream, *pipe);
  if (const auto* socket = std::get_if<stdio::new_socket>(&choice))
    return make(stream, *socket);
  if (const auto* terminal = std::get_if<stdio::pseudo_terminal>(&choice))
    return make(stream, *terminal);
  return {};
}

spawn_failure launch_plan::make(int stream, const stdio::new_pipe& pipe)
{
  unique_fd& read_end = stream == 0 ? theirs_[stream] : ours[stream];
  unique_fd& write_end = stream == 0 ? ours[stream] : theirs_[stream];
  if (const int error = make_pipe(read_end, write_end))
    return fail(spawn_step::pipe, error, names[stream]);
  if (const int error = pipe.capacity ? set_pipe_capacity(write_end.get(), pipe.capacity) : 0)
    return fail(spawn_step::pipe, error, names[stream] + (" capacity " + std::to_string(pipe.capacity)));
  return {};
}

spawn_failure launch_plan::make(int stream, const stdio::new_socket&)
{
  const int error = make_socket_pair(ours[stream], theirs_[stream]);
  return error ? fail(spawn_step::pipe, error, names[stream] + std::string(" socket")) : spawn_failure();
}

// One for all streams: the first makes it.
spawn_failure launch_plan::make(int stream, const stdio::pseudo_terminal& terminal)
{
  if (terminal_ != -1)
    return {};
  terminal_ = stream;
  const int error = open_pty(terminal.size, ours[3], theirs_[stream]);
  return error ? fail(spawn_step::pty, error, names[stream]) : spawn_failure();
}

void launch_plan::plan_moves()
{
  for (int stream = 0; stream < 3; ++stream)
    plan_stream(stream);
  for (std::size_t i = 0; i < settings_.mappings.size(); ++i) {
    const auto& mapping = settings_.mappings[i];
    moves_.push_back({mapping.parent_fd, mapping.child_fd, spawn_step::map_fd, static_cast<int>(i)});
  }
}

// An inherited stream stays where and what it is; exec itself closes it when it is
// close-on-exec.
void launch_plan::plan_stream(int stream)
{
  const bool as_stdout = std::holds_alternative<stdio::as_stdout>(chosen(stream));
  const int origin = as_stdout ? 1 : stream;
  const stdio::target& choice = chosen(origin);
  if (const auto* given = std::get_if<stdio::descriptor>(&choice))
    return moves_.push_back({given->fd, stream, spawn_step::stdio, stream, given->owner != nullptr});
  if (std::holds_alternative<stdio::as_parent>(choice)) {
    plan_.stderr_as_stdout |= as_stdout;
    return;
  }
  const bool is_terminal = std::holds_alternative<stdio::pseudo_terminal>(choice);
  if (const unique_fd& end = theirs_[is_terminal ? terminal_ : origin])
    moves_.push_back({end.get(), stream, spawn_step::stdio, stream});
}

void launch_plan::close_theirs() noexcept
{
  for (unique_fd& end : theirs_)
    end.reset();
}

} // namespace subprocess::detail
