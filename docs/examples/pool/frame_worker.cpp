// Frames: four bytes with the length, the highest first, and so many bytes.

#include <cctype>
#include <cstdint>
#include <iostream>
#include <string>

bool read_frame(std::string& frame)
{
  unsigned char head[4];
  if (!std::cin.read(reinterpret_cast<char*>(head), 4))
    return false; // The end of the input.
  frame.resize(std::uint32_t(head[0]) << 24 | std::uint32_t(head[1]) << 16 | std::uint32_t(head[2]) << 8 | head[3]);
  return static_cast<bool>(std::cin.read(frame.data(), static_cast<std::streamsize>(frame.size())));
}

void write_frame(const std::string& frame)
{
  const auto size = static_cast<std::uint32_t>(frame.size());
  for (int shift = 24; shift >= 0; shift -= 8)
    std::cout.put(static_cast<char>(size >> shift & 0xff));
  std::cout.write(frame.data(), static_cast<std::streamsize>(frame.size())).flush();
}

int main()
{
  std::ios::sync_with_stdio(false);
  for (std::string frame; read_frame(frame);) {
    for (char& c : frame)
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    write_frame(frame);
  }
}
