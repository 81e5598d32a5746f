#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

/// Lines of a few words each; the same for the same seed.
inline std::string some_text(std::size_t lines, unsigned seed)
{
  static constexpr std::string_view words[] = {"alder", "birch", "cedar", "elm",   "fir",    "hazel",  "larch",
                                               "maple", "oak",   "pine",  "rowan", "spruce", "willow", "yew"};
  std::mt19937 random(seed);
  std::string text;
  for (std::size_t line = 0; line < lines; ++line) {
    for (unsigned word = 0; word < 5; ++word)
      text.append(words[random() % std::size(words)]).append(" ");
    text.append(std::to_string(random())).append("\n");
  }
  return text;
}

/// Bytes that shrink somewhat when compressed; the same for the same seed.
inline std::string some_bytes(std::size_t size, unsigned seed)
{
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(i % 4 == 0 ? random() & 0xff : i >> 12);
  return bytes;
}

/// The lines of a text in the order of their bytes.
inline std::string sorted(const std::string& text)
{
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  std::ranges::sort(lines);
  std::string result;
  for (const std::string& line : lines)
    result.append(line).append("\n");
  return result;
}
