#include <gtest/gtest.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <algorithm>
#include <concepts>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "async_functions.hpp"

// The table of docs/async.md, tried cell by cell.

namespace subprocess::tests {
namespace {

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

template <>
constexpr const char* name_of<pipeline_result> = "pipeline_result";
template <>
constexpr const char* name_of<output_line> = "output_line";
template <>
constexpr const char* name_of<spawn_permit> = "spawn_permit";
template <>
constexpr const char* name_of<worker_lease> = "worker_lease";
template <>
constexpr const char* name_of<pool_event> = "pool_event";
template <>
constexpr const char* name_of<std::vector<subprocess::wait_result>> = "std::vector<wait_result>";
template <>
constexpr const char* name_of<std::string> = "std::string";
template <std::unsigned_integral Number>
constexpr const char* name_of<Number> = std::same_as<Number, std::size_t> ? "std::size_t" : "std::uint64_t";

/// Two names of one type, if they are, can't be told apart.
std::string as_told(std::string signature)
{
  const std::string name = "std::uint64_t";
  if (const auto at = signature.find(name); at != std::string::npos && std::is_same_v<std::uint64_t, std::size_t>)
    signature.replace(at, name.size(), name_of<std::size_t>);
  return signature;
}

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

/// A started function; its handler is counted, and can be cancelled.
struct attempt {
  auto handler()
  {
    return asio::bind_cancellation_slot(cancel.slot(), [this](std::error_code e, auto&&...) {
      ++calls;
      ec = e;
    });
  }

  asio::cancellation_signal cancel;
  int calls = 0;
  std::error_code ec;
};

/// How one function is started; once with a handler, once to tell its signature.
struct check {
  std::function<void(trial&, attempt&)> start;
  std::function<std::string(trial&)> signature;
  bool while_spawning; // To be cancelled before there is a child.
};

std::map<std::string, check> make_checks()
{
  std::map<std::string, check> all;
  for_each_async_function([&](const std::string& name, auto start) {
    all[name] = {[start](trial& t, attempt& tried) { start(t, tried.handler()); },
                 [start](trial& t) { return start(t, tell_signature()); }, name == "async_spawn"};
  });
  return all;
}

const std::map<std::string, check>& checks()
{
  static const std::map<std::string, check> all = make_checks();
  return all;
}

class cancellation_table : public function_fixture {
protected:
  void try_cell(const check& how, asio::cancellation_type type, const std::string& fate)
  {
    const auto with = make_trial();
    trial& t = *with;
    attempt tried;
    how.start(t, tried);
    if (!how.while_spawning) {
      run_until([&] { return t.is_ready(); });
      wait_result later; // When it has come, the first one waits for its child.
      async_run(context(), helper({"exit", "0"}), later.handler());
      run_until([&] { return later.calls == 1; });
    }
    tried.cancel.emit(type);
    EXPECT_EQ(tried.calls, 0) << "called from within";
    run_to_end();
    EXPECT_EQ(tried.calls, 1);
    EXPECT_EQ(tried.ec, asio::error::operation_aborted);
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
      EXPECT_EQ(how.signature(*make_trial()), as_told(found->second.signature)) << name;
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
