// The program that the tests start: `helper VERB ARGUMENTS…`. One function per
// verb, and a line in the table. It is never instrumented, so that it starts
// quickly and has the signal dispositions it was given.

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#endif

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

extern char** environ;

namespace {

// What a failed test leaves behind must not outlive the test run.
constexpr unsigned lifetime_seconds = 60;

struct arguments {
  const char* own_name;
  char** first;
  int count;

  const char* text(int i) const { return i < count ? first[i] : ""; }
  long number(int i) const { return std::atol(text(i)); }
  int fd(int i) const { return static_cast<int>(number(i)); }
};

bool write_all(int fd, const char* data, std::size_t size)
{
  while (size > 0) {
    const ssize_t done = ::write(fd, data, size);
    if (done == -1 && errno == EINTR)
      continue;
    if (done == -1)
      return false;
    data += done;
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

bool write_text(int fd, const char* text)
{
  return write_all(fd, text, std::strlen(text));
}

bool copy(int from, int to)
{
  std::vector<char> buffer(65536);
  for (;;) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got == -1 && errno == EINTR)
      continue;
    if (got <= 0)
      return got == 0;
    if (!write_all(to, buffer.data(), static_cast<std::size_t>(got)))
      return false;
  }
}

bool write_letters(int fd, long count)
{
  const std::vector<char> buffer(65536, fd == 2 ? 'e' : 'o');
  for (long left = count; left > 0;) {
    const auto size = std::min(static_cast<std::size_t>(left), buffer.size());
    if (!write_all(fd, buffer.data(), size))
      return false;
    left -= static_cast<long>(size);
  }
  return true;
}

[[noreturn]] void pause_for_ever()
{
  for (;;)
    ::pause();
}

// ---- ends ----

// exit CODE
int exit_verb(const arguments& a)
{
  return static_cast<int>(a.number(0));
}

// signal NUMBER: ends by it
int signal_verb(const arguments& a)
{
  return std::raise(static_cast<int>(a.number(0)));
}

int hang_verb(const arguments&)
{
  pause_for_ever();
}

// sleep MS: and a success
int sleep_verb(const arguments& a)
{
  ::poll(nullptr, 0, static_cast<int>(a.number(0)));
  return 0;
}

// take-root-and-sleep MS: as set-user-ID root, the whole user, as sudo does
int take_root_and_sleep_verb(const arguments& a)
{
  return ::setreuid(0, 0) == 0 ? sleep_verb(a) : 66;
}

// ready-then-hang: "ready", a newline, and then nothing
int ready_then_hang_verb(const arguments&)
{
  write_text(1, "ready\n");
  pause_for_ever();
}

// ignore NUMBER…: as ready-then-hang, deaf to these signals
int ignore_verb(const arguments& a)
{
  for (int i = 0; i < a.count; ++i)
    std::signal(static_cast<int>(a.number(i)), SIG_IGN);
  return ready_then_hang_verb(a);
}

volatile std::sig_atomic_t caught = 0;

/// Catches these signals, but only under the mask that it returns. "ready"
sigset_t trap(const arguments& a)
{
  sigset_t traps;
  sigset_t old;
  ::sigemptyset(&traps);
  for (int i = 0; i < a.count; ++i) {
    ::sigaddset(&traps, static_cast<int>(a.number(i)));
    std::signal(static_cast<int>(a.number(i)), [](int number) { caught = number; });
  }
  ::sigprocmask(SIG_BLOCK, &traps, &old);
  write_text(1, "ready\n");
  return old;
}

// trap NUMBER…: "ready"; exits with 100 + the signal that comes
int trap_verb(const arguments& a)
{
  const sigset_t old = trap(a);
  while (!caught)
    ::sigsuspend(&old);
  return 100 + caught;
}

// trap-and-tell NUMBER…: as trap; says "caught NUMBER" on stderr before the exit
int trap_and_tell_verb(const arguments& a)
{
  const int code = trap_verb(a);
  std::fprintf(stderr, "caught %d\n", code - 100);
  return code;
}

// trap-or-read NUMBER…: "ready"; as trap-and-tell when a signal comes; says "bye"
// and ends well when stdin has something to read, or its end
int trap_or_read_verb(const arguments& a)
{
  const sigset_t old = trap(a);
  fd_set input;
  FD_ZERO(&input);
  FD_SET(0, &input);
  while (!caught)
    if (::pselect(1, &input, nullptr, nullptr, nullptr, &old) == 1) {
      write_text(1, "bye\n");
      return 0;
    }
  std::fprintf(stderr, "caught %d\n", static_cast<int>(caught));
  return 100 + caught;
}

// tell NUMBER…: "ready"; says "caught NUMBER" on stderr for each that comes
int tell_verb(const arguments& a)
{
  sigset_t traps;
  ::sigemptyset(&traps);
  for (int i = 0; i < a.count; ++i)
    ::sigaddset(&traps, static_cast<int>(a.number(i)));
  ::sigprocmask(SIG_BLOCK, &traps, nullptr);
  write_text(1, "ready\n");
  for (int number = 0; ::sigwait(&traps, &number) == 0;)
    std::fprintf(stderr, "caught %d\n", number);
  return 1;
}

// leave-group: out of the process group it leads, into its parent's; "ready"
int leave_group_verb(const arguments& a)
{
  if (::setpgid(0, ::getpgid(::getppid())) == -1)
    return 1;
  return ready_then_hang_verb(a);
}

// burn MILLISECONDS of CPU time
int burn_verb(const arguments& a)
{
  const auto until = std::clock() + a.number(0) * (CLOCKS_PER_SEC / 1000);
  while (std::clock() < until) {
  }
  return 0;
}

// on-orders IN OUT: "r" on OUT; then does what the bytes from IN say. 'e' and a byte: exits
// with it; 'k' and a byte: raises that signal; 'p': "p" on OUT. Exits with 99 at the end of IN
int on_orders_verb(const arguments& a)
{
  const int in = a.fd(0);
  const int out = a.fd(1);
  const auto next = [in] {
    unsigned char byte = 0;
    ssize_t got;
    do
      got = ::read(in, &byte, 1);
    while (got == -1 && errno == EINTR);
    return got == 1 ? byte : -1;
  };
  for (int order = 'r';; order = next())
    if (order == 'e')
      return next();
    else if (order == 'k')
      std::raise(next());
    else if (order == 'r' || order == 'p')
      write_text(out, order == 'r' ? "r" : "p");
    else
      return 99;
}

// ---- streams ----

// echo TEXT…: each on a line
int echo_verb(const arguments& a)
{
  for (int i = 0; i < a.count; ++i)
    std::printf("%s\n", a.text(i));
  return 0;
}

int cat_verb(const arguments&)
{
  return copy(0, 1) ? 0 : 1;
}

// burn-then-cat MILLISECONDS: as burn, and then as cat
int burn_then_cat_verb(const arguments& a)
{
  return burn_verb(a) || cat_verb(a);
}

// pass-on-then-hang: what it reads first, and then nothing, not even end-of-file
int pass_on_then_hang_verb(const arguments&)
{
  char text[256];
  const ssize_t got = ::read(0, text, sizeof text);
  if (got <= 0 || !write_all(1, text, static_cast<std::size_t>(got)))
    return 1;
  pause_for_ever();
}

int stdin_to_stderr_verb(const arguments&)
{
  return copy(0, 2) ? 0 : 1;
}

// streams: "out" on stdout, "err" on stderr
int streams_verb(const arguments&)
{
  return write_text(1, "out") && write_text(2, "err") ? 0 : 1;
}

// write STREAM BYTES [STREAM BYTES…]: one after the other
int write_verb(const arguments& a)
{
  for (int i = 0; i < a.count; i += 2)
    if (!write_letters(a.fd(i), a.number(i + 1)))
      return 1;
  return 0;
}

// write-then-hang STREAM BYTES…: as write, and then nothing
int write_then_hang_verb(const arguments& a)
{
  const int code = write_verb(a);
  return code ? code : hang_verb(a);
}

// flood BYTES: so many on stdout and on stderr, in turns
int flood_verb(const arguments& a)
{
  for (long left = a.number(0); left > 0; left -= 10000)
    if (!write_letters(1, std::min(left, 10000L)) || !write_letters(2, std::min(left, 10000L)))
      return 1;
  return 0;
}

int close_stdout_then_hang_verb(const arguments&)
{
  ::close(1);
  pause_for_ever();
}

// spawn-grandchild-holding-stdout: prints its pid, and exits; the grandchild
// writes "late" after that, and exits too
int grandchild_verb(const arguments&)
{
  int alive[2];
  if (::pipe(alive) == -1)
    return 1;
  const pid_t grandchild = ::fork();
  if (grandchild == 0) {
    ::alarm(lifetime_seconds);
    ::close(alive[1]);
    char c;
    while (::read(alive[0], &c, 1) == -1 && errno == EINTR) {
    }
    ::_exit(write_text(1, "late\n") ? 0 : 1);
  }
  std::printf("%d\n", static_cast<int>(grandchild));
  return 0;
}

// spawn-grandchild-that-hangs: prints its pid, and exits; the grandchild holds
// the streams until it is killed
int hanging_grandchild_verb(const arguments&)
{
  const pid_t grandchild = ::fork();
  if (grandchild == 0) {
    ::alarm(lifetime_seconds);
    pause_for_ever();
  }
  std::printf("%d\n", static_cast<int>(grandchild));
  return 0;
}

// ---- workers ----

// The next line of stdin without its newline; false at its end
bool next_line(char* line, std::size_t size)
{
  if (!std::fgets(line, static_cast<int>(size), stdin))
    return false;
  line[std::strcspn(line, "\n")] = 0;
  return true;
}

void leave_grandchild_with_the_streams()
{
  if (::fork() == 0) {
    ::alarm(lifetime_seconds);
    pause_for_ever();
  }
}

/// What a request asks for; an exit code, or -1 to go on.
int obey(const char* request)
{
  const auto is = [request](const char* text) { return std::strcmp(request, text) == 0; };
  const char* const blank = std::strchr(request, ' ');
  const long number = blank ? std::atol(blank) : 0;
  if (std::strncmp(request, "exit ", 5) == 0)
    return static_cast<int>(number);
  if (is("pid"))
    std::printf("%d\n", static_cast<int>(::getpid()));
  else if (is("hang"))
    pause_for_ever();
  else if (is("stop"))
    std::raise(SIGSTOP);
  else if (is("half"))
    return write_text(1, "hal") ? 7 : 1;
  else if (is("last words"))
    return write_text(1, "these\n") ? 7 : 1;
  else if (is("twice"))
    std::printf("once\ntwice\n");
  else if (is("close"))
    ::close(1);
  else if (is("leave a child")) {
    leave_grandchild_with_the_streams();
    return 7;
  } else if (is("unasked")) {
    write_text(1, "first\n");
    timeval a_while{0, 20000};
    ::select(0, nullptr, nullptr, nullptr, &a_while);
    write_text(1, "then\n");
  } else if (std::strncmp(request, "long ", 5) == 0) {
    write_letters(1, number);
    write_text(1, "\n");
  } else if (std::strncmp(request, "say ", 4) == 0) {
    std::fprintf(stderr, "%s\n", request + 4);
    std::printf("said\n");
  } else
    std::printf("re: %s\n", request);
  std::fflush(stdout);
  return -1;
}

// line-worker [READY]: says that it is ready, if with something; answers each line of
// stdin, or does what it says
int line_worker_verb(const arguments& a)
{
  if (a.count > 0 && !(write_text(1, a.text(0)) && write_text(1, "\n")))
    return 1;
  for (char line[4096]; next_line(line, sizeof line);)
    if (const int code = obey(line); code != -1)
      return code;
  return 0;
}

// mortal-worker REQUESTS CODE: answers so many lines, and exits at the next
int mortal_worker_verb(const arguments& a)
{
  char line[4096];
  for (long left = a.number(0); next_line(line, sizeof line); --left)
    if (left == 0)
      return static_cast<int>(a.number(1));
    else
      obey(line);
  return 0;
}

// accept-worker TEXT: tells TEXT to whoever connects to the first of listen_fds(), and
// ends at SIGTERM, between two of them
int accept_worker_verb(const arguments& a)
{
  constexpr int socket = 3;
  struct sigaction action{};
  action.sa_handler = [](int) {};
  ::sigaction(SIGTERM, &action, nullptr);
  sigset_t term;
  sigset_t open;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, &open);
  for (;;) {
    fd_set someone;
    FD_ZERO(&someone);
    FD_SET(socket, &someone);
    if (::pselect(socket + 1, &someone, nullptr, nullptr, nullptr, &open) == -1)
      return errno == EINTR ? 0 : 1;
    const int connection = ::accept(socket, nullptr, nullptr);
    if (connection == -1)
      continue; // Another was faster.
    if (!(write_text(connection, a.text(0)) && write_text(connection, "\n")))
      return 1;
    ::close(connection);
  }
}

