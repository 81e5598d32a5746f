#include <subprocess/detail/launch/outcome.hpp> // First: proves it stands alone.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "support/baseline.hpp"
#include "support/deadline.hpp"
#include "support/pipes.hpp"

namespace subprocess::tests {
namespace {

using detail::outcome_message;
using detail::outcome_reader;
using read_result = outcome_reader::result;

std::string bytes_of(const outcome_message& message)
{
  std::string bytes(sizeof message, '\0');
  std::memcpy(bytes.data(), &message, sizeof message);
  return bytes;
}

const outcome_message sent{ENOENT, static_cast<int>(spawn_step::chdir), 2, outcome_message::whole};

read_result read_of(std::string_view bytes)
{
  const unique_fd pipe = pipe_with(bytes);
  return outcome_reader().read(pipe.get());
}

using outcomes = baseline;

TEST_F(outcomes, the_end_without_a_message_is_success)
{
  EXPECT_EQ(read_of(""), read_result::succeeded);
}

TEST_F(outcomes, a_whole_message_is_a_failure)
{
  const unique_fd pipe = pipe_with(bytes_of(sent));
  outcome_reader reader;
  EXPECT_EQ(reader.read(pipe.get()), read_result::failed);
  EXPECT_EQ(reader.failure().error, ENOENT);
  EXPECT_EQ(reader.failure().step, spawn_step::chdir);
  EXPECT_EQ(reader.failure().item, 2);
}

TEST_F(outcomes, a_short_message_is_garbled)
{
  const std::string bytes = bytes_of(sent);
  for (std::size_t size = 1; size < bytes.size(); ++size)
    EXPECT_EQ(read_of(bytes.substr(0, size)), read_result::garbled) << size;
}

TEST_F(outcomes, a_long_message_is_garbled)
{
  const std::string bytes = bytes_of(sent);
  for (const std::size_t more : {1u, 16u, 17u, 1000u, 60000u})
    EXPECT_EQ(read_of(bytes + std::string(more, '\0')), read_result::garbled) << more;
}

TEST_F(outcomes, a_foreign_message_is_garbled)
{
  EXPECT_EQ(read_of(std::string(sizeof sent, 'x')), read_result::garbled);
  EXPECT_EQ(read_of(std::string(sizeof sent, '\0')), read_result::garbled);
  for (const outcome_message& bad :
       {outcome_message{ENOENT, 1, 0, 0}, outcome_message{0, 1, 0, outcome_message::whole},
        outcome_message{-1, 1, 0, outcome_message::whole}, outcome_message{ENOENT, -1, 0, outcome_message::whole},
        outcome_message{ENOENT, 1000, 0, outcome_message::whole},
        outcome_message{ENOENT, 1, -1, outcome_message::whole}})
    EXPECT_EQ(read_of(bytes_of(bad)), read_result::garbled);
}

TEST_F(outcomes, a_pipe_that_does_not_block_can_be_read_bit_by_bit)
{
  pipe_ends ends = make_pipe();
  ASSERT_EQ(::fcntl(ends.read_end.get(), F_SETFL, O_NONBLOCK), 0);
  outcome_reader reader;
  EXPECT_EQ(reader.read(ends.read_end.get()), read_result::again);
  for (const char byte : bytes_of(sent)) {
    write_all(ends.write_end.get(), std::string_view(&byte, 1));
    EXPECT_EQ(reader.read(ends.read_end.get()), read_result::again);
  }
  ends.write_end.reset();
  EXPECT_EQ(reader.read(ends.read_end.get()), read_result::failed);
  EXPECT_EQ(reader.failure().error, ENOENT);
  EXPECT_EQ(reader.read(ends.read_end.get()), read_result::failed) << "asked again, it says the same";
}

TEST_F(outcomes, a_descriptor_that_cannot_be_read_is_no_success)
{
  EXPECT_EQ(outcome_reader().read(9999), read_result::garbled);
}

} // namespace
} // namespace subprocess::tests
