// This library: a worker_pool whose workers are leased for each request or kept; and
// no pool at all, but a new process for each request.

#include "pool_driver.hpp"

#include <asio.hpp>

#include <csignal>
#include <cstring>

#include <asio_integration/asio_integration.hpp>

namespace {

using subprocess::worker_lease;

enum class way { lease_each, keep_lease, spawn_each };

struct variant {
  const char* name;
  way how;
};
constexpr variant variants[] = {
    {"worker_pool", way::lease_each}, {"worker_pool-kept", way::keep_lease}, {"spawn-each", way::spawn_each}};

subprocess::worker_pool_options pool_of(std::size_t size)
{
  subprocess::worker_pool_options options;
  options.size = size;
  options.delay.first = options.delay.most = std::chrono::nanoseconds(0);
  options.most_deaths = 1 << 30;
  return options;
}

class clients {
public:
  clients(const bench::pool_options& given, bench::recorder& measured)
      : given_(given), measured_(measured), pool_(context_, subprocess::command(given.worker), pool_of(given.workers)),
        clients_(given.workers)
  {
  }

  void run(way how)
  {
    busy_ = clients_.size();
    if (how == way::spawn_each) {
      measured_.start();
      for (client& one : clients_)
        capture(one);
      context_.run();
      return;
    }
    run_pool();
    for (client& one : clients_) {
      one.asked = measured_.now();
      if (how == way::keep_lease)
        keep(one);
      else
        lease(one);
    }
    context_.run();
  }

  void restart()
  {
    run_pool();
    ask_until_answered(clients_.front());
    context_.run();
  }

private:
  struct client {
    worker_lease worker;
    double asked = 0;
  };

  void run_pool()
  {
    pool_.async_run(asio::bind_cancellation_slot(end_.slot(), [](std::error_code) {}));
    pool_.async_wait_ready(given_.workers, [](std::error_code ec) { bench::require(!ec, "no worker"); });
    while (pool_.counts().ready < given_.workers)
      context_.run_one();
    measured_.start();
  }

  void finished()
  {
    if (--busy_ == 0)
      end_.emit(asio::cancellation_type::terminal);
  }

  /// False when that was the last one.
  bool answered(client& one, std::error_code ec, const std::string& answer)
  {
    bench::require(!ec && answer == bench::question, "another answer");
    measured_.add(one.asked);
    return !measured_.is_over_at(one.asked);
  }

  void lease(client& one)
  {
    pool_.async_acquire([this, &one](std::error_code error, worker_lease lent) {
      bench::require(!error, "no lease");
      one.worker = std::move(lent);
      one.worker.async_request(bench::question, [this, &one](std::error_code ec, const std::string& answer) {
        one.worker.done();
        if (answered(one, ec, answer))
          lease(one);
        else
          finished();
      });
    });
  }

  void keep(client& one)
  {
    pool_.async_acquire([this, &one](std::error_code error, worker_lease lent) {
      bench::require(!error, "no lease");
      one.worker = std::move(lent);
      ask(one);
    });
  }

  void ask(client& one)
  {
    one.worker.async_request(bench::question, [this, &one](std::error_code ec, const std::string& answer) {
      if (answered(one, ec, answer))
        return ask(one);
      one.worker.done();
      finished();
    });
  }

  void capture(client& one)
  {
    one.asked = measured_.now();
    subprocess::async_capture(context_, subprocess::command(given_.worker), {.input = bench::question + '\n'},
                              [this, &one](std::error_code ec, const subprocess::captured_output& output) {
                                bench::require(!ec && output.out.size() == bench::question.size() + 1, "async_capture");
                                measured_.add(one.asked);
                                if (!measured_.is_over_at(one.asked))
                                  capture(one);
                              });
  }

  // The first of each row is not measured: nobody was killed before it.
  void ask_until_answered(client& one)
  {
    pool_.async_acquire([this, &one](std::error_code error, worker_lease lent) {
      bench::require(!error, "no lease");
      one.worker = std::move(lent);
      one.worker.async_request(bench::question, [this, &one](std::error_code ec, const std::string&) {
        if (!ec) {
          if (one.asked > 0)
            measured_.add(one.asked);
          if (measured_.is_over())
            return end_restarts(one);
          one.asked = measured_.now();
          ::kill(one.worker.child().id(), SIGKILL);
        }
        one.worker.done();
        ask_until_answered(one);
      });
    });
  }

  void end_restarts(client& one)
  {
    one.worker.done();
    end_.emit(asio::cancellation_type::terminal);
  }

  asio::io_context context_{1};
  const bench::pool_options given_;
  bench::recorder& measured_;
  subprocess::worker_pool pool_;
  asio::cancellation_signal end_;
  std::vector<client> clients_;
  std::size_t busy_ = 0;
};

} // namespace

int main(int argc, char** argv)
{
  if (argc == 2 && std::strcmp(argv[1], "--variants") == 0) {
    for (const variant& one : variants)
      std::puts(one.name);
    return 0;
  }
  const variant* chosen = &variants[0];
  if (argc > 3 && std::strcmp(argv[argc - 2], "--variant") == 0)
    for (const variant& one : variants)
      if (std::strcmp(one.name, argv[argc - 1]) == 0)
        chosen = &one;
  return bench::run_pool_driver(argc, argv, chosen->name, "0.1.0",
                                [chosen](const bench::pool_options& given, bench::recorder& measured) {
                                  clients all(given, measured);
                                  if (given.workload == "request")
                                    all.run(chosen->how);
                                  else if (given.workload == "restart" && chosen->how == way::lease_each)
                                    all.restart();
                                  else
                                    return false;
                                  return true;
                                });
}