#ifdef __linux__
/// To where NOTIFY_SOCKET says, with a descriptor unless that is -1. \source sd_notify(3).
bool notify(const char* text, int passed = -1)
{
  const char* const name = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = name ? std::strlen(name) : 0;
  if (length == 0 || length > sizeof address.sun_path)
    return false;
  std::memcpy(address.sun_path, name, length);
  if (address.sun_path[0] == '@')
    address.sun_path[0] = 0;
  iovec piece{const_cast<char*>(text), std::strlen(text)};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof passed)] = {};
  if (passed != -1) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(part), &passed, sizeof passed);
  }
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  return ::sendmsg(fd, &message, 0) != -1 && ::close(fd) == 0;
}

/// Returns when all before it was received. \source sd_notify_barrier(3).
bool notify_barrier()
{
  int ends[2];
  if (::pipe(ends) == -1 || !notify("BARRIER=1", ends[1]))
    return false;
  ::close(ends[1]);
  char none;
  return ::read(ends[0], &none, 1) == 0 && ::close(ends[0]) == 0;
}

// notify TEXT…: sends each to NOTIFY_SOCKET, '|' as a newline, and then does as
// line-worker; "notify TEXT" as a request does the same, and "barrier" waits until all was
// received. "fork TEXT" lets a child send it.
int notify_verb(const arguments& a)
{
  for (int i = 0; i < a.count; ++i) {
    char* text = a.first[i];
    const bool by_child = std::strncmp(text, "fork ", 5) == 0;
    text += by_child ? 5 : 0;
    std::replace(text, text + std::strlen(text), '|', '\n');
    if (!by_child) {
      if (!notify(text))
        return 1;
      continue;
    }
    if (::fork() == 0) {
      ::alarm(lifetime_seconds);
      notify(text);
      pause_for_ever(); // Who it was is looked up.
    }
  }
  char line[4096];
  while (next_line(line, sizeof line)) {
    if (std::strncmp(line, "notify ", 7) == 0) {
      notify(line + 7);
      write_text(1, "sent\n");
    } else if (std::strcmp(line, "barrier") == 0)
      write_text(1, notify_barrier() ? "passed\n" : "failed\n");
    else if (const int code = obey(line); code != -1)
      return code;
  }
  return 0;
}
#endif

