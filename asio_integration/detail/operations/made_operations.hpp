#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <asio_integration/detail/operations/completion.hpp>
#include <subprocess/child_change.hpp>
#include <subprocess/command.hpp>
#include <subprocess/exit_status.hpp>

// The operations that are made in the library: what a program compiles of them is its
// handler's part. Of each, how it is made; those that are templates are made by
// make_operation, in the program.
namespace subprocess {

struct capture_options;
struct captured_output;
class pipeline;
struct pipeline_result;
struct run_options;
struct spawn_failure;
struct wait_result;
template <class Executor>
class basic_async_child;

namespace detail {

struct awaited_child;
struct caller;
class operation;
class permit_pool;
class tracked_child;
struct worker_link;
enum class answer_shape;

using made_pointer = std::shared_ptr<operation>;

struct make_spawn {
  using done_type = completion_owner<std::error_code, basic_async_child<asio::any_io_executor>>;
  made_pointer operator()(const caller& who, done_type done, command what, spawn_failure* told) const;
};

struct make_run {
  using done_type = completion_owner<std::error_code, exit_status>;
  made_pointer operator()(const caller& who, done_type done, command what, const run_options& options) const;
};

struct make_capture {
  using done_type = completion_owner<std::error_code, captured_output>;
  made_pointer operator()(const caller& who, done_type done, command what, capture_options options) const;
};

struct make_pipeline {
  using done_type = completion_owner<std::error_code, pipeline_result>;
  made_pointer operator()(const caller& who, done_type done, const pipeline& what, capture_options options) const;
};

struct make_limited_run {
  using done_type = completion_owner<std::error_code, exit_status>;
  made_pointer operator()(const caller& who, done_type done, std::shared_ptr<permit_pool> pool, command what,
                          const run_options& options) const;
};

struct make_limited_capture {
  using done_type = completion_owner<std::error_code, captured_output>;
  made_pointer operator()(const caller& who, done_type done, std::shared_ptr<permit_pool> pool, command what,
                          capture_options options) const;
};

struct make_change {
  using done_type = completion_owner<std::error_code, child_change>;
  made_pointer operator()(const caller& who, done_type done, const tracked_child& child) const;
};

struct make_stop {
  using done_type = completion_owner<std::error_code, exit_status>;
  made_pointer operator()(const caller& who, done_type done, const tracked_child& child, stop_sequence sequence) const;
};

struct make_wait_any {
  using done_type = completion_owner<std::error_code, std::size_t, exit_status>;
  made_pointer operator()(const caller& who, done_type done, std::vector<awaited_child> children) const;
};

struct make_wait_all {
  using done_type = completion_owner<std::error_code, std::vector<wait_result>>;
  made_pointer operator()(const caller& who, done_type done, std::vector<awaited_child> children) const;
};

struct make_exchange {
  using done_type = completion_owner<std::error_code, std::string>;
  made_pointer operator()(const caller& who, done_type done, std::shared_ptr<worker_link> worker, answer_shape shape,
                          std::size_t longest, std::string request) const;
};

} // namespace detail
} // namespace subprocess
