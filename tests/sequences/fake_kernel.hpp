#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace subprocess::tests {

/// A kernel with a handful of children. While it lives, the system calls by which the
/// library waits, signals and opens pidfds are its own: the linker leads them here
/// (--wrap).
class fake_kernel {
public:
  enum class life { unborn, alive, zombie, gone };

  fake_kernel();
  ~fake_kernel();
  fake_kernel(const fake_kernel&) = delete;
  fake_kernel& operator=(const fake_kernel&) = delete;

  /// A child's index; it is not born yet.
  std::size_t add(pid_t number);

  bool is_free(pid_t number) const;
  void bear(std::size_t child);

  /// Does nothing for one that has ended.
  void end(std::size_t child, int wait_status);

  /// Other code of the program reaps it.
  void steal(std::size_t child);

  life of(std::size_t child) const { return children_[child].how; }
  bool has_ended(std::size_t child) const { return of(child) == life::zombie || of(child) == life::gone; }
  int wait_status(std::size_t child) const { return children_[child].wait_status; }

  /// A pidfd as a launch gives it.
  int open_pidfd(pid_t number);
  bool is_open(int fd) const { return open_.contains(fd); }
  std::size_t open_count() const { return open_.size(); }
  bool says_ended(int fd) const { return is_open(fd) && has_ended(open_.at(fd)); }

  /// Must not be closed.
  void set_registered(int fd, bool is) { is ? void(registered_.insert(fd)) : void(registered_.erase(fd)); }

  /// Whom the library is told to signal now; its number must reach nobody else.
  void expect_signals_for(std::size_t child) { signalled_ = child; }

  /// How many signals were sent, or tried, so far.
  std::size_t signals() const { return signals_; }

  const std::vector<std::string>& faults() const { return faults_; }
  std::string state() const;

  // The system calls: a result, or minus an errno.
  long wait4(pid_t number, int* wait_status);
  long look(pid_t number, pid_t& ended) const;
  long kill(pid_t number, int signal);
  long pidfd_open(pid_t number);
  long pidfd_send_signal(int fd, int signal);
  bool close(int fd);

  static fake_kernel* now();

private:
  struct record {
    pid_t number;
    life how = life::unborn;
    int wait_status = 0;
  };

  static constexpr std::size_t nobody = ~std::size_t{};

  std::size_t holder_of(pid_t number) const;
  long send(std::size_t child, int signal);

  std::vector<record> children_;
  std::map<int, std::size_t> open_;
  std::set<int> registered_;
  std::size_t signalled_ = nobody;
  std::size_t signals_ = 0;
  int next_fd_;
  std::vector<std::string> faults_;
};

} // namespace subprocess::tests
