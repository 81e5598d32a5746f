#pragma once

#include "raw_calls.hpp"
