#pragma once

#include <system_error>

#include <asio_integration/detail/operations/pending.hpp>
#include <subprocess/exit_status.hpp>

namespace subprocess::detail {

/// Who waits for the end of one child, and all who do.
using waiter = pending<std::error_code, exit_status>;
using waiter_list = pending_list<std::error_code, exit_status>;

} // namespace subprocess::detail
