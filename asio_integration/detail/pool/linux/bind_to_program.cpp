#include <asio_integration/detail/pool/bind_to_program.hpp>

#include <subprocess/command_settings.hpp>

namespace subprocess::detail {

// A signal that the command itself asks for excludes it.
void bind_to_program(command& worker)
{
  if (!worker.get().process.parent_death_signal)
    worker.die_with_program();
}

} // namespace subprocess::detail
