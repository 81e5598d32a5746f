// What the tests of the event-loop half share; used only where b_pch is on.

#include <gtest/gtest.h>

#include <asio.hpp>

#include <asio_integration/asio_integration.hpp>
