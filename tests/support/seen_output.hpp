#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include <subprocess/output_line.hpp>

namespace subprocess::tests {

/// What an on_output has seen, and how often.
struct seen_output {
  std::string out;
  std::string err;
  int calls = 0;

  auto sink()
  {
    return [this](output_stream from, std::string_view text) {
      EXPECT_FALSE(text.empty());
      ++calls;
      (from == output_stream::out ? out : err) += text;
    };
  }
};

/// What an on_output throws.
struct refused : std::runtime_error {
  refused() : runtime_error("refused") {}
};

} // namespace subprocess::tests
