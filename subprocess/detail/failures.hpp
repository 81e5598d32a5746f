#pragma once

#include <cstddef>
#include <string>
#include <system_error>

#include <subprocess/error.hpp>
#include <subprocess/time_limit.hpp>

namespace subprocess::detail {

// What goes wrong with a program that runs.

/// The limit has passed.
spawn_failure limit_passed(const std::string& program, const time_limit& limit);

/// A spawn has failed because the limit has passed: tells that too. Does nothing to
/// other failures.
void add_limit(spawn_failure& failure, const time_limit& limit);

/// It wrote more than so many bytes to one stream.
spawn_failure bytes_exceeded(const std::string& program, std::size_t max_bytes);

/// Reading what it writes has failed.
spawn_failure not_read(const std::string& program, int error);

/// Waiting for it has failed.
spawn_failure not_waited(const std::string& program, std::error_code ec);

} // namespace subprocess::detail