// ---- descriptors ----

/// In their order, but for the one used to look.
std::vector<int> open_now()
{
  std::vector<int> open;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (!directory) {
    for (int fd = 0; fd < 65536; ++fd)
      if (::fcntl(fd, F_GETFD) != -1)
        open.push_back(fd);
    return open;
  }
  while (const dirent* entry = ::readdir(directory))
    if (entry->d_name[0] != '.' && std::atoi(entry->d_name) != ::dirfd(directory))
      open.push_back(std::atoi(entry->d_name));
  ::closedir(directory);
  std::sort(open.begin(), open.end());
  return open;
}

// fds: each open one on a line
int fds_verb(const arguments&)
{
  for (const int fd : open_now())
    std::printf("%d\n", fd);
  return 0;
}

// fd-read NUMBER…: what each has to its end, one after the other
int fd_read_verb(const arguments& a)
{
  for (int i = 0; i < a.count; ++i)
    if (!copy(a.fd(i), 1))
      return 1;
  return 0;
}

// fd-write NUMBER TEXT [NUMBER TEXT…]
int fd_write_verb(const arguments& a)
{
  for (int i = 0; i < a.count; i += 2)
    if (!write_text(a.fd(i), a.text(i + 1)))
      return 1;
  return 0;
}

const char* kind_of(int fd)
{
  struct stat info;
  if (::fstat(fd, &info) == -1)
    return "closed";
  struct stat null;
  if (::stat("/dev/null", &null) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == null.st_rdev)
    return "null";
  if (S_ISFIFO(info.st_mode))
    return "pipe";
  if (S_ISREG(info.st_mode))
    return "file";
  if (S_ISSOCK(info.st_mode))
    return "socket";
  return S_ISCHR(info.st_mode) ? "device" : "other";
}

