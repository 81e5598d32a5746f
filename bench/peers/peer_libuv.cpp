// libuv: uv_spawn(), with the default loop.

#include "driver.hpp"

#include <uv.h>

#include <array>

struct libuv_peer {
  void start(char* const* argv, bench::job& job) { spawn(argv, job, nullptr); }

  void run_one() { uv_run(loop_, UV_RUN_ONCE); }

  std::size_t capture(char* const* argv)
  {
    output_.clear();
    collect_ = true;
    read_all(argv);
    return output_.size();
  }

  std::uint64_t drain(char* const* argv)
  {
    collect_ = false;
    return read_all(argv);
  }

private:
  void spawn(char* const* argv, bench::job& job, uv_pipe_t* output)
  {
    std::array<uv_stdio_container_t, 3> stdio{};
    for (auto& stream : stdio)
      stream.flags = UV_IGNORE; // Which is /dev/null.
    if (output) {
      stdio[1].flags = static_cast<uv_stdio_flags>(UV_CREATE_PIPE | UV_WRITABLE_PIPE);
      stdio[1].data.stream = reinterpret_cast<uv_stream_t*>(output);
    }
    uv_process_options_t options{};
    options.file = argv[0];
    options.args = const_cast<char**>(argv);
    options.stdio = stdio.data();
    options.stdio_count = 3;
    options.exit_cb = [](uv_process_t* process, std::int64_t status, int signal) {
      auto& ended = *static_cast<bench::job*>(process->data);
      ended.clean = status == 0 && signal == 0;
      ended.done = true;
      uv_close(reinterpret_cast<uv_handle_t*>(process), [](uv_handle_t* closed) {
        delete reinterpret_cast<uv_process_t*>(closed);
      });
    };

    auto* process = new uv_process_t{};
    process->data = &job;
    bench::require(uv_spawn(loop_, process, &options) == 0, "uv_spawn");
    job.pid = process->pid;
  }

  std::uint64_t read_all(char* const* argv)
  {
    uv_pipe_t pipe{};
    uv_pipe_init(loop_, &pipe, 0);
    pipe.data = this;
    total_ = 0;
    closed_ = false;
    bench::job child;
    spawn(argv, child, &pipe);
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(&pipe),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          auto& self = *static_cast<libuv_peer*>(handle->data);
          *buffer = uv_buf_init(self.buffer_.data(), static_cast<unsigned>(self.buffer_.size()));
        },
        [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
          auto& self = *static_cast<libuv_peer*>(stream->data);
          if (size < 0) {
            uv_close(reinterpret_cast<uv_handle_t*>(stream), [](uv_handle_t* handle) {
              static_cast<libuv_peer*>(handle->data)->closed_ = true;
            });
            return;
          }
          self.total_ += static_cast<std::size_t>(size);
          if (self.collect_)
            self.output_.append(buffer->base, static_cast<std::size_t>(size));
        });
    while (!child.done || !closed_)
      run_one();
    bench::require(child.clean, "the child failed");
    return total_;
  }

  uv_loop_t* loop_ = uv_default_loop();
  std::array<char, 65536> buffer_{};
  std::string output_;
  std::uint64_t total_ = 0;
  bool collect_ = false;
  bool closed_ = false;
};

int main(int argc, char** argv)
{
  return bench::run_driver<libuv_peer>(argc, argv, "libuv", uv_version_string());
}
