#include <asio_integration/detail/pool/bind_to_program.hpp>

namespace subprocess::detail {

// POSIX has nothing for it. A worker that reads its requests finds the end of them.
void bind_to_program(command&)
{
}

} // namespace subprocess::detail
