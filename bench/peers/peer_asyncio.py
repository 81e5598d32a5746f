#!/usr/bin/env python3
"""Python: asyncio's subprocesses, with the default child watcher or the one on pidfds."""

import argparse
import asyncio
import json
import mmap
import os
import platform
import resource
import signal
import sys
import time
import warnings

BATCH_SIZE = 512
CAPTURED_BYTES = 65536
WARM_UP_RUNS = 3
PIPE = asyncio.subprocess.PIPE
DEVNULL = asyncio.subprocess.DEVNULL


def start(*argv, stdout=DEVNULL):
    return asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=stdout, stderr=DEVNULL)


def microseconds(since):
    return (time.perf_counter_ns() - since) / 1e3


async def expect_success(child):
    if await child.wait() != 0:
        raise RuntimeError("the child failed")


async def measure(options, action):
    samples = [await action(options) for _ in range(WARM_UP_RUNS + options.count)]
    return samples[WARM_UP_RUNS:]


async def run_one(options):
    begin = time.perf_counter_ns()
    await expect_success(await start(options.child))
    return microseconds(begin)


async def hold_once(options):
    """The whole await: how much of it blocks the loop cannot be told apart from outside."""
    begin = time.perf_counter_ns()
    child = await start(options.child)
    elapsed = microseconds(begin)
    await expect_success(child)
    return elapsed


async def capture_once(options):
    begin = time.perf_counter_ns()
    child = await start(options.child, "write", str(CAPTURED_BYTES), stdout=PIPE)
    output, _ = await child.communicate()
    elapsed = microseconds(begin)
    if child.returncode != 0 or len(output) != CAPTURED_BYTES:
        raise RuntimeError("output was lost")
    return elapsed


async def kill_one(options):
    child = await start(options.child, "pause")
    time.sleep(0.001)  # It shall sleep, not start, when the signal comes.
    begin = time.perf_counter_ns()
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    return microseconds(begin)


async def inflight(options):
    batch = min(options.count, BATCH_SIZE)

    async def work(jobs):
        for _ in jobs:  # One iterator for all workers: each takes the next job.
            await expect_success(await start(options.child))

    samples = []
    for _ in range(options.count // batch):
        jobs = iter(range(batch))
        begin = time.perf_counter_ns()
        await asyncio.gather(*(work(jobs) for _ in range(options.inflight)))
        samples.append(microseconds(begin) / batch)
    return samples


async def bulk(options):
    samples = []
    for _ in range(options.count):
        begin = time.perf_counter_ns()
        child = await start("/usr/bin/head", "-c", str(options.bytes), "/dev/zero", stdout=PIPE)
        total = 0
        while data := await child.stdout.read(65536):
            total += len(data)
        await expect_success(child)
        if total != options.bytes:
            raise RuntimeError("output was lost")
        samples.append(total / microseconds(begin) * 1e6 / (1 << 30))
    return samples


async def among_live(options, action):
    crowd = [await start(options.child, "pause") for _ in range(options.live)]
    samples = await measure(options, action)
    for member in crowd:
        os.kill(member.pid, signal.SIGKILL)
    return samples


WORKLOADS = {
    "sequential": lambda options: measure(options, run_one),
    "inflight": inflight,
    "hold": lambda options: measure(options, hold_once),
    "capture": lambda options: measure(options, capture_once),
    "bulk": bulk,
    "live": lambda options: among_live(options, kill_one),
    "live_spawn": lambda options: among_live(options, run_one),
}
VARIANTS = {"asyncio": None, "asyncio-pidfd": "PidfdChildWatcher"}


def occupy(options):
    """What it returns must be kept."""
    memory = None
    if options.resident_mib:
        memory = mmap.mmap(-1, options.resident_mib << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for offset in range(0, len(memory), mmap.PAGESIZE):
            memory[offset] = 1
    wanted = options.open_fds + options.live * 4 + 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for _ in range(options.open_fds):
        os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    return memory


def use_watcher(name):
    if name:
        warnings.simplefilter("ignore")  # It is deprecated from Python 3.12 on.
        watcher = getattr(asyncio, name)()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)


async def run(options):
    use_watcher(VARIANTS[options.variant])
    return await WORKLOADS[options.workload](options)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--variant", choices=VARIANTS, default="asyncio")
    parser.add_argument("--child")
    for name, default in (("count", 100), ("inflight", 64), ("resident-mib", 0), ("open-fds", 0),
                          ("live", 100), ("bytes", 1 << 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def main():
    if sys.argv[1:] == ["--list"]:
        return print(*WORKLOADS, sep="\n")
    if sys.argv[1:] == ["--variants"]:
        return print(*(name for name, watcher in VARIANTS.items()
                       if watcher is None or hasattr(asyncio, watcher)), sep="\n")
    options = parse()
    memory = occupy(options)
    samples = asyncio.run(run(options))
    del memory
    print(json.dumps({"library": f"Python {options.variant}", "version": platform.python_version(),
                      "workload": options.workload, "samples": samples,
                      "unit": "GiB/s" if options.workload == "bulk" else "us"}), flush=True)
    os._exit(0)  # The crowd's transports need no orderly end.


if __name__ == "__main__":
    main()
