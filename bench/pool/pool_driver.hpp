// What the drivers of pools in C++ share: the command line, the clock and the output
// of README.md.

#pragma once

#include "../peers/driver.hpp"

namespace bench {

struct pool_options {
  std::string workload;
  std::string worker;
  std::size_t workers = 1;
  double milliseconds = 200;
};

/// The line of every request: 32 bytes with its newline.
inline const std::string question(31, 'x');

/// Keeps what is measured after the first tenth of the time, which warms up.
class recorder {
public:
  explicit recorder(const pool_options& given) : given_(given) {}

  /// The workers are ready.
  void start() { watch_ = stopwatch(); }

  /// One answer has come.
  /// \param asked  When; the answer's own time after the call.
  void add(double& asked)
  {
    const double time = now();
    if (time > given_.milliseconds * 100) {
      samples_.push_back(time - asked);
      const auto window = static_cast<std::size_t>(time / window_microseconds);
      answers_.resize(std::max(answers_.size(), window + 1));
      ++answers_[window];
    }
    asked = time;
  }

  /// Not before there are some samples, however long each takes.
  bool is_over_at(double now) const { return now > given_.milliseconds * 1000 && samples_.size() > 2; }
  bool is_over() const { return is_over_at(now()); }
  double now() const { return watch_.microseconds(); }

  void print(const char* library, const std::string& version) const
  {
    require(samples_.size() > 2, "nothing was measured");
    std::printf(R"({"library":"%s","version":"%s","workload":"%s","unit":"us")", library, version.c_str(),
                given_.workload.c_str());
    print("windows", answers_);
    print("samples", samples_);
    std::puts("}");
  }

private:
  static constexpr double window_microseconds = 5000;

  static void print(const char* name, const std::vector<double>& values)
  {
    std::printf(",\"%s\":[", name);
    for (std::size_t i = 0; i < values.size(); ++i)
      std::printf(i ? ",%.2f" : "%.2f", values[i]);
    std::printf("]");
  }

  const pool_options given_;
  stopwatch watch_;
  std::vector<double> samples_;
  std::vector<double> answers_; // In each window of time, from the beginning.
};

inline pool_options parse_pool_options(int argc, char** argv)
{
  pool_options given;
  given.workload = argc > 1 ? argv[1] : "";
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    if (name == "--child")
      given.worker = value;
    else if (name == "--workers")
      given.workers = std::strtoul(value, nullptr, 10);
    else if (name == "--milliseconds")
      given.milliseconds = std::strtod(value, nullptr);
  }
  return given;
}

/// \param run  Called with the options and a recorder; false when it does not know the
///             workload.
template <class Run>
int run_pool_driver(int argc, char** argv, const char* library, const std::string& version, Run run)
{
  const pool_options given = parse_pool_options(argc, argv);
  try {
    recorder measured(given);
    if (!run(given, measured))
      return 2;
    measured.print(library, version);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", library, error.what());
    return 1;
  }
}

} // namespace bench