// fd-kinds NUMBER…: closed, null, pipe, file, socket, … each on a line
int fd_kinds_verb(const arguments& a)
{
  for (int i = 0; i < a.count; ++i)
    std::printf("%s\n", kind_of(a.fd(i)));
  return 0;
}

// report-fds PATH: adds to the file, for each open one, a line with its number and
// what its file begins with, or its kind; so no stream is needed to tell it
int report_fds_verb(const arguments& a)
{
  std::vector<char> report;
  for (const int fd : open_now()) {
    const char* kind = kind_of(fd);
    char text[64] = {};
    if (std::strcmp(kind, "file") == 0)
      kind = ::pread(fd, text, sizeof text - 1, 0) == -1 ? "unreadable" : text;
    char line[128];
    const int size = std::snprintf(line, sizeof line, "%d %s\n", fd, kind);
    report.insert(report.end(), line, line + size);
  }
  const int file = ::open(a.text(0), O_WRONLY | O_APPEND | O_CLOEXEC);
  return file != -1 && write_all(file, report.data(), report.size()) ? 0 : 1;
}

// fd-modes NUMBER…: "blocking", "non-blocking" or "closed", each on a line
int fd_modes_verb(const arguments& a)
{
  for (int i = 0; i < a.count; ++i) {
    const int flags = ::fcntl(a.fd(i), F_GETFL);
    std::printf("%s\n", flags == -1 ? "closed" : flags & O_NONBLOCK ? "non-blocking" : "blocking");
  }
  return 0;
}

