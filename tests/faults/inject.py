#!/usr/bin/env python3
"""Makes every system call of every scenario fail, one at a time, in every way.

usage: inject.py [--quick] [--scenario NAME]... [--grid FILE] PROGRAM HELPER

Each scenario of PROGRAM (faults.cpp) is traced once, to learn what the parent and what others
(its children before their exec, the library's threads) call. Then each occurrence of each call
fails with each errno of ERRNOS, by strace. What comes of it has to be that error, or success
where MAY_SUCCEED says why; no descriptor and no child is left, and the next launches work.

--quick takes each call's first occurrence in ten scenarios, and one errno of each. --grid writes a line for
each case. The last line is `N passed, N failed, N skipped`.
"""

import argparse
import collections
import concurrent.futures
import errno
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from rules import (ERRNOS, LEFT_OUT, is_contradiction, is_of_asio, is_of_scenario, may_add, may_succeed,
                   right_errors)

IN_VAIN = 40  # As in faults.cpp.
LIMIT = 20  # Seconds until a case counts as one that hangs.
UNISTD = pathlib.Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
NUMBERS = dict(re.findall(r"#define __NR_(\w+) (\d+)", UNISTD.read_text())) if UNISTD.exists() else {}
NO_PAD = {"execve", "setsid", "kill", "umask", "exit", "exit_group", "fork", "vfork"}

Case = collections.namedtuple("Case", "scenario who call nth error")


