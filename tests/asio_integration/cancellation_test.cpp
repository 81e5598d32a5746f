#include <gtest/gtest.h>
#include <unistd.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <asio_integration/asio_integration.hpp>

#include "io_fixture.hpp"

// The table of docs/async.md, tried cell by cell. A new asynchronous function
// gets a row there and an entry in checks().

namespace subprocess::tests {
namespace {

using namespace std::chrono_literals;

// ---- the signature of an operation, as text ----

template <class T>
constexpr const char* name_of = nullptr;
template <>
constexpr const char* name_of<std::error_code> = "std::error_code";
template <>
constexpr const char* name_of<exit_status> = "exit_status";
template <>
constexpr const char* name_of<child_change> = "child_change";
template <>
constexpr const char* name_of<async_child> = "async_child";
template <>
constexpr const char* name_of<captured_output> = "captured_output";

/// A completion token with which a function starts nothing, and returns its
/// completion signature.
struct tell_signature {};

} // namespace
} // namespace subprocess::tests

template <class First, class... Rest>
class asio::async_result<subprocess::tests::tell_signature, void(First, Rest...)> {
public:
  using return_type = std::string;

  template <class Initiation, class... Args>
  static std::string initiate(Initiation&&, subprocess::tests::tell_signature, Args&&...)
  {
    using namespace subprocess::tests;
    std::string text = std::string("void(") + name_of<First>;
    ((text += std::string(", ") + name_of<Rest>), ...);
    return text + ")";
  }
};

namespace subprocess::tests {
namespace {

// ---- the table ----

struct row {
  std::string signature;
  std::map<std::string, std::string> fates; // By the type of cancellation.
};

std::vector<std::string> cells_of(std::string line)
{
  std::vector<std::string> cells;
  std::istringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) {
    std::erase(cell, '`');
    const auto first = cell.find_first_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, cell.find_last_not_of(' ') + 1 - first));
  }
  return cells;
}

std::map<std::string, row> read_table()
{
  std::map<std::string, row> table;
  std::vector<std::string> head;
  std::ifstream page(SUBPROCESS_ASYNC_PAGE);
  EXPECT_TRUE(page) << "cannot read " << SUBPROCESS_ASYNC_PAGE;
  for (std::string line; std::getline(page, line);) {
    const auto cells = line.starts_with("|") ? cells_of(line) : std::vector<std::string>();
    if (cells.size() < 3 || cells[0].starts_with("---"))
      continue;
    if (cells[0] == "function") {
      head = cells;
      continue;
    }
    EXPECT_EQ(cells.size(), head.size()) << line;
    row& made = table[cells[0]];
    made.signature = cells[1];
    for (std::size_t i = 2; i < std::min(cells.size(), head.size()); ++i)
      made.fates[head[i]] = cells[i];
  }
  return table;
}

// ---- what really happens ----

/// What an operation is tried with: its child tells of SIGTERM before it ends by
/// it, and holds two pipes open while it lives.
class trial {
public:
  explicit trial(asio::io_context& context, const command& helper)
      : context_(context), out_(make_pipe()), err_(make_pipe()), what_(helper)
  {
    what_->stdout_to(stdio::from_fd(std::move(out_.write_end))).stderr_to(stdio::from_fd(std::move(err_.write_end)));
  }

  asio::io_context& context() { return context_; }

  /// The command, for what spawns by itself.
  command take_command()
  {
    command taken = std::move(*what_);
    what_.reset();
    return taken;
  }

  /// The child, for what needs one.
  async_child& child()
  {
    if (what_)
      child_ = spawn(context_, take_command());
    return child_;
  }

  /// Whether the child has said that it is the program.
  bool is_ready() const { return becomes_readable(out_.read_end.get(), 0ms); }

  /// "untouched", "killed" or "stopped".
  std::string fate()
  {
    if (!becomes_readable(err_.read_end.get(), 0ms))
      return "untouched";
    char text[64];
    return ::read(err_.read_end.get(), text, sizeof text) > 0 ? "stopped" : "killed"; // Its word, or its end.
  }

  auto handler()
  {
    return asio::bind_cancellation_slot(cancel_.slot(), [this](std::error_code e, auto&&...) {
      ++calls;
      ec = e;
    });
  }

