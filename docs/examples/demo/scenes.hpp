#pragma once

#include <string>

#include "checks.hpp"

// Each starts a server of its own and stops it again. `server` is its path.

void sorted_text(const std::string& server, checks& results);
void gzip_and_back(const std::string& server, checks& results);
void simultaneous_echo(const std::string& server, checks& results);
void failing_worker(const std::string& server, checks& results);
void vanishing_client(const std::string& server, checks& results);
void stop_with_workers(const std::string& server, checks& results);
