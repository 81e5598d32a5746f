// C++20 modules for those who want them: `import subprocess;` is the core, and `import
// subprocess.asio;` both halves. These files are compiled by the host, which links with
// the library as ever; macros (<subprocess/version.hpp>) do not come by import. Every
// public name is here, which `./dev prove install` checks with clang 19.

module;

#include <subprocess/command_settings.hpp>
#include <subprocess/stdio_target.hpp>
#include <subprocess/subprocess.hpp>

export module subprocess;

export namespace subprocess {

using subprocess::argument_like;
using subprocess::argument_range;
using subprocess::callback;
using subprocess::capture;
using subprocess::capture_error;
using subprocess::capture_options;
using subprocess::captured_output;
using subprocess::check;
using subprocess::child;
using subprocess::child_change;
using subprocess::child_event;
using subprocess::command;
using subprocess::environment;
using subprocess::environment_changes;
using subprocess::exec;
using subprocess::exit_error;
using subprocess::exit_report;
using subprocess::exit_status;
using subprocess::find_program;
using subprocess::find_variable;
using subprocess::kill_tree;
using subprocess::launcher;
using subprocess::new_namespace;
using subprocess::observation;
using subprocess::observed;
using subprocess::observer;
using subprocess::operator<<;
using subprocess::operator|;
using subprocess::output_line;
using subprocess::output_stream;
using subprocess::overflow;
using subprocess::path_from;
using subprocess::path_argument;
using subprocess::path_like;
using subprocess::pipefail;
using subprocess::pipeline;
using subprocess::pipeline_capture_error;
using subprocess::pipeline_result;
using subprocess::process_options;
using subprocess::program_candidates;
using subprocess::run;
using subprocess::run_options;
using subprocess::shell;
using subprocess::shell_quote;
using subprocess::spawn;
using subprocess::spawn_error;
using subprocess::spawn_failure;
using subprocess::spawn_step;
using subprocess::stdio;
using subprocess::stop_sequence;
using subprocess::stop_step;
using subprocess::time_limit;
using subprocess::to_string;
using subprocess::unique_fd;
using subprocess::version_major;
using subprocess::version_minor;
using subprocess::version_patch;
using subprocess::version_string;
using subprocess::window_size;

} // namespace subprocess