// try-write NUMBER: the errno of writing a byte to it, or 0
int try_write_verb(const arguments& a)
{
  std::printf("%d\n", ::write(a.fd(0), "x", 1) == -1 ? errno : 0);
  return 0;
}

// ---- terminals ----

// isatty: "tty" or "other" for each standard stream, on stdout's line
int isatty_verb(const arguments&)
{
  for (int fd = 0; fd < 3; ++fd)
    std::printf(fd < 2 ? "%s " : "%s\n", ::isatty(fd) ? "tty" : "other");
  return 0;
}

void print_window_size(int fd)
{
  winsize size{};
  ::ioctl(fd, TIOCGWINSZ, &size);
  std::printf("%d %d\n", size.ws_row, size.ws_col);
  std::fflush(stdout);
}

// ttysize STREAM: rows, columns
int ttysize_verb(const arguments& a)
{
  print_window_size(a.fd(0));
  return 0;
}

// ttyresize: the size of stdin, and again when that has changed
int ttyresize_verb(const arguments&)
{
  sigset_t wanted;
  ::sigemptyset(&wanted);
  ::sigaddset(&wanted, SIGWINCH);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  print_window_size(0);
  int number = 0;
  ::sigwait(&wanted, &number);
  print_window_size(0);
  return 0;
}

// ttysession STREAM: whether it leads its session, this is the session's
// controlling terminal, it is in the foreground, /dev/tty can be opened
int ttysession_verb(const arguments& a)
{
  const int tty = ::open("/dev/tty", O_RDWR);
  std::printf("%d %d %d %d\n", ::getsid(0) == ::getpid(), ::tcgetsid(a.fd(0)) == ::getpid(),
              ::tcgetpgrp(a.fd(0)) == ::getpgrp(), tty != -1);
  return 0;
}