class Ran:
    """One run of a scenario under strace."""

    def __init__(self, program, helper, scenario, options, padded=()):
        with tempfile.NamedTemporaryFile("r") as log, tempfile.TemporaryFile("w+") as out:
            pads = [NUMBERS[call] for call in padded]
            traced = subprocess.Popen(
                [program, scenario, helper, *pads], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, close_fds=True, cwd="/")
            os.waitid(os.P_PID, traced.pid, os.WSTOPPED)
            strace = subprocess.Popen(
                ["strace", "-f", "-qq", "-o", log.name, *options, "-p", str(traced.pid)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            status = pathlib.Path(f"/proc/{traced.pid}/status")
            end = time.monotonic() + LIMIT
            while "TracerPid:\t0\n" in status.read_text() and time.monotonic() < end:
                time.sleep(0.002)
            os.kill(traced.pid, signal.SIGCONT)
            self.hung = not self.stops(traced)
            strace.terminate() # It lets go of all.
            try:
                strace.wait(5)
            except subprocess.TimeoutExpired:
                strace.kill()
                strace.wait()
            try:
                if not self.hung:
                    os.kill(traced.pid, signal.SIGCONT)
                    traced.wait(LIMIT)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                self.hung = True
            try:
                os.killpg(traced.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.code = traced.wait()
            self.log = log.read()
            out.seek(0)
            self.text = out.read()
        self.parent = traced.pid
        lines = self.text.splitlines()
        self.told = lines if len(lines) == 4 else None


    @staticmethod
    def stops(traced):
        """Whether it stops after the scenario, or ends, in time."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            seen = os.waitid(os.P_PID, traced.pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if seen and seen.si_code in (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED):
                return True
            stat = pathlib.Path(f"/proc/{traced.pid}/stat").read_text()
            if stat.rsplit(")", 1)[1].split()[0] in "Tt" and seen:
                return True
            time.sleep(0.005)
        return False


def calls_of(ran):
    """{who: Counter} of the window between the two marks."""
    counted = {"parent": collections.Counter(), "others": collections.Counter()}
    programs = collections.Counter() # What the programs call.
    each = collections.defaultdict(collections.Counter)
    began, executed, marks = set(), set(), 0
    for line in ran.log.splitlines():
        found = re.match(r"(\d+) +(\w+)\(", line)
        pid = int(line.split()[0])
        if re.search(r"execve(\(.*| resumed>.*)= 0$", line):
            executed.add(pid)
        if not found:
            continue
        call = found[2]
        if pid == ran.parent:
            if call == "getpgid":
                marks += 1
            elif marks == 1:
                counted["parent"][call] += 1
        elif marks == 1 or pid in began:
            began.add(pid)
            if pid in executed:
                programs[call] += 1
            elif marks == 1:
                each[pid][call] += 1
    for counter in each.values():
        for call, count in counter.items():
            counted["others"][call] = max(counted["others"][call], count)
    return counted, programs


def cases_of(scenario, counted, quick):
    for who, counter in counted.items():
        for call, count in sorted(counter.items()):
            if call in LEFT_OUT:
                continue
            if call not in ERRNOS:
                yield Case(scenario, who, call, 0, "")
                continue
            for nth in range(1, min(count, IN_VAIN) + 1):
                for error in ERRNOS[call]:
                    yield Case(scenario, who, call, nth, error)
                    if quick:
                        break
                if quick:
                    break


def fault_of(case, ran, baseline):
    """What is wrong with what came of it; None: nothing. Or that it did not come to it."""
    if not ran.told and "The futex facility returned an unexpected error" in ran.text:
        return None  # glibc's own, which no kernel fails so.
    if is_contradiction(case) or is_of_asio(case):
        return None if ran.hung or ran.code == 0 else f"it ended by {ran.code}: {ran.text!r}"
    if ran.hung:
        return f"it hangs: {ran.text!r}"
    if not ran.told:
        return f"it ended by {ran.code}: {ran.text!r}"
    result, opened, children, following = ran.told
    if result.startswith("wrong"):
        return result
    if result.startswith("error"):
        got = int(result.split()[1])
        if got != getattr(errno, case.error) and errno.errorcode.get(got) not in right_errors(case):
            return f"another error: {result}"
    elif not may_succeed(case):
        return "it succeeded"
    if following != "next":
        return following
    if children != "children":
        return children
    extra = collections.Counter(opened.split()[1:]) - collections.Counter(baseline.told[1].split()[1:])
    if set(extra) - may_add(case):
        return f"left open: {' '.join(extra)}"
    return None


def run_case(arguments, case, counted, programs, baseline):
    both = counted["parent"][case.call] and (counted["others"][case.call] or programs[case.call])
    padded = [case.call] if both and case.call not in NO_PAD else []
    position = case.nth + (IN_VAIN if padded and case.who == "parent" else 0)
    options = ["-e", f"trace={case.call}", "-e", f"inject={case.call}:error={case.error}:when={position}"]
    for attempt in range(3):
        ran = Ran(arguments.program, arguments.helper, case.scenario, options, padded)
        mine = [line for line in ran.log.splitlines() if "(INJECTED)" in line and "-1, -1, -1" not in line]
        if mine:
            break
    fault = fault_of(case, ran, baseline) if mine else None
    return fault, "failed" if fault else "passed" if mine else "skipped", ran


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scenario", action="append")
    parser.add_argument("--grid")
    parser.add_argument("program")
    parser.add_argument("helper")
    arguments = parser.parse_args()
    tried = subprocess.run(["strace", "-f", "-o", "/dev/null", shutil.which("true")], capture_output=True, text=True)
    if tried.returncode or not NUMBERS:
        print(f"nothing can be traced here: {tried.stderr.strip()}\n0 passed, 0 failed, 1 skipped")
        return 0
    names = subprocess.run([arguments.program, "names"], capture_output=True, text=True).stdout.split()
    figures = collections.Counter()
    tried_in = collections.Counter()  # By (who, call): in how many scenarios.
    grid = open(arguments.grid, "w") if arguments.grid else None
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for scenario in arguments.scenario or names:
            baseline = Ran(arguments.program, arguments.helper, scenario, [])
            if not baseline.told or baseline.told[0] != "ok" or baseline.told[2:] != ["children", "next"]:
                print(f"{scenario}: without any fault: {baseline.text}: FAILED")
                figures["failed"] += 1
                continue
            counted, programs = calls_of(baseline)
            here = collections.Counter()
            # A library's thread, and the program at the same position.
            for call in ("mmap", "mprotect"):
                if programs[call]:
                    del counted["others"][call]
            cases = list(cases_of(scenario, counted, arguments.quick))
            for case in [case for case in cases if not case.error]:
                print(f"{scenario}: {case.call} has no rule: FAILED")
                here["failed"] += 1
            cases = [case for case in cases if case.error and not is_of_scenario(case)]
            if arguments.quick:
                cases = [case for case in cases if tried_in[case.who, case.call] < 10]
            tried_in.update({(case.who, case.call) for case in cases})
            for case, (fault, outcome, ran) in zip(cases, pool.map(lambda case: run_case(arguments, case, counted, programs, baseline), cases)):
                here[outcome] += 1
                name = f"{scenario}: {case.call} {case.nth} of {case.who} {case.error}"
                if fault:
                    print(f"{name}: {fault}: FAILED", flush=True)
                if grid:
                    print(f"{name}: {outcome}: {fault or (ran.told or ['?'])[0]}", file=grid, flush=True)
            print(f"{scenario}: {here['passed']} passed, {here['failed']} failed, {here['skipped']} were not reached", flush=True)
            figures += here
    print(f"{figures['passed']} passed, {figures['failed']} failed, {figures['skipped']} skipped")
    return 1 if figures["failed"] or not figures["passed"] else 0


sys.exit(main())
