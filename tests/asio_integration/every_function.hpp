#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <system_error>
#include <vector>

#include "async_functions.hpp"

namespace subprocess::tests {

/// Starts every asynchronous function, each with a trial of its own.
class every_function : public function_fixture {
protected:
  void TearDown() override
  {
    forget(); // Before the context, to which they belong.
    function_fixture::TearDown();
  }

  /// Starts all, each with a token of its own. `keep(start())` has what comes of one.
  template <class MakeToken, class Keep>
  void start_all(MakeToken token, Keep keep)
  {
    for_each_async_function([&](const char*, auto start) {
      trials_.push_back(make_trial());
      keep([with = trials_.back().get(), start, token]() mutable { return start(*with, token()); });
    });
  }

  /// As above, at once, with handlers.
  template <class MakeToken>
  void start_all(MakeToken token)
  {
    start_all(token, [](auto start) { start(); });
  }

  std::size_t count() const { return trials_.size(); }

  /// The handler that all have, under their tokens. They are to succeed.
  auto counted()
  {
    return [this](std::error_code ec, auto&&...) {
      EXPECT_FALSE(ec) << ec.message();
      ++calls_;
    };
  }

  void finish()
  {
    let_finish();
    run_to_end();
  }

  void let_finish()
  {
    for (const auto& one : trials_)
      one->finish();
  }

  void forget() { trials_.clear(); }

  std::size_t calls_ = 0;

private:
  std::vector<std::shared_ptr<trial>> trials_;
};

} // namespace subprocess::tests