// pipe-size NUMBER: how much it holds, or -1
int pipe_size_verb(const arguments& a)
{
#ifdef F_GETPIPE_SZ
  std::printf("%d\n", ::fcntl(a.fd(0), F_GETPIPE_SZ));
#else
  std::printf("%d\n", a.fd(0) * 0 - 1);
#endif
  return 0;
}

// ---- what a process inherits ----

int pid_verb(const arguments&)
{
  std::printf("%d\n", static_cast<int>(::getpid()));
  return 0;
}

// session: pid, process group, session
int session_verb(const arguments&)
{
  std::printf("%d %d %d\n", static_cast<int>(::getpid()), static_cast<int>(::getpgrp()), static_cast<int>(::getsid(0)));
  return 0;
}

// argv0: the name that it was given
int argv0_verb(const arguments& a)
{
  std::printf("%s\n", a.own_name);
  return 0;
}

// env: the entries in their order, each with a NUL after it
int env_verb(const arguments&)
{
  for (char** entry = environ; *entry; ++entry)
    std::fwrite(*entry, 1, std::strlen(*entry) + 1, stdout);
  return 0;
}

// env-get KEY: its value; exits with 1 when there is none
int env_get_verb(const arguments& a)
{
  const char* const value = std::getenv(a.text(0));
  if (value)
    std::fputs(value, stdout);
  return value ? 0 : 1;
}

int cwd_verb(const arguments&)
{
  char path[4096];
  if (!::getcwd(path, sizeof path))
    return 1;
  std::printf("%s\n", path);
  return 0;
}

// sigmask: the blocked signals, each on a line
int sigmask_verb(const arguments&)
{
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  for (int number = 1; number < NSIG; ++number)
    if (::sigismember(&blocked, number) == 1)
      std::printf("%d\n", number);
  return 0;
}

// sigdispositions: every signal that is not at its default, each on a line
int sigdispositions_verb(const arguments&)
{
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction current;
    if (::sigaction(number, nullptr, &current) == 0 && current.sa_handler != SIG_DFL)
      std::printf("%d %s\n", number, current.sa_handler == SIG_IGN ? "ignored" : "handled");
  }
  return 0;
}

// ids: uid, euid, gid, egid, and on a second line the supplementary groups
int ids_verb(const arguments&)
{
  std::printf("%u %u %u %u\n", ::getuid(), ::geteuid(), ::getgid(), ::getegid());
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  for (int i = 0; i < count; ++i)
    std::printf(i ? " %u" : "%u", groups[static_cast<std::size_t>(i)]);
  std::printf("\n");
  return 0;
}

// limits: name, soft, hard; -1 for unlimited
int limits_verb(const arguments&)
{
  const struct {
    const char* name;
    int resource;
  } limits[] = {
      {"core", RLIMIT_CORE},       {"cpu", RLIMIT_CPU},     {"data", RLIMIT_DATA}, {"fsize", RLIMIT_FSIZE},
      {"nofile", RLIMIT_NOFILE},   {"stack", RLIMIT_STACK}, {"as", RLIMIT_AS},
#ifdef RLIMIT_NPROC
      {"nproc", RLIMIT_NPROC},
#endif
#ifdef RLIMIT_MEMLOCK
      {"memlock", RLIMIT_MEMLOCK},
#endif
  };
  for (const auto& limit : limits) {
    rlimit value;
    if (::getrlimit(static_cast<decltype(RLIMIT_CPU)>(limit.resource), &value) == 0)
      std::printf("%s %lld %lld\n", limit.name, static_cast<long long>(value.rlim_cur),
                  static_cast<long long>(value.rlim_max));
  }
  return 0;
}

int umask_verb(const arguments&)
{
  std::printf("%04o\n", static_cast<unsigned>(::umask(0)));
  return 0;
}

// nice: the nice value
int nice_verb(const arguments&)
{
  std::printf("%d\n", ::getpriority(PRIO_PROCESS, 0));
  return 0;
}

// scheduling: policy and static priority
int scheduling_verb(const arguments&)
{
  sched_param parameter{};
  if (::sched_getparam(0, &parameter) == -1)
    return 1;
  std::printf("%d %d\n", ::sched_getscheduler(0), parameter.sched_priority);
  return 0;
}

