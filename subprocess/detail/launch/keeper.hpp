#pragma once

#include <subprocess/detail/launch/make_process.hpp>

namespace subprocess::detail {

/// make_sharing() or make_copy().
using process_maker = int (*)(const child_start& start, made_process& made) noexcept;

/// Makes a process on a thread that lives as long as the program does: to the kernel a
/// child's parent is the thread that made it, and the end of that thread is what a
/// parent's death signal tells of. The thread is made by the first call, and anew in a
/// fork of the program. It has no signals and no descriptor of its own.
///
/// The calling thread holds the launch gate, and waits for as long as it takes.
/// \return As the maker; `EAGAIN` when there is no thread to be had.
int make_by_keeper(process_maker make, const child_start& start, made_process& made) noexcept;

} // namespace subprocess::detail
