// What takes longest in every source of the event-loop half; used only where
// b_pch is on.

#include <asio.hpp>
