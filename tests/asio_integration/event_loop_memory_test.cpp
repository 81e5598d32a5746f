// Memory that is not there: each allocation of an asynchronous operation fails in turn.
// Whatever it is, the call throws or the handler is told; nothing is left behind, and the
// next operation works.

#include <asio_integration/asio_integration.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <asio/buffer.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include <subprocess/pipeline.hpp>

#include "allocations.hpp"
#include "io_fixture.hpp"

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

struct memory_outcome {
  int calls = 0;
  std::error_code ec;

  /// For whatever the operation gives beside its error.
  auto handler()
  {
    return [this](std::error_code e, const auto&...) {
      ++calls;
      ec = e;
    };
  }
};

class event_loop_memory : public io_fixture {
protected:
  using start_one = std::function<void(asio::io_context&, memory_outcome&)>;

  static constexpr std::size_t most = 2000; // Allocations of one launch; there are far fewer.

  command quick() const { return helper({"echo", "hello"}).stdout_to(stdio::null()); }

  /// One operation in which the allocation after `others` fails. The expectations come
  /// when there is memory again.
  /// \return Whether one did.
  bool try_once(asio::io_context& loop, const start_one& start, std::size_t others)
  {
    memory_outcome outcome;
    bool refused = false;
    prepare_(loop);
    fail_one_allocation_after(others);
    try {
      start(loop, outcome);
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    for (int left = 3; left > 0; --left)
      try {
        loop.restart();
        loop.run_for(2s);
        break;
      } catch (const std::bad_alloc&) { // A handler's; the loop goes on.
      }
    const bool failed = stop_failing_allocations();
    EXPECT_EQ(outcome.calls, refused ? 0 : 1) << (refused ? "told, though the call threw" : "nobody was told");
    EXPECT_TRUE(loop.stopped()) << "the loop is held";
    EXPECT_TRUE(failed || !outcome.ec) << outcome.ec.message();
    return failed;
  }

  void expect_the_next_to_work(asio::io_context& loop, const start_one& start)
  {
    memory_outcome next;
    prepare_(loop);
    start(loop, next);
    loop.restart();
    loop.run_for(2s);
    EXPECT_EQ(next.calls, 1) << "the next one is never told";
    EXPECT_FALSE(next.ec) << next.ec.message();
  }

  /// A context that has launched before.
  void in_a_warm_context(const start_one& start)
  {
    isolated_loop([&] {
      ::alarm(50);
      asio::io_context loop;
      use_source(loop);
      expect_the_next_to_work(loop, start);
      const std::set<int> before = open_descriptors();
      for (std::size_t n = 0; n < most; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        if (!try_once(loop, start, n))
          break;
        expect_the_next_to_work(loop, start);
        expect_no_children_of(loop);
        EXPECT_EQ(open_descriptors(), before);
        if (HasFailure())
          break;
      }
    });
  }

  /// A context whose first launch it is.
  void in_a_new_context(const start_one& start)
  {
    isolated_loop([&] {
      ::alarm(50);
      { // What the first context of a program leaves for the others.
        asio::io_context first;
        use_source(first);
        expect_the_next_to_work(first, start);
      }
      const std::set<int> before = open_descriptors();
      for (std::size_t n = 0; n < most; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        bool failed = false;
        {
          asio::io_context loop;
          use_source(loop);
          // Asio's own service of signals does not bear a lack while it is made: it stays in
          // a list of the whole program.
          if (GetParam().source == reaper_source::sigchld)
            asio::signal_set made_before(loop);
          failed = try_once(loop, start, n);
          expect_the_next_to_work(loop, start);
          expect_no_children_of(loop);
        }
        EXPECT_EQ(open_descriptors(), before);
        if (!failed || HasFailure())
          break;
      }
    });
  }

  void in_both(const start_one& start)
  {
    in_a_warm_context(start);
    in_a_new_context(start);
  }

  /// What is done with a child, for whose start there is memory.
  using use_child = std::function<void(const std::shared_ptr<async_child>&, memory_outcome&)>;

  void of_a_child(const command& what, const use_child& use)
  {
    std::shared_ptr<async_child> child;
    prepare_ = [&](asio::io_context& loop) { child = std::make_shared<async_child>(spawn(loop, what)); };
    in_a_warm_context([&](asio::io_context&, memory_outcome& outcome) { use(std::exchange(child, nullptr), outcome); });
  }

  /// A handler that keeps something until it was called.
  template <class Kept>
  static auto keeping(Kept kept, memory_outcome& outcome)
  {
    return [kept, &outcome](std::error_code ec, const auto&...) { outcome.handler()(ec); };
  }

private:
  std::function<void(asio::io_context&)> prepare_ = [](asio::io_context&) {};
};
SUBPROCESS_FOR_EACH_SETUP(event_loop_memory);

TEST_P(event_loop_memory, that_is_not_there_fails_an_async_run_cleanly)
{
  in_both([&](asio::io_context& loop, memory_outcome& outcome) { async_run(loop, quick(), outcome.handler()); });
}

TEST_P(event_loop_memory, that_is_not_there_takes_no_failed_exec_for_a_program)
{
  in_both([&](asio::io_context& loop, memory_outcome& outcome) {
    // A name that takes memory to tell.
    async_run(loop, program("/nonexistent/program/of/a/long/name"), [&outcome](std::error_code ec, exit_status) {
      EXPECT_TRUE(ec == std::errc::no_such_file_or_directory || ec == std::errc::not_enough_memory) << ec;
      outcome.handler()(ec == std::errc::no_such_file_or_directory ? std::error_code() : ec, 0);
    });
  });
}

TEST_P(event_loop_memory, that_is_not_there_fails_an_async_capture_cleanly)
{
  in_both([&](asio::io_context& loop, memory_outcome& outcome) {
    async_capture(loop, helper({"streams"}), outcome.handler());
  });
}

TEST_P(event_loop_memory, that_is_not_there_fails_an_async_spawn_and_its_wait_cleanly)
{
  in_both([&](asio::io_context& loop, memory_outcome& outcome) {
    async_spawn(loop, quick(), [&outcome](std::error_code ec, async_child child) {
      if (ec)
        return outcome.handler()(ec, 0);
      try {
        const auto kept = std::make_shared<async_child>(std::move(child));
        kept->async_wait([&outcome, kept](std::error_code e, exit_status) { outcome.handler()(e, 0); });
      } catch (const std::bad_alloc&) {
        outcome.handler()(std::make_error_code(std::errc::not_enough_memory), 0);
      }
    });
  });
}

TEST_P(event_loop_memory, that_is_not_there_fails_an_async_pipeline_cleanly)
{
  in_both([&](asio::io_context& loop, memory_outcome& outcome) {
    async_pipeline(loop, helper({"echo", "hello"}) | helper({"cat"}), outcome.handler());
  });
}

TEST_P(event_loop_memory, that_is_not_there_fails_a_spawn_on_a_loop_cleanly)
{
  in_both([&](asio::io_context& loop, memory_outcome& outcome) {
    std::error_code ec;
    const auto child = std::make_shared<async_child>(spawn(loop, quick(), ec));
    if (ec)
      return outcome.handler()(ec, 0);
    child->async_wait([&outcome, child](std::error_code e, exit_status) { outcome.handler()(e, 0); });
  });
}

TEST_P(event_loop_memory, that_is_not_there_fails_a_limited_run_cleanly)
{
  in_both([&](asio::io_context& loop, memory_outcome& outcome) {
    async_run(loop, quick(), {.limit = 60s}, outcome.handler());
  });
}

TEST_P(event_loop_memory, that_is_not_there_leaves_no_child_running_that_was_to_be_stopped)
{
  isolated_loop([&] {
    bool failed = true;
    for (std::size_t n = 0; failed && n < most && !HasFailure(); ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      async_child running = start(helper({"hang"}).stop_on_destroy());
      fail_one_allocation_after(n);
      running = {};
      failed = stop_failing_allocations();
      run_until([] { return !has_children(); });
    }
  });
}

TEST_P(event_loop_memory, that_is_not_there_fails_a_stop_cleanly)
{
  in_both([&](asio::io_context& loop, memory_outcome& outcome) {
    std::error_code ec;
    const auto child = std::make_shared<async_child>(spawn(loop, helper({"hang"}).stdout_to(stdio::null()), ec));
    if (ec)
      return outcome.handler()(ec, 0);
    child->async_stop(1h, [&outcome, child](std::error_code e, exit_status) {
      std::error_code ignored;
      child->kill(ignored);
      outcome.handler()(e, 0);
    });
  });
}

TEST_P(event_loop_memory, that_is_not_there_fails_waiting_for_a_change_cleanly)
{
  of_a_child(quick(), [](const std::shared_ptr<async_child>& child, memory_outcome& outcome) {
    child->async_wait_change(keeping(child, outcome));
  });
}

TEST_P(event_loop_memory, that_is_not_there_fails_waiting_for_many_cleanly)
{
  of_a_child(quick(), [](const std::shared_ptr<async_child>& child, memory_outcome& outcome) {
    async_wait_any(std::span(child.get(), 1), keeping(child, outcome));
  });
}

TEST_P(event_loop_memory, that_is_not_there_fails_a_conversation_cleanly)
{
  of_a_child(helper({"cat"}).stdin_from(stdio::pipe()).stdout_to(stdio::pipe()),
             [](const std::shared_ptr<async_child>& child, memory_outcome& outcome) {
               async_communicate(*child, "x", keeping(child, outcome));
             });
}

TEST_P(event_loop_memory, that_is_not_there_fails_reading_a_line_cleanly)
{
  of_a_child(helper({"echo", "hello"}).stdout_to(stdio::pipe()),
             [](const std::shared_ptr<async_child>& child, memory_outcome& outcome) {
               const auto lines = std::make_shared<line_reader<asio::posix::stream_descriptor>>(child->stdout_pipe());
               lines->async_read_line(keeping(std::pair(child, lines), outcome));
             });
}

TEST_P(event_loop_memory, that_is_not_there_fails_reading_a_childs_lines_cleanly)
{
  of_a_child(helper({"echo", "hello"}).stdout_to(stdio::pipe()),
             [](const std::shared_ptr<async_child>& child, memory_outcome& outcome) {
               const auto lines = std::make_shared<child_lines>(*child);
               lines->async_next(keeping(std::pair(child, lines), outcome));
             });
}

TEST_P(event_loop_memory, that_is_not_there_fails_copying_a_stream_cleanly)
{
  of_a_child(helper({"echo", "hello"}).stdout_to(stdio::pipe()),
             [](const std::shared_ptr<async_child>& child, memory_outcome& outcome) {
               async_tee(child->stdout_pipe(), std::tie(), keeping(child, outcome));
             });
}

TEST_P(event_loop_memory, that_is_not_there_fails_waiting_for_the_end_of_streams_cleanly)
{
  of_a_child(helper({"echo", "hello"}).stdin_from(stdio::pipe()).stdout_to(stdio::null()),
             [](const std::shared_ptr<async_child>& child, memory_outcome& outcome) {
               child->async_wait_closed(keeping(child, outcome));
             });
}

// It waits for room.
TEST_P(event_loop_memory, that_is_not_there_fails_a_write_cleanly)
{
  of_a_child(program("/bin/sh", {"-c", "sleep .01; head -c 100000 >/dev/null"}).stdin_from(stdio::pipe()),
             [](const std::shared_ptr<async_child>& child, memory_outcome& outcome) {
               static const std::string much(65536, 'x');
               std::error_code ignored;
               child->stdin_pipe().non_blocking(true, ignored);
               while (child->stdin_pipe().write_some(asio::buffer(much), ignored) > 0) {
               }
               child->stdin_pipe().async_write_some(asio::buffer(much), keeping(child, outcome));
             });
}

TEST_P(event_loop_memory, that_is_not_there_fails_a_run_of_a_limiter_cleanly)
{
  in_a_warm_context([&](asio::io_context& loop, memory_outcome& outcome) {
    const auto limiter = std::make_shared<spawn_limiter>(loop, 1);
    limiter->async_run(quick(), keeping(limiter, outcome));
  });
}

} // namespace
} // namespace subprocess::tests
