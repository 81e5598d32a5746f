"""How system calls may fail, and what may come of it."""

# What the manual page of each call lists and can come to a call with right arguments; and, for what
# a sandbox refuses, EPERM or ENOSYS. EAGAIN of what an edge-triggered set says is ready is not among
# them: the set would not say so again. Nor is ENOEXEC: sh would read the program as its script.
ERRNOS = {
    "access": ["EACCES", "ENOENT"],
    "bind": ["EACCES", "EADDRINUSE", "EINVAL"],
    "capget": ["EPERM"],
    "chdir": ["EACCES", "ELOOP", "ENAMETOOLONG", "ENOENT", "ENOMEM", "ENOTDIR", "EIO"],
    "clone3": ["EAGAIN", "ENOMEM", "ENOSPC", "ENOSYS", "EPERM", "EINVAL"],
    "clone": ["EAGAIN", "ENOMEM", "EPERM"],
    "close_range": ["EMFILE", "ENOMEM", "EINVAL", "ENOSYS", "EPERM"],
    "dup2": ["EBUSY", "EINTR", "EMFILE", "EBADF"],
    "dup3": ["EBUSY", "EINTR", "EMFILE", "EBADF", "ENOSYS"],
    "epoll_create1": ["EMFILE", "ENFILE", "ENOMEM"],
    "epoll_ctl": ["ENOMEM", "ENOSPC", "EPERM"],
    "epoll_wait": ["EINTR"],
    "eventfd2": ["EMFILE", "ENFILE", "ENODEV", "ENOMEM"],
    "execve": ["E2BIG", "EACCES", "EAGAIN", "EINVAL", "EIO", "EISDIR", "ELIBBAD", "ELOOP", "EMFILE", "ENAMETOOLONG",
               "ENFILE", "ENOENT", "ENOMEM", "ENOTDIR", "EPERM", "ETXTBSY"],
    "faccessat": ["EACCES", "ENOENT"],
    "fcntl": ["EMFILE", "EINVAL", "EBADF", "EPERM"],
    "fstat": ["ENOMEM", "EBADF"],
    "newfstatat": ["EACCES", "ENOENT", "ENOMEM"],
    "ftruncate": ["EINTR", "EIO", "EPERM"],
    "futex": ["EAGAIN", "EINTR"],
    "getcwd": ["EACCES", "ENOENT", "ENOMEM"],
    "getdents64": ["ENOENT"],
    "getsockname": ["ENOBUFS"],
    "ioctl": ["EINVAL", "ENOTTY", "EPERM"],
    "kill": ["EPERM", "ESRCH"],
    "lseek": ["ESPIPE"],
    "memfd_create": ["EMFILE", "ENFILE", "ENOMEM", "ENOSYS", "EPERM"],
    "mmap": ["EAGAIN", "ENFILE", "ENOMEM", "EPERM"],
    "mprotect": ["EACCES", "ENOMEM"],
    "openat": ["EACCES", "EINTR", "ELOOP", "EMFILE", "ENFILE", "ENOENT", "ENOMEM", "ENOSPC", "ENXIO", "EPERM"],
    "pidfd_open": ["EMFILE", "ENFILE", "ENODEV", "ENOMEM", "ESRCH", "ENOSYS", "EPERM"],
    "pidfd_send_signal": ["EPERM", "ESRCH", "ENOSYS"],
    "pipe2": ["EMFILE", "ENFILE", "ENOMEM"],
    "poll": ["EINTR", "ENOMEM"],
    "ppoll": ["EINTR", "ENOMEM"],
    "prctl": ["EINVAL", "EPERM"],
    "prlimit64": ["EPERM", "EINVAL"],
    "read": ["EINTR", "EIO"],
    "readlink": ["EACCES", "ENOENT", "ENOMEM"],
    "recvmsg": ["EINTR", "ENOMEM"],
    "rt_sigtimedwait": ["EAGAIN", "EINTR"],
    "sched_getaffinity": ["ESRCH"],
    "sendto": ["ENOBUFS", "ENOMEM", "EPIPE"],
    "set_robust_list": ["EINVAL", "ENOSYS"],
    "setgid": ["EPERM"],
    "setgroups": ["ENOMEM", "EPERM"],
    "setpgid": ["EACCES", "EPERM", "ESRCH"],
    "setpriority": ["EACCES", "EPERM"],
    "setsid": ["EPERM"],
    "setuid": ["EAGAIN", "EPERM"],
    "socket": ["EAFNOSUPPORT", "EMFILE", "ENFILE", "ENOMEM", "EACCES"],
    "socketpair": ["EMFILE", "ENFILE", "EAFNOSUPPORT"],
    "setsockopt": ["ENOPROTOOPT"],
    "timerfd_create": ["EMFILE", "ENFILE", "ENODEV", "ENOMEM"],
    "unshare": ["ENOMEM", "ENOSPC", "EPERM", "EINVAL"],
    "wait4": ["ECHILD", "EINTR"],
    "waitid": ["ECHILD", "EINTR", "EPERM", "ENOSYS"],
    "write": ["EINTR", "EIO", "ENOSPC", "EPIPE"],
    "getpriority": ["ESRCH"],
}

