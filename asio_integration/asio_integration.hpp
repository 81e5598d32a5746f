#pragma once

/// The event-loop half: children whose end, pipes and teardown are awaited.

#include <asio_integration/async_capture.hpp>
#include <asio_integration/async_child.hpp>
#include <asio_integration/async_communicate.hpp>
#include <asio_integration/async_pipeline.hpp>
#include <asio_integration/async_run.hpp>
#include <asio_integration/async_spawn.hpp>
#include <asio_integration/async_tee.hpp>
#include <asio_integration/async_wait_many.hpp>
#include <asio_integration/child_lines.hpp>
#include <asio_integration/co.hpp>
#include <asio_integration/event_loop.hpp>
#include <asio_integration/input_stream.hpp>
#include <asio_integration/line_options.hpp>
#include <asio_integration/line_reader.hpp>
#include <asio_integration/pool_event.hpp>
#include <asio_integration/reaper.hpp>
#include <asio_integration/spawn.hpp>
#include <asio_integration/spawn_limiter.hpp>
#include <asio_integration/spawn_permit.hpp>
#include <asio_integration/terminal_stream.hpp>
#include <asio_integration/wait_result.hpp>
#include <asio_integration/worker_lease.hpp>
#include <asio_integration/worker_pool.hpp>
#include <asio_integration/worker_pool_options.hpp>
#include <subprocess/subprocess.hpp>
