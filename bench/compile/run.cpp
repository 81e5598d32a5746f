// A program that only runs another one.
#include <subprocess/spawn.hpp>

int main()
{
  subprocess::run(subprocess::command("true"));
}
