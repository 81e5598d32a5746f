#!/usr/bin/env python3
"""Counts the system calls of launches, and compares them with the table in a page.

usage: count_calls.py PAGE PROGRAM

The page's table has a row for each call and what it is for, and a column for each
road that a launch can take. PROGRAM makes launches by a road; strace tells what it
calls for each child, and what each child calls up to its exec. The lower quartile of
the launches counts: on a busy machine many look up while they wait.

Exits with 77, which is a skipped test, where nothing can be traced.
"""

import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CHILDREN = 31
FIRST = 5  # Those before these make what lasts: stacks, the reaper, numbers that are held.
LOOP = {"epoll_wait", "epoll_pwait", "epoll_pwait2", "timerfd_settime"}  # As many as it likes.
FIRST_COLUMNS = ["by", "call"]


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def expected_calls(page):
    """By road: how often who makes which call."""
    lines = iter(pathlib.Path(page).read_text().splitlines())
    header = next(cells(line) for line in lines if cells(line)[:2] == FIRST_COLUMNS)
    roads = [re.findall(r"`(\w+)`", cell) for cell in header[2:-1]]
    next(lines)
    expected = {road: collections.Counter() for names in roads for road in names}
    for line in lines:
        if not line.startswith("|"):
            break
        who, call, *counts, _ = cells(line)
        for names, count in zip(roads, counts, strict=True):
            for road in names:
                expected[road][who, call.strip("`")] += int(count or 0)
    return expected


def trace(program, road):
    """(pid, call) of each call, in their order."""
    with tempfile.NamedTemporaryFile("r") as log:
        command = ["strace", "-f", "-qq", "-o", log.name, program, road, str(CHILDREN), shutil.which("true")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
        matches = (re.match(r"(\d+) +(\w+)\(", line) for line in log)
        return [(int(found[1]), found[2]) for found in matches if found]


def counted_calls(calls):
    """How often who makes which call for one child."""
    parent = calls[0][0]
    by_launch, by_child, programs = [], collections.defaultdict(collections.Counter), set()
    for pid, call in calls[1:]:
        if pid == parent:
            if call == "clone3":
                by_launch.append(collections.Counter())
            if by_launch:
                by_launch[-1][call] += 1
        elif pid not in programs:
            by_child[pid][call] += 1
            if call == "execve":
                programs.add(pid)
    # The last is followed by the end of the program, and not by another launch.
    samples = {"parent": by_launch[FIRST:-1], "child": list(by_child.values())[FIRST:]}
    counted = collections.Counter()
    for who, counters in samples.items():
        for call in set().union(*counters) - LOOP:
            counted[who, call] = sorted(counter[call] for counter in counters)[len(counters) // 4]
    return counted


def faults(road, expected, counted):
    for who, call in sorted(set(expected) | set(counted)):
        told, found = expected[who, call], counted[who, call]
        if told != found:
            yield f"{road}: {call} of the {who}: {found}, and in the table {told}"


def main():
    page, program = sys.argv[1:]
    if not shutil.which("strace"):
        skip("there is no strace")
    tried = subprocess.run(["strace", "-f", "-o", "/dev/null", shutil.which("true")], capture_output=True, text=True)
    if tried.returncode:
        skip(f"nothing can be traced here: {tried.stderr.strip()}")
    found = []
    for road, expected in expected_calls(page).items():
        calls = trace(program, road)
        if sum(call == "clone3" for _, call in calls) != CHILDREN:
            skip("a sandbox refuses clone3, and launches take another road")
        found += faults(road, expected, counted_calls(calls))
    print("\n".join(found) or "as the table says")
    return 1 if found else 0


sys.exit(main())
