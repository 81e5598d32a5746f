#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <subprocess/unique_fd.hpp>

namespace subprocess::tests {

/// Holds the children of this process when they would become a certain program, as a
/// file system does whose server is gone: in the kernel, where only SIGKILL ends it.
/// For an isolated() copy, whose end it should live to: it cannot be undone, and when
/// the object is gone nothing can be executed.
/// \source seccomp_unotify(2).
class exec_gate {
public:
  explicit exec_gate(std::string path);
  ~exec_gate();
  exec_gate(const exec_gate&) = delete;
  exec_gate& operator=(const exec_gate&) = delete;

  /// Whether the kernel can do that.
  bool works() const { return static_cast<bool>(listener_); }

  /// How many have come to the gate.
  int reached() const { return reached_; }

  /// Lets go those who are held, and those who come later.
  void open();

private:
  void serve();
  void answer_next();
  bool is_held(int pid, unsigned long long address) const;
  void let_through(std::uint64_t id) const;

  std::string path_;
  unique_fd listener_;
  unique_fd stop_read_;
  unique_fd stop_write_;
  std::atomic<int> reached_ = 0;
  std::mutex mutex_;
  bool is_open_ = false;
  std::vector<std::uint64_t> held_;
  std::thread thread_;
};

} // namespace subprocess::tests
