// What the snippets share; used only where b_pch is on.

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <iostream>

#include <asio_integration/asio_integration.hpp>
