#include <asio_integration/detail/capture_operation.hpp>

#include <asio/buffer.hpp>

namespace subprocess::detail {
namespace {

// A pipe holds 64 KiB unless told otherwise: more never comes at once.
constexpr std::size_t chunk = 65536;

/// What the pipe holds now, and no more: the writer may be a process that goes
/// on for ever.
void read_rest(async_child::pipe_type& pipe, std::string& text)
{
  std::error_code ec;
  pipe.non_blocking(true, ec);
  for (int reads = 0; reads < 16 && !ec; ++reads) {
    const std::size_t size = text.size();
    text.resize(size + chunk);
    text.resize(size + pipe.read_some(asio::buffer(text.data() + size, chunk), ec));
  }
}

} // namespace

capture_operation::capture_operation(const asio::any_io_executor& executor, done_type done, command what)
    : child_operation(executor, std::move(what), stream_defaults::capture()), done_(std::move(done))
{
}

void capture_operation::started()
{
  std::error_code ignored;
  child().stdin_pipe().close(ignored);
  for (auto* pipe : {&child().stdout_pipe(), &child().stderr_pipe()})
    if (pipe->is_open()) {
      ++parts_;
      read(*pipe, pipe == &child().stdout_pipe() ? output_.out : output_.err);
    }
}

void capture_operation::read(async_child::pipe_type& pipe, std::string& text)
{
  const std::size_t size = text.size();
  text.resize(size + chunk);
  pipe.async_read_some(asio::buffer(text.data() + size, chunk),
                       [self = self(this), &pipe, &text, size](std::error_code ec, std::size_t got) {
                         text.resize(size + got);
                         if (!ec && !self->giving_up_)
                           return self->read(pipe, text);
                         if (self->giving_up_)
                           read_rest(pipe, text);
                         const bool good = !ec || ec == asio::error::eof;
                         self->part_ended(good ? std::error_code() : std::error_code(ec.value(), std::system_category()));
                       });
}

void capture_operation::ended(std::error_code ec, exit_status status)
{
  output_.status = status;
  if (cancelled())
    give_up_streams();
  part_ended(ec);
}

// Whoever else holds a stream may do so for long; nobody waits for that.
void capture_operation::give_up_streams()
{
  giving_up_ = true;
  std::error_code ignored;
  child().stdout_pipe().cancel(ignored);
  child().stderr_pipe().cancel(ignored);
}

void capture_operation::part_ended(std::error_code ec)
{
  if (!error_)
    error_ = ec;
  if (--parts_ == 0)
    done_(cancelled() ? asio::error::operation_aborted : error_, std::move(output_));
}

} // namespace subprocess::detail
