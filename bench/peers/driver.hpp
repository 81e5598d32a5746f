// What every driver in C++ shares: the workloads, and the protocol of README.md.
//
// A driver gives a class, the peer, which holds its library's event loop and
// makes four calls of it; everything else is the same for all:
//
//   struct peer {
//     void start(char* const* argv, bench::job& job);  // keeps &job until job.done
//     void run_one();                                  // blocks until the loop did something
//     std::size_t capture(char* const* argv);          // collects stdout, waits; its size
//     std::uint64_t drain(char* const* argv);          // reads and discards stdout, waits
//   };
//   int main(int argc, char** argv) { return bench::run_driver<peer>(argc, argv, "name", "version"); }
//
// All standard streams that nobody reads are /dev/null. argv[0] is a path.

#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// One child, as the peer reports it.
struct job {
  pid_t pid = 0;      // As soon as the library tells it.
  bool done = false;  // The loop notified the exit.
  bool clean = false; // It exited with code 0.
};

struct options {
  std::string workload;
  std::string child;
  std::uint64_t count = 100;
  std::uint64_t inflight = 64;
  std::uint64_t resident_mib = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t live = 100;
  std::uint64_t bytes = std::uint64_t{1} << 30;
};

constexpr std::uint64_t captured_bytes = 65536;
constexpr std::uint64_t batch_size = 512;
constexpr int warm_up_runs = 3;

inline void require(bool condition, const char* what)
{
  if (!condition)
    throw std::runtime_error(what);
}

