#pragma once

#include <vector>

#include <subprocess/command.hpp>
#include <subprocess/error.hpp>
#include <subprocess/pipeline.hpp>

namespace subprocess::detail {

/// The stages with new pipes between them. Each command owns its ends, which are
/// closed when it and its copies are gone: keep none longer than its spawn, or no
/// stage sees end-of-file.
/// \param failure  Set when the stages cannot be joined, or cleared.
std::vector<command> joined_stages(const pipeline& what, spawn_failure& failure);

} // namespace subprocess::detail
