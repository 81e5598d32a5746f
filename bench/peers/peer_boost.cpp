// Boost.Process v2 on Boost.Asio, with its default launcher.

#include "driver.hpp"

// Built with std::filesystem it needs no further Boost library, but the headers
// of release 1.81 then lack what these two bring along: hence the order.
#include <boost/optional.hpp>
#include <boost/type_traits.hpp>

#include <boost/asio.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/src.hpp>
#include <boost/process/v2/stdio.hpp>
#include <boost/version.hpp>

#include <array>
#include <functional>
#include <memory>

namespace asio = boost::asio;
namespace process = boost::process::v2;

struct boost_peer {
  void start(char* const* argv, bench::job& job)
  {
    spawn(argv, job, process::process_stdio{nullptr, nullptr, nullptr});
  }

  void run_one()
  {
    context_.restart();
    context_.run_one();
  }

  std::size_t capture(char* const* argv)
  {
    asio::readable_pipe pipe{context_};
    bench::job child;
    spawn(argv, child, process::process_stdio{nullptr, pipe, nullptr});
    std::string output;
    bool ended = false;
    asio::async_read(pipe, asio::dynamic_buffer(output),
                     [&](boost::system::error_code, std::size_t) { ended = true; });
    while (!child.done || !ended)
      run_one();
    bench::require(child.clean, "the child failed");
    return output.size();
  }

  std::uint64_t drain(char* const* argv)
  {
    asio::readable_pipe pipe{context_};
    bench::job child;
    spawn(argv, child, process::process_stdio{nullptr, pipe, nullptr});
    std::uint64_t total = 0;
    bool ended = false;
    const std::function<void()> read = [&] {
      pipe.async_read_some(asio::buffer(buffer_),
                           [&](boost::system::error_code error, std::size_t size) {
                             total += size;
                             if (error)
                               ended = true;
                             else
                               read();
                           });
    };
    read();
    while (!child.done || !ended)
      run_one();
    bench::require(child.clean, "the child failed");
    return total;
  }

private:
  void spawn(char* const* argv, bench::job& job, process::process_stdio stdio)
  {
    std::vector<std::string> words;
    for (char* const* word = argv + 1; *word; ++word)
      words.emplace_back(*word);
    auto child = std::make_unique<process::process>(context_, argv[0], words, std::move(stdio));
    job.pid = child->id();
    auto& waiting = *child;
    waiting.async_wait(
        [&job, child = std::move(child)](boost::system::error_code error, int code) {
          job.clean = !error && code == 0;
          job.done = true;
        });
  }

  asio::io_context context_{1};
  std::array<char, 65536> buffer_{};
};

int main(int argc, char** argv)
{
  const std::string version = std::to_string(BOOST_VERSION / 100000) + "." +
                              std::to_string(BOOST_VERSION / 100 % 1000);
  return bench::run_driver<boost_peer>(argc, argv, "Boost.Process v2", version);
}
