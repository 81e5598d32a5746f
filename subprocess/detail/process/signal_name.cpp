#include <subprocess/detail/process/signal_name.hpp>

#include <csignal>

namespace subprocess::detail {

// Not strsignal(): it translates, and says "Killed". Not sigabbrev_np(): only
// glibc has it. The names that POSIX requires are enough of a table.
const char* signal_name(int signal) noexcept
{
#define SUBPROCESS_NAME(name)                                                                                          \
  case name: return #name
  switch (signal) {
    SUBPROCESS_NAME(SIGHUP);
    SUBPROCESS_NAME(SIGINT);
    SUBPROCESS_NAME(SIGQUIT);
    SUBPROCESS_NAME(SIGILL);
    SUBPROCESS_NAME(SIGTRAP);
    SUBPROCESS_NAME(SIGABRT);
    SUBPROCESS_NAME(SIGBUS);
    SUBPROCESS_NAME(SIGFPE);
    SUBPROCESS_NAME(SIGKILL);
    SUBPROCESS_NAME(SIGUSR1);
    SUBPROCESS_NAME(SIGSEGV);
    SUBPROCESS_NAME(SIGUSR2);
    SUBPROCESS_NAME(SIGPIPE);
    SUBPROCESS_NAME(SIGALRM);
    SUBPROCESS_NAME(SIGTERM);
    SUBPROCESS_NAME(SIGCHLD);
    SUBPROCESS_NAME(SIGCONT);
    SUBPROCESS_NAME(SIGSTOP);
    SUBPROCESS_NAME(SIGTSTP);
    SUBPROCESS_NAME(SIGTTIN);
    SUBPROCESS_NAME(SIGTTOU);
    SUBPROCESS_NAME(SIGURG);
    SUBPROCESS_NAME(SIGXCPU);
    SUBPROCESS_NAME(SIGXFSZ);
    SUBPROCESS_NAME(SIGVTALRM);
    SUBPROCESS_NAME(SIGPROF);
    SUBPROCESS_NAME(SIGWINCH);
    SUBPROCESS_NAME(SIGSYS);
#ifdef SIGIO
    SUBPROCESS_NAME(SIGIO);
#endif
#ifdef SIGPWR
    SUBPROCESS_NAME(SIGPWR);
#endif
#ifdef SIGSTKFLT
    SUBPROCESS_NAME(SIGSTKFLT);
#endif
  }
#undef SUBPROCESS_NAME
  return nullptr;
}

} // namespace subprocess::detail
