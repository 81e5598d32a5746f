#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <subprocess/observer.hpp>

namespace subprocess::tests {

/// An observer that keeps what it is told, by whatever thread.
class observer_log {
public:
  observer_log()
      : observer_([this](const observation& seen) {
          const std::lock_guard lock(mutex_);
          all_.push_back(seen);
        })
  {
  }

  std::vector<observation> all() const
  {
    const std::lock_guard lock(mutex_);
    return all_;
  }

  std::size_t count(observed what) const
  {
    std::size_t found = 0;
    for (const observation& seen : all())
      found += seen.what == what;
    return found;
  }

  /// What was told of each child, like "started, ended", by its number.
  std::map<std::uint64_t, std::string> courses() const
  {
    std::map<std::uint64_t, std::string> told;
    for (const observation& seen : all()) {
      std::string& course = told[seen.number];
      course.append(course.empty() ? "" : ", ").append(to_string(seen.what));
    }
    return told;
  }

  /// That so many were told of, each once as failed or once as started and ended.
  void expect_whole(std::size_t started, std::size_t failed) const
  {
    std::size_t starts = 0, failures = 0;
    for (const auto& [number, course] : courses()) {
      starts += course == "started, ended";
      failures += course == "failed";
      EXPECT_TRUE(course == "started, ended" || course == "failed") << number << ": " << course;
    }
    EXPECT_EQ(starts, started);
    EXPECT_EQ(failures, failed);
  }

  void stop() { observer_ = observer(); }

private:
  mutable std::mutex mutex_;
  std::vector<observation> all_;
  observer observer_;
};

} // namespace subprocess::tests
