#!/usr/bin/env python3
"""Measures what it costs to compile a program with this library.

usage: compile.py [--rounds N] COMPILER...

Each program stands beside what its like costs without the library. Seconds are user
CPU, the least of N rounds in which the programs take turns; lines are those
after preprocessing.
"""

import argparse
import os
import pathlib
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAIRS = [
    ("README example", ROOT / "docs/examples/readme.cpp", "Asio coroutine", ROOT / "bench/compile/asio_coroutine.cpp"),
    ("run() alone", ROOT / "bench/compile/run.cpp", "<iostream>", ROOT / "bench/compile/iostream.cpp"),
]
LEVELS = ["-O0", "-O2"]


def command(compiler, *options):
    # clang needs them with an Asio older than 1.23; they change nothing elsewhere.
    switches = ["-DASIO_HAS_CO_AWAIT", "-DASIO_HAS_STD_COROUTINE"]
    return [*shlex.split(compiler), "-std=c++20", *switches, "-I", str(ROOT), *options]


def seconds(compiler, level, source):
    child = subprocess.Popen(command(compiler, level, "-c", str(source), "-o", os.devnull))
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{source} does not compile")
    return usage.ru_utime


def lines(compiler, source):
    text = subprocess.run(command(compiler, "-E", "-P", str(source)), check=True, capture_output=True).stdout
    return text.count(b"\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("compilers", nargs="+")
    asked = parser.parse_args()
    print("| program | compiler | lines | CPU, s | beside | lines | CPU, s | times as long |")
    print("|---|---|---|---|---|---|---|---|")
    for compiler in asked.compilers:
        for level in LEVELS:
            least = {}
            for _ in range(asked.rounds):
                for _, ours, _, theirs in PAIRS:
                    for source in (ours, theirs):
                        least[source] = min(least.get(source, 1e9), seconds(compiler, level, source))
            for name, ours, other, theirs in PAIRS:
                print(f"| {name} | {compiler} {level} | {lines(compiler, ours)} | {least[ours]:.2f} | {other} | "
                      f"{lines(compiler, theirs)} | {least[theirs]:.2f} | {least[ours] / least[theirs]:.2f} |", flush=True)


main()
