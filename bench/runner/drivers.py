"""Finding the drivers, and running one of them once."""

import ctypes
import dataclasses
import json
import os
import pathlib
import resource
import select
import signal
import subprocess
import tempfile

# What can be compared: the driver's file, the name in the report, and the
# Debian package without which it is not built.
KNOWN = [
    ("floor_vfork", "floor: clone vfork", None),
    ("floor_clone_vm", "floor: clone vm", None),
    ("floor_fork", "floor: fork", None),
    ("peer_posix_spawn", "posix_spawn", None),
    ("peer_libuv", "libuv", "libuv1-dev"),
    ("peer_boost", "Boost.Process v2", "libboost1.81-dev"),
    ("peer_glib", "GLib", "libglib2.0-dev"),
    ("peer_qt", "Qt", "qtbase5-dev"),
    ("peer_go", "Go", "golang-go"),
    ("peer_rust", "Rust std", "rustc"),
    ("peer_tokio", "tokio", "librust-tokio-dev, cargo"),
    ("peer_asyncio", "Python asyncio", "python3"),
    ("peer_node", "Node", "nodejs"),
]
OURS = "driver_subprocess"
PR_SET_CHILD_SUBREAPER = 36
PR_SET_THP_DISABLE = 41

libc = ctypes.CDLL(None)


@dataclasses.dataclass(frozen=True)
class Driver:
    name: str
    path: pathlib.Path
    variant: str | None = None

    @property
    def is_ours(self):
        return self.path.name.startswith("driver_")

    @property
    def is_floor(self):
        return self.name.startswith("floor")


class DriverFailed(Exception):
    """The driver has no figure to give; the text says why."""


def is_executable(path):
    return path.is_file() and os.access(path, os.X_OK)


def with_variants(path, name):
    """A driver that answers --variants is run once as each of them."""
    asked = subprocess.run([path, "--variants"], capture_output=True, text=True, timeout=10,
                           stdin=subprocess.DEVNULL)
    variants = asked.stdout.split() if asked.returncode == 0 else []
    return [Driver(variant, path, variant) for variant in variants] or [Driver(name, path)]


def find(build_dir, ours=OURS, known=KNOWN, folder="peers"):
    """The drivers that were built, ours first, and (name, package) of the missing ones."""
    bench = pathlib.Path(build_dir).resolve() / "bench"
    found, missing = [], []
    if is_executable(bench / ours):
        found += with_variants(bench / ours, "subprocess")
    else:
        missing.append(("subprocess", "this library's own driver"))
    for file, label, package in known:
        path = bench / folder / file
        if is_executable(path):
            found += with_variants(path, file.removeprefix("peer_"))
        else:
            missing.append((label, package or "the build option for peers"))
    return found, missing


def prepare_process(scenario):
    """Runs in the driver's process before the driver does."""
    if scenario.pinned:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # Else a parent of 2 GiB has one page table entry or 512, as its allocator likes.
    libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    wanted = scenario.open_fds + scenario.live * 4 + 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    except (ValueError, PermissionError):
        pass  # The driver goes as far as it may, and says so when it fails.


def adopt_orphans():
    """From now on, children that a driver leaves become ours, and end_group() can reap them."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_group(process):
    """Kills the driver, if it still runs, and the children it left; waits until all are gone.

    The driver is not reaped before the kill, so that its id cannot name another group.
    """
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    try:
        while True:
            os.waitpid(-process.pid, 0)
    except ChildProcessError:
        pass  # The group is empty.


def run_limited(words, scenario, time_limit):
    """Exit code, output and errors. To files: children that outlive the driver hold its pipes."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True,
            preexec_fn=lambda: prepare_process(scenario))
        pidfd = os.pidfd_open(process.pid)
        try:
            ended, _, _ = select.select([pidfd], [], [], time_limit)
        finally:
            os.close(pidfd)
            end_group(process)
        if not ended:
            raise DriverFailed(f"took longer than {time_limit} s")
        output.seek(0)
        errors.seek(0)
        return process.returncode, output.read(), errors.read()


def run(driver, scenario, child, time_limit):
    """One run of one driver; its answer, parsed."""
    words = [str(driver.path), *scenario.arguments(str(child))]
    if driver.variant:
        words += ["--variant", driver.variant]
    code, output, errors = run_limited(words, scenario, time_limit)
    if code == 2:
        raise DriverFailed("not supported")
    if code != 0:
        last_line = (errors.strip().splitlines() or ["no message"])[-1]
        raise DriverFailed(f"exit code {code}: {last_line}")
    return json.loads(output)
