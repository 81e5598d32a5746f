#pragma once

#include <string>

#include "checks.hpp"

// Each starts a server of its own and stops it again. `server` is its path.

// With a worker for each connection.
void sorted_text(const std::string& server, checks& results);
void gzip_and_back(const std::string& server, checks& results);
void simultaneous_echo(const std::string& server, checks& results);
void failing_worker(const std::string& server, checks& results);
void vanishing_client(const std::string& server, checks& results);
void stop_with_workers(const std::string& server, checks& results);

// With a pool.
void lines_of_text(const std::string& server, checks& results);
void worker_killed_in_mid_request(const std::string& server, checks& results);
void crash_loop(const std::string& server, checks& results);
void reload_under_load(const std::string& server, checks& results);
void hung_worker(const std::string& server, checks& results);
void stop_under_load(const std::string& server, checks& results);
void server_killed(const std::string& server, checks& results);