  void cancel(asio::cancellation_type type) { cancel_.emit(type); }

  int calls = 0;
  std::error_code ec;

private:
  asio::io_context& context_;
  pipe_ends out_;
  pipe_ends err_;
  std::optional<command> what_;
  async_child child_;
  asio::cancellation_signal cancel_;
};

/// How one function is started; once with a handler, once to tell its signature.
struct check {
  std::function<void(trial&)> start;
  std::function<std::string(trial&)> signature;
  bool while_spawning = false; // To be cancelled before there is a child.
};

template <class Function>
check make_check(Function start, bool while_spawning = false)
{
  return {[start](trial& t) { start(t, t.handler()); }, [start](trial& t) { return start(t, tell_signature()); },
          while_spawning};
}

const std::map<std::string, check>& checks()
{
  static const std::map<std::string, check> all = {
      {"async_wait", make_check([](trial& t, auto token) { return t.child().async_wait(token); })},
      {"async_wait_change", make_check([](trial& t, auto token) { return t.child().async_wait_change(token); })},
      {"async_stop", make_check([](trial& t, auto token) {
         return t.child().async_stop(stop_sequence{{SIGURG, 1h}}, token); // A signal that it ignores.
       })},
      {"async_spawn",
       make_check([](trial& t, auto token) { return async_spawn(t.context(), t.take_command(), token); }, true)},
      {"async_run", make_check([](trial& t, auto token) { return async_run(t.context(), t.take_command(), token); })},
      {"async_capture",
       make_check([](trial& t, auto token) { return async_capture(t.context(), t.take_command(), token); })},
  };
  return all;
}

class cancellation_table : public io_fixture {
protected:
  command teller() const { return helper({"trap-and-tell", std::to_string(SIGTERM)}); }

  void try_cell(const check& how, asio::cancellation_type type, const std::string& fate)
  {
    trial t(context(), teller());
    how.start(t);
    if (!how.while_spawning) {
      run_until([&] { return t.is_ready(); });
      wait_result later; // When it has come, the first one waits for its child.
      async_run(context(), helper({"exit", "0"}), later.handler());
      run_until([&] { return later.calls == 1; });
    }
    t.cancel(type);
    EXPECT_EQ(t.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(t.calls, 1);
    EXPECT_EQ(t.ec, asio::error::operation_aborted);
    EXPECT_EQ(t.fate(), fate);
    EXPECT_EQ(has_children(), fate == "untouched") << "reaped before the handler is called";
    if (fate == "untouched") {
      t.child().kill();
      EXPECT_EQ(end_of(t.child()).signal(), SIGKILL) << "it can be waited for again";
    }
  }
};
SUBPROCESS_FOR_EACH_SETUP(cancellation_table);

TEST_P(cancellation_table, has_a_row_for_every_check_and_a_check_for_every_row)
{
  const auto table = read_table();
  for (const auto& [name, ignored] : table)
    EXPECT_TRUE(checks().contains(name)) << name << " has a row, and no check here";
  for (const auto& [name, ignored] : checks())
    EXPECT_TRUE(table.contains(name)) << name << " has a check, and no row in " << SUBPROCESS_ASYNC_PAGE;
}

TEST_P(cancellation_table, is_true_of_the_signatures)
{
  const auto table = read_table();
  for (const auto& [name, how] : checks())
    if (const auto found = table.find(name); found != table.end()) {
      trial t(context(), teller());
      EXPECT_EQ(how.signature(t), found->second.signature) << name;
    }
}

TEST_P(cancellation_table, is_true_of_every_type)
{
  const std::map<std::string, asio::cancellation_type> types = {{"terminal", asio::cancellation_type::terminal},
                                                                {"partial", asio::cancellation_type::partial},
                                                                {"total", asio::cancellation_type::total}};
  for (const auto& [name, row] : read_table()) {
    EXPECT_EQ(row.fates.size(), types.size()) << name;
    for (const auto& [type, fate] : row.fates) {
      SCOPED_TRACE(name + ", " + type);
      if (checks().contains(name) && types.contains(type))
        try_cell(checks().at(name), types.at(type), fate);
      else
        ADD_FAILURE() << "cannot be tried";
    }
  }
}

} // namespace
} // namespace subprocess::tests
