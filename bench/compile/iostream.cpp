// The least that a program which prints something costs.
#include <iostream>

int main()
{
  std::cout << "hello\n";
}
