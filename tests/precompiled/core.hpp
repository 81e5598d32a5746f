// What the tests of the core share; used only where b_pch is on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <subprocess/subprocess.hpp>
