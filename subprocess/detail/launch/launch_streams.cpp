// The streams that a launch makes: files, pipes, sockets, terminals.

#include <subprocess/detail/launch/launch_plan.hpp>

#include <fcntl.h>

#include <cerrno>

#include <subprocess/detail/streams/input_file.hpp>
#include <subprocess/detail/streams/pipe.hpp>
#include <subprocess/detail/streams/pipe_capacity.hpp>
#include <subprocess/detail/streams/pty.hpp>

namespace subprocess::detail {
namespace {

constexpr const char* names[] = {"stdin", "stdout", "stderr"};

} // namespace

spawn_failure launch_plan::make_stream(int stream, const stdio::target& choice)
{
  return std::visit(
      [&](const auto& kind) -> spawn_failure {
        if constexpr (requires { make(stream, kind); }) {
          spawn_failure failure = make(stream, kind);
          sources_[stream] = theirs_[terminal_ != -1 && !theirs_[stream] ? terminal_ : stream].get();
          return failure;
        } else {
          return {};
        }
      },
      choice);
}

spawn_failure launch_plan::make(int stream, const stdio::null_device&)
{
  const int error = open_file("/dev/null", O_RDWR, theirs_[stream]);
  return error ? fail(spawn_step::open_file, error, "\"/dev/null\"") : spawn_failure();
}

spawn_failure launch_plan::make(int stream, const stdio::file& file)
{
  const std::string& path = file.path.native();
  if (path.find('\0') != std::string::npos)
    return fail(spawn_step::prepare, EINVAL, "path: NUL byte");
  const int error = open_file(path.c_str(), file.flags, theirs_[stream]);
  return error ? fail(spawn_step::open_file, error, '"' + path + '"') : spawn_failure();
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

spawn_failure launch_plan::make(int stream, const stdio::text& text)
{
  const int error = make_input_file(*text.data, theirs_[stream]);
  return error ? fail(spawn_step::open_file, error, names[stream] + std::string(" data")) : spawn_failure();
}

} // namespace subprocess::detail