/// An argument vector in the form that execve() takes.
class arguments {
public:
  arguments(std::initializer_list<std::string> words) : words_(words)
  {
    for (std::string& word : words_)
      pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  arguments(const arguments&) = delete;
  arguments& operator=(const arguments&) = delete;

  [[nodiscard]] char* const* get() const { return pointers_.data(); }

private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

class stopwatch {
public:
  [[nodiscard]] double seconds() const
  {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  [[nodiscard]] double microseconds() const { return seconds() * 1e6; }

private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Makes this process as large as a server's: what fork() copies.
inline void occupy_memory(std::uint64_t mib)
{
  if (mib == 0)
    return;
  const std::size_t size = mib << 20;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED, "mmap");
  for (std::size_t offset = 0; offset < size; offset += 4096)
    static_cast<volatile char*>(memory)[offset] = 1;
}

/// Opens descriptors as a server's connections would: what a child's table copies.
inline void occupy_descriptors(std::uint64_t count, std::uint64_t live)
{
  // Some libraries keep several descriptors for each child.
  const rlim_t wanted = count + live * 4 + 1024;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit raised{std::max(limit.rlim_cur, wanted), std::max(limit.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == -1) {
    limit.rlim_cur = limit.rlim_max; // Not privileged: as far as we may.
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  for (std::uint64_t i = 0; i < count; ++i)
    require(::open("/dev/null", O_RDONLY | O_CLOEXEC) != -1, "open /dev/null");
}

template <class Peer>
class workloads {
public:
  explicit workloads(const options& given) : options_(given) {}

  void run()
  {
    for (const entry& known : table)
      if (options_.workload == known.name)
        return (this->*known.run)();
    throw std::invalid_argument("unknown workload");
  }

  [[nodiscard]] const std::vector<double>& samples() const { return samples_; }

  static void list()
  {
    for (const entry& known : table)
      std::puts(known.name);
  }

private:
  struct entry {
    const char* name;
    void (workloads::*run)();
  };
  static constexpr entry table[] = {
      {"sequential", &workloads::sequential}, {"inflight", &workloads::inflight},
      {"hold", &workloads::hold},             {"capture", &workloads::capture},
      {"bulk", &workloads::bulk},             {"live", &workloads::live},
      {"live_spawn", &workloads::live_spawn},
  };

  void finish(const job& running)
  {
    while (!running.done)
      peer_.run_one();
  }

  template <class Action>
  void measure(Action action)
  {
    for (int i = 0; i < warm_up_runs; ++i)
      action();
    for (std::uint64_t i = 0; i < options_.count; ++i)
      samples_.push_back(action());
  }

  void sequential()
  {
    measure([&] {
      const stopwatch watch;
      job child;
      peer_.start(plain_.get(), child);
      finish(child);
      const double elapsed = watch.microseconds();
      require(child.clean, "the child failed");
      return elapsed;
    });
  }

  void inflight()
  {
    const std::uint64_t batch = std::min(options_.count, batch_size);
    for (std::uint64_t i = 0; i < std::max<std::uint64_t>(options_.count / batch, 1); ++i) {
      const stopwatch watch;
      run_batch(batch);
      samples_.push_back(watch.microseconds() / static_cast<double>(batch));
    }
  }

  void run_batch(std::uint64_t batch)
  {
    std::vector<job> slots(std::min(options_.inflight, batch));
    std::uint64_t started = 0;
    std::uint64_t ended = 0;
    for (job& slot : slots) {
      peer_.start(plain_.get(), slot);
      ++started;
    }
    while (ended < batch) {
      peer_.run_one();
      for (job& slot : slots) {
        if (!slot.done)
          continue;
        require(slot.clean, "the child failed");
        slot = job{};
        ++ended;
        if (started < batch) {
          ++started;
          peer_.start(plain_.get(), slot);
        }
      }
    }
  }

  void hold()
  {
    measure([&] {
      job child;
      const stopwatch watch;
      peer_.start(plain_.get(), child);
      const double elapsed = watch.microseconds();
      finish(child);
      return elapsed;
    });
  }

  void capture()
  {
    measure([&] {
      const stopwatch watch;
      const std::size_t size = peer_.capture(writing_.get());
      const double elapsed = watch.microseconds();
      require(size == captured_bytes, "output was lost");
      return elapsed;
    });
  }

  void bulk()
  {
    const arguments head{"/usr/bin/head", "-c", std::to_string(options_.bytes), "/dev/zero"};
    for (std::uint64_t i = 0; i < options_.count; ++i) {
      const stopwatch watch;
      const std::uint64_t size = peer_.drain(head.get());
      const double elapsed = watch.seconds();
      require(size == options_.bytes, "output was lost");
      samples_.push_back(static_cast<double>(size) / elapsed / (1 << 30));
    }
  }

  void live()
  {
    start_crowd();
    measure([&] {
      job child;
      peer_.start(pausing_.get(), child);
      while (child.pid == 0)
        peer_.run_one();
      ::usleep(1000); // The child shall sleep, not start, when the signal comes.
      const stopwatch watch;
      ::kill(child.pid, SIGKILL);
      finish(child);
      return watch.microseconds();
    });
    kill_crowd();
  }

  void live_spawn()
  {
    start_crowd();
    sequential();
    kill_crowd();
  }

  void start_crowd()
  {
    for (std::uint64_t i = 0; i < options_.live; ++i) {
      peer_.start(pausing_.get(), crowd_.emplace_back());
      while (crowd_.back().pid == 0)
        peer_.run_one();
    }
  }

  void kill_crowd()
  {
    for (const job& member : crowd_) {
      require(!member.done, "a child of the crowd left early");
      ::kill(member.pid, SIGKILL);
    }
  }

  const options& options_;
  const arguments plain_{options_.child};
  const arguments writing_{options_.child, "write", std::to_string(captured_bytes)};
  const arguments pausing_{options_.child, "pause"};
  Peer peer_{};
  std::deque<job> crowd_; // Its elements stay where they are.
  std::vector<double> samples_;
};

inline options parse(int argc, char** argv)
{
  options parsed;
  require(argc >= 2, "which workload?");
  parsed.workload = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const auto number = [&] { return std::strtoull(argv[i + 1], nullptr, 10); };
    if (name == "--child")
      parsed.child = argv[i + 1];
    else if (name == "--count")
      parsed.count = std::max<std::uint64_t>(number(), 1);
    else if (name == "--inflight")
      parsed.inflight = number();
    else if (name == "--resident-mib")
      parsed.resident_mib = number();
    else if (name == "--open-fds")
      parsed.open_fds = number();
    else if (name == "--live")
      parsed.live = number();
    else if (name == "--bytes")
      parsed.bytes = number();
    else
      throw std::invalid_argument("unknown option");
  }
  return parsed;
}

/// The main() of a driver; the peer is made after memory and descriptors are taken.
template <class Peer>
int run_driver(int argc, char** argv, const char* library, const std::string& version)
try {
  const options given = parse(argc, argv);
  if (given.workload == "--list") {
    workloads<Peer>::list();
    return 0;
  }
  occupy_memory(given.resident_mib);
  occupy_descriptors(given.open_fds, given.live);

  workloads<Peer> measured{given};
  measured.run();

  std::printf(R"({"library":"%s","version":"%s","workload":"%s","unit":"%s","samples":[)", library,
              version.c_str(), given.workload.c_str(), given.workload == "bulk" ? "GiB/s" : "us");
  const char* separator = "";
  for (const double sample : measured.samples()) {
    std::printf("%s%.3f", separator, sample);
    separator = ",";
  }
  std::puts("]}");
  std::fflush(stdout);
  // The crowd's objects need no orderly end.
  std::_Exit(0);
}
catch (const std::invalid_argument& refused) {
  std::fprintf(stderr, "%s: %s\n", library, refused.what());
  return 2;
}
catch (const std::exception& failed) {
  std::fprintf(stderr, "%s: %s\n", library, failed.what());
  return 1;
}

} // namespace bench
