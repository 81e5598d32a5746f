#include <asio_integration/detail/asio_internals.hpp>

#if __has_include(<asio/config.hpp>)
#include <asio/config.hpp>
#endif

namespace subprocess::detail {

template <unsigned version, unsigned switches>
const char library_was_built_with_asio<version, switches>::and_no_other = 0;

// No specialization: the header has referred to it before.
template struct library_was_built_with_asio<ASIO_VERSION, asio_switches>;

bool event_queue::is_thread_safe(asio::execution_context& context)
{
#if __has_include(<asio/config.hpp>)
  return asio::config(context).get("scheduler", "locking", true);
#else
  return ASIO_CONCURRENCY_HINT_IS_LOCKING(SCHEDULER,
                                          asio::use_service<asio::detail::scheduler>(context).concurrency_hint());
#endif
}

} // namespace subprocess::detail
