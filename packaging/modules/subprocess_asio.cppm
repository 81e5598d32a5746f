// C++20 modules for those who want them: `import subprocess;` is the core, and `import
// subprocess.asio;` both halves. These files are compiled by the host, which links with
// the library as ever; macros (<subprocess/version.hpp>) do not come by import. Every
// public name is here, which `./dev prove install` checks with clang 19.

module;

#include <subprocess/asio.hpp>

export module subprocess.asio;

export import subprocess;

export namespace subprocess {

using subprocess::adopt;
using subprocess::async_capture;
using subprocess::async_child;
using subprocess::async_child_range;
using subprocess::async_communicate;
using subprocess::async_pipeline;
using subprocess::async_run;
using subprocess::async_spawn;
using subprocess::async_tee;
using subprocess::async_wait_all;
using subprocess::async_wait_any;
using subprocess::backoff;
using subprocess::basic_async_child;
using subprocess::basic_child_lines;
using subprocess::basic_worker_pool;
using subprocess::child_lines;
using subprocess::event_loop;
using subprocess::execution_context_like;
using subprocess::input_stream;
using subprocess::line_end;
using subprocess::line_options;
using subprocess::line_reader;
using subprocess::operator<<;
using subprocess::pool_counts;
using subprocess::pool_event;
using subprocess::pool_event_kind;
using subprocess::readiness;
using subprocess::reaper_in_use;
using subprocess::reaper_source;
using subprocess::recycling;
using subprocess::restart_when;
using subprocess::spawn;
using subprocess::spawn_limiter;
using subprocess::spawn_permit;
using subprocess::stop_reason;
using subprocess::terminal_stream;
using subprocess::to_string;
using subprocess::use_reaper;
using subprocess::wait_result;
using subprocess::worker_lease;
using subprocess::worker_pool;
using subprocess::worker_pool_options;

} // namespace subprocess

export namespace subprocess::co {

using subprocess::co::capture;
using subprocess::co::run;
using subprocess::co::spawn;

} // namespace subprocess::co