# What is not made to fail. Strace does not make the call that it fails.
LEFT_OUT = {
    # They do not fail.
    "exit", "exit_group", "getegid", "geteuid", "getgid", "getpgid", "getpgrp", "getpid", "getppid", "gettid", "getuid",
    "rt_sigreturn", "sched_yield", "set_tid_address", "umask", "restart_syscall", "getsid",
    # The descriptor would stay open, which no kernel does: it is closed in every case.
    "close",
    # They fail for wrong arguments alone.
    "rt_sigaction", "rt_sigprocmask",
    # It gives back what it was, and strace makes it give an errno, which is an address.
    "brk",
    # With a time that is one, it does not fail; Asio does not look.
    "timerfd_settime",
    # The memory would stay, and nobody looks at the result; nor do the others tell more than hints.
    "munmap", "madvise", "rseq", "getrandom", "arch_prctl",
}


# Where success is right, and why. A call that is not here has to make its operation fail.
ANY = None
MAY_SUCCEED = [
    # (calls, errnos, why)
    ("read write sendto recvmsg openat wait4 waitid poll ppoll epoll_wait ftruncate", {"EINTR"}, "is called again"),
    ("futex", ANY, "who is woken early looks again"),
    ("close_range", ANY, "each number is closed by itself"),
    ("dup3", {"ENOSYS"}, "dup2"),
    ("memfd_create", {"ENOSYS", "EPERM"}, "a pipe that a process feeds"),
    ("clone3", {"ENOSYS", "EPERM", "EINVAL"}, "the other launcher, or fork()"),
    ("clone3 mmap mprotect", ANY, "one launcher thread of several; memory from elsewhere"),
    ("fcntl fstat", ANY, "low numbers are held for speed; seals only protect given text"),
    ("pidfd_open pidfd_send_signal", ANY, "by number"),
    ("epoll_ctl timerfd_create eventfd2", ANY, "Asio does without; a child is looked at every second"),
    ("prlimit64", ANY, "asks for a limit that would only stop given text"),
    ("poll ppoll", ANY, "looks again a little later"),
    ("faccessat", ANY, "only tells which error is said"),
    ("set_robust_list", ANY, "the pipe's end tells of the exec"),
    ("waitid", ANY, "wait4 and the pidfd tell too"),
    ("ioctl", ANY, "what is there is counted by it, or the window's size is not set"),
    ("sched_getaffinity getpriority", ANY, "a hint"),
]
FIRST_MAY_SUCCEED = {
    "pipe2": "low numbers are held for speed; also by a launcher thread",
    "openat": "the lowest numbers are kept from Asio by it",
    "write": "Asio's own descriptor of wake-ups",
}


def may_succeed(case):
    if case.scenario == "misspelt" and case.call == "execve":
        return case.error == "ENOENT"
    if case.scenario in ("async_run_cancelled", "async_run_late", "run_late") and case.who == "others":
        return True  # It may be ended before it can fail.
    if case.scenario.endswith("sigchld") and case.who == "parent" and case.call == "read":
        return True  # Asio reads its pipe of signals.
    if case.call in FIRST_MAY_SUCCEED and case.nth <= 3 and (case.who == "parent" or case.call == "pipe2"):
        return True
    return any(case.call in calls.split() and (errors is ANY or case.error in errors) for calls, errors, _ in MAY_SUCCEED)


def right_errors(case):
    """What else than the errno itself says what went wrong."""
    if case.call in ("mmap", "mprotect", "clone3"):
        return {"ENOMEM", "EAGAIN"}  # Memory, or a thread, that is not to be had.
    if case.call in ("dup3", "dup2") and case.error == "EBADF":
        return {"EMFILE"}  # The kernel says so of a number beyond the limit.
    if case.call == "epoll_ctl" and case.error == "EPERM":
        return {"EOPNOTSUPP", "ENOTSUP"}  # Asio says so.
    if case.call == "ioctl" and case.error == "ENOTTY":
        return {"EINVAL"}  # ptsname(3) and unlockpt(3) say so.
    if case.call in ("pidfd_send_signal", "kill") and case.error == "ESRCH":
        return {"EINVAL", "ECHILD"}  # It is gone.
    return set()


def is_of_asio(case):
    """What Asio makes for itself when a context begins, and does not look at: without it, timers and
    other threads' requests are not heard of by that context, whoever made it."""
    return case.who == "parent" and (
        case.call == "epoll_ctl" and case.nth <= 3 or
        case.call == "fcntl" and case.nth <= 4 and case.scenario.endswith("sigchld"))  # Its pipe of signals.


def is_contradiction(case):
    """What contradicts what the kernel does otherwise: only the program's own peace is asked for."""
    # It says that the child is gone, which goes on.
    return (case.call in ("wait4", "waitid") and case.error == "ECHILD" or
            case.call in ("pidfd_send_signal", "kill", "pidfd_open") and case.error == "ESRCH")


def may_add(case):
    """What may be open that is not without the fault, for the context's life."""
    # Asio's other means of a wake-up; and the source that is SIGCHLD's.
    return {"pipe"} if case.call in ("eventfd2", "pidfd_open") else set()


def is_of_scenario(case):
    """What the scenario itself calls, and not the library."""
    return case.scenario == "spawn_piped" and case.who == "parent" and case.call in ("read", "write")
