// Linked into a test program: writes for each test, into the file MUTATIONS_LOG, its name, result, milliseconds
// and the mutants that it came to.

#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

extern "C" volatile unsigned char* notes_of_mutations(std::size_t& size);

namespace {

class reached_log : public testing::EmptyTestEventListener {
public:
  explicit reached_log(const char* path) : out_(std::fopen(path, "ae")) {}

  void OnTestStart(const testing::TestInfo&) override { take(nullptr); }

  void OnTestEnd(const testing::TestInfo& test) override
  {
    const testing::TestResult& result = *test.result();
    std::fprintf(out_, "%s.%s\t%s\t%lld\t", test.test_suite_name(), test.name(),
                 result.Skipped()  ? "skipped"
                 : result.Passed() ? "passed"
                                   : "failed",
                 static_cast<long long>(result.elapsed_time()));
    take(out_);
    std::fputc('\n', out_);
    std::fflush(out_);
  }

private:
  static void take(std::FILE* into)
  {
    std::size_t size = 0;
    volatile unsigned char* const notes = notes_of_mutations(size);
    for (std::size_t i = 0; i < size; ++i)
      if (notes[i]) {
        notes[i] = 0;
        if (into)
          std::fprintf(into, "%zu ", i);
      }
  }

  std::FILE* out_;
};

// Some tests run this program again: those runs are parts of a test.
const bool is_logged = [] {
  if (const char* path = std::getenv("MUTATIONS_LOG")) {
    testing::UnitTest::GetInstance()->listeners().Append(new reached_log(path));
    ::unsetenv("MUTATIONS_LOG");
  }
  return true;
}();

} // namespace
