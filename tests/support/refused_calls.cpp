#include "refused_calls.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "isolated.hpp"
#include "sandbox.hpp"

namespace subprocess::tests {
namespace {

struct named_call {
  long number;
  const char* name;
};

constexpr named_call newer_calls[] = {
    {SYS_clone3, "clone3"},
    {SYS_close_range, "close_range"},
    {SYS_unshare, "unshare"},
    {SYS_pidfd_open, "pidfd_open"},
    {SYS_pidfd_send_signal, "pidfd_send_signal"},
    {SYS_memfd_create, "memfd_create"},
    {SYS_waitid, "waitid"},
    {SYS_dup3, "dup3"},
};

} // namespace

std::vector<refused_calls> refused_alone_and_together()
{
  std::vector<refused_calls> sets;
  refused_calls all{{}, "all"};
  for (const named_call& call : newer_calls) {
    sets.push_back({{call.number}, call.name});
    all.numbers.push_back(call.number);
  }
  sets.push_back(all);
  return sets;
}

std::vector<refused_calls> refused_in_pairs()
{
  std::vector<refused_calls> sets;
  for (const named_call& a : newer_calls)
    for (const named_call& b : newer_calls)
      if (&a < &b)
        sets.push_back({{a.number, b.number}, std::string(a.name) + " and " + b.name});
  return sets;
}

void for_each_refusal(const std::vector<refused_calls>& sets, int error,
                      const std::function<void(const refused_calls&)>& body)
{
  for (const refused_calls& set : sets) {
    SCOPED_TRACE("refused: " + set.names);
    isolated([&] {
      if (refuse_calls(set.numbers, error)) // Without filters in the kernel there is nothing to see.
        body(set);
    });
  }
}

} // namespace subprocess::tests