// foreground FD: whether the process group is the terminal's foreground one
int foreground_verb(const arguments& a)
{
  std::printf("%s\n", ::tcgetpgrp(a.fd(0)) == ::getpgrp() ? "foreground" : "background");
  return 0;
}

// read PATH…: the files, one after the other
int read_verb(const arguments& a)
{
  for (int i = 0; i < a.count; ++i) {
    const int fd = ::open(a.text(i), O_RDONLY | O_CLOEXEC);
    if (fd == -1 || !copy(fd, 1))
      return 1;
    ::close(fd);
  }
  return 0;
}

// link PATH…: where each symbolic link leads, each on a line
int link_verb(const arguments& a)
{
  for (int i = 0; i < a.count; ++i) {
    char target[4096];
    const ssize_t size = ::readlink(a.text(i), target, sizeof target);
    if (size == -1)
      return 1;
    std::printf("%.*s\n", static_cast<int>(size), target);
  }
  return 0;
}

#ifdef __linux__
/// Calls `visit` for each child of a process but this one.
template <class Visit>
void for_each_child_of(pid_t parent, Visit visit)
{
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/task", static_cast<int>(parent));
  DIR* const threads = ::opendir(path);
  if (!threads)
    return;
  while (const dirent* entry = ::readdir(threads)) {
    char file[400];
    std::snprintf(file, sizeof file, "%s/%s/children", path, entry->d_name);
    const int fd = entry->d_name[0] == '.' ? -1 : ::open(file, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
      continue;
    char text[4096] = {};
    if (::read(fd, text, sizeof text - 1) > 0)
      for (char* at = text; *at;) {
        const long pid = std::strtol(at, &at, 10);
        while (*at == ' ')
          ++at;
        if (pid > 0 && pid != ::getpid())
          visit(static_cast<pid_t>(pid));
        if (pid <= 0)
          break;
      }
    ::close(fd);
  }
  ::closedir(threads);
}

bool stdin_has_ended()
{
  fd_set input;
  FD_ZERO(&input);
  FD_SET(0, &input);
  timeval now{};
  return ::select(1, &input, nullptr, nullptr, &now) == 1;
}

/// What can be read of a process at an address, by either way.
const char* way_to_memory(pid_t pid, long address, const char* secret, std::size_t size)
{
  char got[64] = {};
  iovec here{got, size};
  iovec there{reinterpret_cast<void*>(address), size};
  if (::process_vm_readv(pid, &here, 1, &there, 1, 0) > 0 && std::memcmp(got, secret, size) == 0)
    return "process_vm_readv";
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/mem", static_cast<int>(pid));
  const int memory = ::open(path, O_RDONLY | O_CLOEXEC);
  if (memory == -1)
    return nullptr;
  const ssize_t count = ::pread(memory, got, size, address);
  ::close(memory);
  return count > 0 && std::memcmp(got, secret, size) == 0 ? "/proc/PID/mem" : nullptr;
}

/// Whether the process has that file open as `fd`, and we get it.
bool takes_descriptor(pid_t pid, int fd, const char* secret, std::size_t size)
{
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  const int taken = process == -1 ? -1 : static_cast<int>(::syscall(SYS_pidfd_getfd, process, fd, 0));
  ::close(process);
  char got[64] = {};
  const bool is_it = taken != -1 && ::pread(taken, got, size, 0) > 0 && std::memcmp(got, secret, size) == 0;
  ::close(taken);
  return is_it;
}

// spy PARENT ADDRESS FD SECRET: "ready"; until stdin ends, looks for the secret in the
// memory and in the descriptor of each child of that process; says each way it found
int spy_verb(const arguments& a)
{
  const char* const secret = a.text(3);
  const std::size_t size = std::min<std::size_t>(std::strlen(secret), 60);
  write_text(1, "ready\n");
  while (!stdin_has_ended())
    for_each_child_of(static_cast<pid_t>(a.number(0)), [&](pid_t child) {
      if (const char* way = way_to_memory(child, a.number(1), secret, size))
        std::printf("memory by %s\n", way);
      if (takes_descriptor(child, a.fd(2), secret, size))
        std::printf("descriptor by pidfd_getfd\n");
    });
  return 0;
}

// stop-children PARENT: "ready"; until stdin ends, stops each child of that process
// each 10 ms
int stop_children_verb(const arguments& a)
{
  write_text(1, "ready\n");
  while (!stdin_has_ended()) {
    for_each_child_of(static_cast<pid_t>(a.number(0)), [](pid_t child) { ::kill(child, SIGSTOP); });
    timeval a_while{0, 10000};
    ::select(0, nullptr, nullptr, nullptr, &a_while);
  }
  return 0;
}

// parent-death-signal: its number; 0 for none
int parent_death_signal_verb(const arguments&)
{
  int number = -1;
  ::prctl(PR_GET_PDEATHSIG, &number);
  std::printf("%d\n", number);
  return 0;
}
#endif

constexpr struct {
  const char* name;
  int (*run)(const arguments&);
} verbs[] = {
    {"accept-worker", accept_worker_verb},
    {"argv0", argv0_verb},
    {"burn", burn_verb},
    {"burn-then-cat", burn_then_cat_verb},
    {"cat", cat_verb},
    {"close-stdout-then-hang", close_stdout_then_hang_verb},
    {"cwd", cwd_verb},
    {"echo", echo_verb},
    {"env", env_verb},
    {"env-get", env_get_verb},
    {"exit", exit_verb},
    {"fd-kinds", fd_kinds_verb},
    {"fd-modes", fd_modes_verb},
    {"fd-read", fd_read_verb},
    {"fd-write", fd_write_verb},
    {"fds", fds_verb},
    {"flood", flood_verb},
    {"foreground", foreground_verb},
    {"hang", hang_verb},
    {"ids", ids_verb},
    {"isatty", isatty_verb},
    {"ignore", ignore_verb},
    {"leave-group", leave_group_verb},
    {"limits", limits_verb},
    {"line-worker", line_worker_verb},
    {"link", link_verb},
    {"mortal-worker", mortal_worker_verb},
    {"nice", nice_verb},
#ifdef __linux__
    {"notify", notify_verb},
#endif
    {"on-orders", on_orders_verb},
#ifdef __linux__
    {"parent-death-signal", parent_death_signal_verb},
#endif
    {"pass-on-then-hang", pass_on_then_hang_verb},
    {"pid", pid_verb},
    {"pipe-size", pipe_size_verb},
    {"ready-then-hang", ready_then_hang_verb},
    {"read", read_verb},
    {"report-fds", report_fds_verb},
    {"scheduling", scheduling_verb},
    {"session", session_verb},
    {"sigdispositions", sigdispositions_verb},
    {"sigmask", sigmask_verb},
    {"signal", signal_verb},
    {"sleep", sleep_verb},
    {"spawn-grandchild-holding-stdout", grandchild_verb},
    {"spawn-grandchild-that-hangs", hanging_grandchild_verb},
#ifdef __linux__
    {"spy", spy_verb},
    {"stop-children", stop_children_verb},
#endif
    {"stdin-to-stderr", stdin_to_stderr_verb},
    {"streams", streams_verb},
    {"take-root-and-sleep", take_root_and_sleep_verb},
    {"tell", tell_verb},
    {"trap", trap_verb},
    {"trap-and-tell", trap_and_tell_verb},
    {"trap-or-read", trap_or_read_verb},
    {"try-write", try_write_verb},
    {"ttyresize", ttyresize_verb},
    {"ttysession", ttysession_verb},
    {"ttysize", ttysize_verb},
    {"umask", umask_verb},
    {"write", write_verb},
    {"write-then-hang", write_then_hang_verb},
};

} // namespace

int main(int argc, char** argv)
{
  ::alarm(lifetime_seconds);
  if (argc < 2)
    return 64;
  const arguments given{argv[0], argv + 2, argc - 2};
  for (const auto& verb : verbs)
    if (std::strcmp(verb.name, argv[1]) == 0) {
      const int code = verb.run(given);
      return std::fflush(stdout) == 0 ? code : 65;
    }
  std::fprintf(stderr, "helper: no verb \"%s\"\n", argv[1]);
  return 64;
}
