// GLib: GSubprocess, on the default main context.

#include "driver.hpp"

#include <gio/gio.h>

#include <array>

struct glib_peer {
  void start(char* const* argv, bench::job& job)
  {
    GSubprocess* child = spawn(argv, silent);
    // Null when the worker thread reaped the child already.
    if (const char* id = g_subprocess_get_identifier(child))
      job.pid = static_cast<pid_t>(std::strtol(id, nullptr, 10));
    wait(child, job);
    g_object_unref(child);
  }

  void run_one() { g_main_context_iteration(nullptr, TRUE); }

  std::size_t capture(char* const* argv)
  {
    struct result {
      GBytes* output = nullptr;
      bool done = false;
    } collected;
    GSubprocess* child = spawn(argv, piped);
    g_subprocess_communicate_async(
        child, nullptr, nullptr,
        [](GObject* source, GAsyncResult* ready, void* data) {
          auto& into = *static_cast<result*>(data);
          g_subprocess_communicate_finish(G_SUBPROCESS(source), ready, &into.output, nullptr,
                                          nullptr);
          into.done = true;
        },
        &collected);
    while (!collected.done)
      run_one();
    const std::size_t size = collected.output ? g_bytes_get_size(collected.output) : 0;
    bench::require(g_subprocess_get_successful(child), "the child failed");
    g_bytes_unref(collected.output);
    g_object_unref(child);
    return size;
  }

  std::uint64_t drain(char* const* argv)
  {
    GSubprocess* child = spawn(argv, piped);
    bench::job exit;
    wait(child, exit);
    total_ = 0;
    ended_ = false;
    read(g_subprocess_get_stdout_pipe(child));
    while (!exit.done || !ended_)
      run_one();
    bench::require(exit.clean, "the child failed");
    g_object_unref(child);
    return total_;
  }

private:
  // stdin is /dev/null unless told otherwise.
  static constexpr auto silent = static_cast<GSubprocessFlags>(G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
                                                               G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  static constexpr auto piped = static_cast<GSubprocessFlags>(G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                                              G_SUBPROCESS_FLAGS_STDERR_SILENCE);

  static GSubprocess* spawn(char* const* argv, GSubprocessFlags flags)
  {
    GSubprocess* child = g_subprocess_newv(argv, flags, nullptr);
    bench::require(child != nullptr, "g_subprocess_newv");
    return child;
  }

  static void wait(GSubprocess* child, bench::job& job)
  {
    g_subprocess_wait_async(
        child, nullptr,
        [](GObject* source, GAsyncResult* ready, void* data) {
          auto& ended = *static_cast<bench::job*>(data);
          g_subprocess_wait_finish(G_SUBPROCESS(source), ready, nullptr);
          ended.clean = g_subprocess_get_successful(G_SUBPROCESS(source));
          ended.done = true;
        },
        &job);
  }

  void read(GInputStream* stream)
  {
    g_input_stream_read_async(
        stream, buffer_.data(), buffer_.size(), G_PRIORITY_DEFAULT, nullptr,
        [](GObject* source, GAsyncResult* ready, void* data) {
          auto& self = *static_cast<glib_peer*>(data);
          const gssize size = g_input_stream_read_finish(G_INPUT_STREAM(source), ready, nullptr);
          if (size <= 0) {
            self.ended_ = true;
            return;
          }
          self.total_ += static_cast<std::uint64_t>(size);
          self.read(G_INPUT_STREAM(source));
        },
        this);
  }

  std::array<char, 65536> buffer_{};
  std::uint64_t total_ = 0;
  bool ended_ = false;
};

int main(int argc, char** argv)
{
  const std::string version = std::to_string(glib_major_version) + "." +
                              std::to_string(glib_minor_version) + "." +
                              std::to_string(glib_micro_version);
  return bench::run_driver<glib_peer>(argc, argv, "GLib", version);
}
