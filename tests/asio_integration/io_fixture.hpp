#pragma once

#include <gtest/gtest.h>

#include <asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <asio_integration/async_child.hpp>
#include <asio_integration/reaper.hpp>
#include <asio_integration/spawn.hpp>
#include <subprocess/capture.hpp>
#include <subprocess/command.hpp>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/isolated.hpp"
#include "support/launchers.hpp"
#include "support/pipes.hpp"
#include "support/programs.hpp"

namespace subprocess::tests {

/// One way to start children and to hear of their end.
struct io_setup {
  reaper_source source;
  launcher which;
};
std::ostream& operator<<(std::ostream& out, const io_setup& setup);

/// Every pair, available here or not.
std::vector<io_setup> io_setups();

std::string io_setup_name(const ::testing::TestParamInfo<io_setup>& info);

/// Whether this kernel and build have that source.
bool is_available(reaper_source source);

/// The handler of an async_wait, and what it was called with.
struct wait_result {
  int calls = 0;
  std::error_code ec;
  exit_status status;

  auto handler()
  {
    return [this](std::error_code e, exit_status s) {
      ++calls;
      ec = e;
      status = s;
    };
  }
};

/// The same of an operation that gives an output.
struct capture_result {
  int calls = 0;
  std::error_code ec;
  captured_output output;

  auto handler()
  {
    return [this](std::error_code e, captured_output o) {
      ++calls;
      ec = e;
      output = std::move(o);
    };
  }
};

/// A command for `cat` whose streams are pipes of the test: whether it runs can
/// be seen from outside, whatever operation it was given to.
struct reached_cat {
  command what;
  unique_fd input;
  unique_fd output;

  /// Returns when it has answered; so it is the program by then.
  void expect_answer() const;

  /// Returns when nobody has its output any more: the process is gone, and so
  /// are the copies of the command, this one included.
  void expect_gone();
};

/// A context, made when it is first asked for; a limit on running it; the
/// baseline of descriptors and children. Each test runs with every reaper
/// source and every launcher.
class io_fixture : public baseline, public ::testing::WithParamInterface<io_setup> {
protected:
  static void SetUpTestSuite();
  void SetUp() override;
  void TearDown() override;

  asio::io_context& context();
  void end_context() { context_.reset(); }

  /// Another context, with the reaper source of this test.
  void use_source(asio::execution_context& other) const { use_reaper(other, GetParam().source); }

  command helper(std::initializer_list<std::string_view> verb_and_arguments) const;
  command program(std::string path, std::initializer_list<std::string_view> args = {}) const;

  reached_cat cat() const;

  /// A helper with a pipe for stdin and one for stdout.
  async_child start(std::initializer_list<std::string_view> verb_and_arguments);
  async_child start(const command& what) { return spawn(context(), what); }

  /// As start(); returns when the helper has said that it is ready.
  async_child start_ready(std::initializer_list<std::string_view> verb_and_arguments);

  /// Runs the context until it is out of work; fails the test when it is not in
  /// time.
  void run_to_end();

  /// Runs the context until `condition` holds, even when it is out of work;
  /// fails the test when it does not in time.
  void run_until(const std::function<bool()>& condition);

  /// Whether run() would wait for something.
  bool is_busy();

  /// Runs both contexts by turns until `condition` comes true, which it does on
  /// `other` alone: the steps of an operation on the caller's streams run there too.
  template <class Condition>
  void run_beside(asio::io_context& other, Condition condition)
  {
    for (const deadline end; !condition() && !end.passed();) {
      context().restart();
      context().poll();
      EXPECT_FALSE(condition());
      other.restart();
      other.poll();
    }
    EXPECT_TRUE(condition());
  }

  /// Waits for the child, with nothing else to do.
  exit_status end_of(async_child& running);

  /// A body that runs in a forked copy of this program, where the context is
  /// made and ended.
  void isolated_loop(const std::function<void()>& body);

private:
  std::optional<asio::io_context> context_;
};

/// Waits until the child is a zombie, or gone.
void wait_until_exited(pid_t pid);

/// Turns the loop, and reaps what was dropped, until no child is left; fails the test when
/// that takes long.
void expect_no_children_of(asio::io_context& loop);

/// Runs `body` in a fork()ed copy, without a check of what it leaves, and gives
/// how the copy ended: with 0 unless an expectation failed.
exit_status in_fork(const std::function<void()>& body);

} // namespace subprocess::tests

/// Runs the tests of a fixture that derives from io_fixture.
#define SUBPROCESS_FOR_EACH_SETUP(fixture)                                                                             \
  INSTANTIATE_TEST_SUITE_P(io, fixture, ::testing::ValuesIn(::subprocess::tests::io_setups()),                         \
                           ::subprocess::tests::io_setup_name)
