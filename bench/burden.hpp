#pragma once

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <vector>

/// What makes a parent a server: resident memory, and open descriptors.
class burden {
public:
  explicit burden(const benchmark::State& state) : size_(static_cast<std::size_t>(state.range(0)) << 20)
  {
    if (size_) {
      memory_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      for (std::size_t at = 0; at < size_; at += 4096)
        static_cast<volatile char*>(memory_)[at] = 1;
    }
    rlimit limit;
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    for (std::int64_t i = 0; i < state.range(1); ++i)
      if (const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC); fd != -1)
        descriptors_.push_back(fd);
  }
  ~burden()
  {
    if (size_)
      ::munmap(memory_, size_);
    for (const int fd : descriptors_)
      ::close(fd);
  }
  burden(const burden&) = delete;
  burden& operator=(const burden&) = delete;

private:
  std::size_t size_;
  void* memory_ = nullptr;
  std::vector<int> descriptors_;
};

inline void burdens(benchmark::internal::Benchmark* one)
{
  one->ArgNames({"parent_mib", "open_fds"})->ArgsProduct({{0, 1024}, {0, 10000}})->UseRealTime();
}
