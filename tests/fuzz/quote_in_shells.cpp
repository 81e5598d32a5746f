// What shell_quote() and to_string() make is what dash and bash read: random words for so many
// seconds, `quote_in_shells SECONDS SEED`.

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <subprocess/subprocess.hpp>

using namespace subprocess;

namespace {

const char* const shells[] = {"/bin/dash", "/bin/bash"};

// What a shell looks at, and bytes of all kinds between.
std::string random_word(std::mt19937& dice)
{
  static const std::string special = "'\"\\$`!*?[]{}()<>|&;#~=%@^-+,:./ \t\n\r_aZ09";
  std::string word;
  for (unsigned left = dice() % 12; left > 0; --left)
    word += dice() % 4 ? special[dice() % special.size()] : static_cast<char>(1 + dice() % 255);
  return word;
}

captured_output run_in(const char* shell, const std::string& script)
{
  return capture(command(shell).env("LC_ALL", "C").stdin_from(stdio::from_string(script)));
}

void fail(const std::string& what, const std::string& script, const std::string& got)
{
  std::cout << what << ": " << script << "\n  is read as " << got << '\n';
  std::exit(1);
}

// As arguments, and as a whole command.
unsigned try_words(std::mt19937& dice, const char* shell)
{
  command told("printf", {"%s\\0"});
  std::string expected;
  const unsigned count = 1 + dice() % 300;
  for (unsigned i = 0; i < count; ++i) {
    const std::string word = random_word(dice);
    told.arg(word);
    expected += word + '\0';
  }
  const std::string got = run_in(shell, to_string(told)).out;
  if (got != expected)
    fail(shell, to_string(told), got);
  return count;
}

// Where a command begins: a name that is none, and nothing of the shell's.
void try_first_words(const char* shell)
{
  for (const char* word : {"case",    "coproc",   "do", "done", "elif",   "else", "end",  "esac",  "fi",    "for",
                           "foreach", "function", "if", "in",   "select", "then", "time", "until", "while", "!",
                           "{",       "}",        "[[", "]]",   "A=b",    "#a",   "~",    "-"}) {
    const captured_output got = run_in(shell, to_string(command(word, {"a"})));
    const bool is_program = std::string(word) == "time"; // There may be one.
    if (got.status.code() != 127 && !(is_program && got.status.code() != 0))
      fail(shell, to_string(command(word, {"a"})), to_string(got.status) + " " + got.err);
  }
}

} // namespace

int main(int argc, char** argv)
{
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(argc > 1 ? std::atoi(argv[1]) : 1);
  std::mt19937 dice(argc > 2 ? static_cast<unsigned>(std::atol(argv[2])) : 1);
  unsigned words = 0;
  for (const char* shell : shells)
    try_first_words(shell);
  while (std::chrono::steady_clock::now() < end)
    for (const char* shell : shells)
      words += try_words(dice, shell);
  std::cout << words << " words\n";
}
