#include "random_host.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "baseline.hpp"

namespace subprocess::tests {

random_host::random_host(const scratch_directory& scratch, unsigned seed, int limit)
    : scratch_(scratch), random_(seed), limit_(limit)
{
  tell("seed " + std::to_string(seed));
  take_low_numbers();
  open_standard_streams();
  open_sources();
  draw_streams();
  draw_mappings();
}

random_host::~random_host()
{
  for (const auto& [fd, tag] : parent_)
    ::close(fd);
}

/// The content of the file tells which one it is, by whatever number.
void random_host::open_at(int fd, const std::string& tag, bool inheritable)
{
  const std::string path = scratch_ / tag;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file == -1 || ::pwrite(file, tag.data(), tag.size(), 0) == -1)
    throw std::system_error(errno, std::system_category(), path);
  if (file != fd) {
    ::dup3(file, fd, O_CLOEXEC);
    ::close(file);
  }
  if (inheritable)
    ::fcntl(fd, F_SETFD, 0);
  parent_[fd] = tag;
}

/// As in a server with many connections, some of them open to an exec.
void random_host::take_low_numbers()
{
  static constexpr int ends[] = {3, 3, 8, 20, 62, 64, 66, 130, 250, 256, 258, 300};
  const int end = ends[below(static_cast<int>(std::size(ends)))];
  tell("taken up to " + std::to_string(end));
  const std::set<int> open = open_descriptors();
  const bool with_gaps = chance(30);
  for (int fd = 3; fd < end; ++fd)
    if (!open.contains(fd) && !(with_gaps && chance(10)))
      open_at(fd, "taken", chance(30));
}

void random_host::open_standard_streams()
{
  for (int fd = 0; fd < 3; ++fd) {
    ::close(fd);
    const int kind = below(10);
    if (kind == 0)
      tell(std::to_string(fd) + " closed");
    else
      open_at(fd, "standard" + std::to_string(fd), kind != 1);
    if (kind == 1)
      tell(std::to_string(fd) + " close-on-exec");
  }
}

int random_host::any_place()
{
  switch (below(6)) {
  case 0: return 3 + below(20);
  case 1: return 20 + below(44);
  case 2: return 64 + below(10);
  case 3: return 64 + below(200);
  case 4: return 256 + below(60);
  default: return limit_ - 1 - below(5);
  }
}

void random_host::open_sources()
{
  const std::set<int> open = open_descriptors();
  for (int left = 1 + below(12); left > 0; --left) {
    const int fd = any_place();
    if (open.contains(fd) && !parent_.contains(fd))
      continue; // Not ours.
    if (!sources_.empty() && chance(15)) {
      ::dup3(any_of(sources_), fd, O_CLOEXEC); // Two numbers of one file.
      parent_[fd] = "";
      char tag[64] = {};
      if (::pread(fd, tag, sizeof tag - 1, 0) > 0)
        parent_[fd] = tag;
    } else {
      open_at(fd, "source" + std::to_string(fd), chance(30));
    }
    sources_.push_back(fd);
  }
  if (sources_.empty()) {
    open_at(limit_ - 6, "source", false);
    sources_.push_back(limit_ - 6);
  }
  for (int fd = 0; fd < 3; ++fd)
    if (parent_.contains(fd) && chance(25))
      sources_.push_back(fd);
}

void random_host::draw_streams()
{
  for (int stream = 0; stream < 3; ++stream)
    draw_stream(stream);
}

void random_host::draw_stream(int stream)
{
  const auto say = [&](stdio what, const std::string& content, const std::string& name) {
    streams_.emplace_back(stream, std::move(what));
    child_[stream] = content;
    tell(name + ">" + std::to_string(stream));
  };
  const int kind = below(stream == 0 ? 7 : 6);
  if (kind == 1)
    return say(stdio::null(), "null", "null");
  if (kind == 2 || kind == 3) {
    const int source = any_of(sources_);
    return say(stdio::from_fd(source), parent_[source], std::to_string(source));
  }
  if (kind == 4) {
    const std::string tag = "file" + std::to_string(stream);
    return say(stdio::read_file(scratch_.file(tag, tag)), tag, tag);
  }
  if (kind == 5 && stream == 2 && child_.contains(1))
    return say(stdio::to_stdout(), child_[1], "stdout");
  if (kind == 6)
    return say(stdio::from_string("given"), "given", "text");
  // Inherited: as exec has it.
  if (parent_.contains(stream) && ::fcntl(stream, F_GETFD) == 0)
    child_[stream] = parent_[stream];
}

int random_host::any_target()
{
  switch (below(6)) {
  case 0: return 3 + below(12);
  case 1: return std::max(3, any_of(sources_));
  case 2: return std::max(3, any_of(sources_) + 1 - below(3));
  case 3: return 60 + below(10);
  case 4: return 250 + below(60);
  default: return limit_ - 1 - below(5);
  }
}

void random_host::map(int source, int target)
{
  if (target < 3 || target >= limit_)
    return;
  mappings_.emplace_back(source, target);
  child_[target] = parent_[source];
  tell(std::to_string(source) + ">" + std::to_string(target));
}

void random_host::draw_mappings()
{
  const int count = static_cast<int>(sources_.size());
  switch (below(5)) {
  case 0: // A circle: a swap when there are two.
    for (int i = 0; i < count; ++i)
      map(sources_[static_cast<std::size_t>(i)], sources_[static_cast<std::size_t>((i + 1) % count)]);
    break;
  case 1: { // Numbers side by side, where those of a launch itself lie.
    int target = 3 + below(16);
    for (const int source : sources_)
      map(source, target++);
    break;
  }
  case 2: // Where they are.
    for (const int source : sources_)
      map(source, source);
    break;
  default: break;
  }
  for (int more = below(6); more > 0; --more)
    map(any_of(sources_), any_target());
}

void random_host::apply(command& what) const
{
  for (const auto& [stream, target] : streams_)
    if (stream == 0)
      what.stdin_from(target);
    else
      stream == 1 ? what.stdout_to(target) : what.stderr_to(target);
  for (const auto& [source, target] : mappings_)
    what.map_fd(source, target);
}

std::string random_host::expected() const
{
  std::string text;
  for (const auto& [fd, content] : child_)
    text += std::to_string(fd) + " " + content + "\n";
  return text;
}

} // namespace subprocess::tests
