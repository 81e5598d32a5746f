#!/usr/bin/env python3
"""Puts small faults into the libraries, one at a time, and sees whether a test fails.

usage: mutate.py [--mutants N] [--seed N] [--jobs N] [--again] BUILD TESTS

BUILD is a build directory, configured without optimization: its compile commands are used. TESTS is one
in which the test programs have been built. All mutants are compiled at once (see mutations.py). The tests run
once with none of them on, which tells what each test comes to; then each mutant is on for the tests
that come to it, the quickest first, until one fails. A test that hangs fails, and so does one that
crashes. A failure counts if it comes again, and does not come without the mutant.

Mutants may kill or close anything, so all runs in a namespace of process numbers. Results are in
BUILD/mutated/results.jsonl: what is there is not done again, but for --again, which tries those again
that survived. Survivors are to be explained in survivors.txt. The last line is
`N passed, N failed, N skipped`: killed, survived, explained.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

import mutations
from mutant_build import HERE, PROGRAMS, ROOT, Build

Test = collections.namedtuple("Test", "program name milliseconds reached")
# The shell reaps what a test leaves to it; the process group outside has the number 0 inside.
APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c",
         'setsid --wait "$0" "$@"; exit $?']


def run_tests(run, program, names, limit, environment, *options):
    """(whether it ended, the text). Names may be more than a command line holds."""
    with tempfile.TemporaryDirectory(prefix="mutant") as scratch, tempfile.TemporaryFile("w+", errors="replace") as out:
        os.chmod(scratch, 0o777)
        flags = pathlib.Path(scratch) / "flags"
        flags.write_text("--gtest_filter=" + ":".join(names) + "\n")
        started = subprocess.Popen(
            [*APART, str(run / f"test_{program}"), f"--gtest_flagfile={flags}", "--gtest_color=no", *options],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            env={**os.environ, "TMPDIR": scratch, **environment})
        try:
            code = started.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
        out.seek(0)
        return code, out.read()


class Killing:
    """One mutant against the tests that come to it."""

    def __init__(self, run, number, known_flaky):
        self.run, self.number, self.flaky = run, number, known_flaky

    def first_failure(self, program, tests, parts=1):
        """The name of a test that fails for the mutant, or None."""
        left = [t for t in tests if t.name not in self.flaky]
        while left:
            shares = [left[i::parts] for i in range(parts)]
            with concurrent.futures.ThreadPoolExecutor(parts) as pool:
                ends = list(pool.map(lambda share: self.suspect(program, share), [s for s in shares if s]))
            suspects = [name for name in ends if name]
            if not suspects:
                return None
            for name in suspects:
                if self.is_certain(program, name, 15 + 4 * sum(t.milliseconds for t in left if t.name == name) / 1000):
                    return name
                self.flaky.add(name)
            left = [t for t in left if t.name not in self.flaky]
        return None

    def suspect(self, program, tests):
        limit = 15 + 4 * sum(t.milliseconds for t in tests) / 1000
        code, text = run_tests(self.run, program, [t.name for t in tests], limit, {"MUTATION": str(self.number)},
                               "--gtest_fail_fast")
        if code == 0:
            return None
        failed = re.search(r"^\[  FAILED  \] ([^\s,]+)", text, re.M)
        last = re.findall(r"^\[ RUN      \] (\S+)", text, re.M)
        return failed.group(1) if failed else last[-1] if last else tests[0].name

    def is_certain(self, program, name, limit):
        code, _ = run_tests(self.run, program, [name], limit, {"MUTATION": str(self.number)})
        if code == 0:
            return False
        code, _ = run_tests(self.run, program, [name], 4 * limit, {})
        return code == 0


def baseline(run, build, jobs):
    """All tests, without a mutant: what passes, how long it takes, and what it comes to."""
    known = build.work / "tests.json"
    stamp = "".join(hashlib.sha1((run / name).read_bytes()).hexdigest()
                    for name in ["libmutants.so", *(f"test_{p}" for p in PROGRAMS)])
    if known.exists():
        told = json.loads(known.read_text())
        if told["of"] == stamp:
            return [Test(*t[:3], set(t[3])) for t in told["tests"]]
    parts = 6

    def part(item):
        program, index = item
        log, notes = build.work / f"reached_{program}_{index}", build.work / f"notes_{program}_{index}"
        log.unlink(missing_ok=True)
        notes.write_bytes(bytes(1 << 16))
        notes.chmod(0o666)
        done, tries = set(), 0
        code, text = run_tests(run, program, ["*"], 3000, {
            "MUTATIONS_LOG": str(log), "MUTATIONS_REACHED": str(notes),
            "GTEST_TOTAL_SHARDS": str(parts), "GTEST_SHARD_INDEX": str(index)})
        (build.work / f"baseline_{program}_{index}").write_text(text)
        tests = []
        for line in log.read_text().splitlines():
            name, result, milliseconds, reached = line.split("\t")
            if result == "passed":
                tests.append(Test(program, name, int(milliseconds), {int(n) for n in reached.split()}))
            elif result == "failed":
                print(f"fails without a mutant: {name}", flush=True)
        return tests

    items = [(program, i) for program in PROGRAMS for i in range(parts)]
    with concurrent.futures.ThreadPoolExecutor(2 * jobs) as pool:
        tests = [t for some in pool.map(part, items) for t in some]
    known.write_text(json.dumps({"of": stamp, "tests": [[*t[:3], sorted(t.reached)] for t in tests]}))
    return tests


def tried(run, number, mutation, tests, flaky):
    """What becomes of one mutant."""
    stem = pathlib.Path(mutation.path).stem
    # The quickest first, sooner what is named for the file; one of the forms that a test has (launchers,
    # sources), then the others.
    those = sorted((t for t in tests if number in t.reached),
                   key=lambda t: (t.milliseconds + 5) * (0.1 if stem in t.name else 1))
    seen, first, others = set(), [], []
    for test in those:
        base = re.sub(r"^\w+/|/\w+$", "", test.name)
        (others if base in seen else first).append(test)
        seen.add(base)
    killing = Killing(run, number, flaky)
    for batch, parts in ((first[:40], 1), (first[40:], 2), (others, 3)):
        for program in reversed(PROGRAMS):
            name = killing.first_failure(program, [t for t in batch if t.program == program], parts)
            if name:
                return "killed", name, len(those)
    return ("survived" if those else "never run"), None, len(those)


def explained():
    """{description: reason} of survivors.txt."""
    reasons, last = {}, None
    for line in (HERE / "survivors.txt").read_text().splitlines():
        if line.startswith("  ") and last:
            reasons[last] = (reasons[last] + " " + line.strip()).strip()
        elif line and not line.startswith("#"):
            last = line
            reasons[last] = ""
    return reasons


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("--mutants", type=int, default=400)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--again", action="store_true")
    options.add_argument("--compile-only", action="store_true")
    options.add_argument("build")
    options.add_argument("tests")
    asked = options.parse_args()
    build = Build(asked.build, asked.jobs)
    sources = {path: (ROOT / path).read_text() for path in build.commands}
    numbered = dict(enumerate(mutations.chosen(sources, asked.seed, asked.mutants), 1))
    dropped = build.compile_all(numbered)
    run = build.link(asked.tests)
    numbered = {n: m for n, m in numbered.items() if n not in dropped}
    print(f"{len(numbered)} mutants in {len({m.path for m in numbered.values()})} files; {len(dropped)} more were no C++", flush=True)
    if asked.compile_only:
        return
    tests = baseline(run, build, asked.jobs)
    print(f"{len(tests)} tests", flush=True)

    results_file = build.work / "results.jsonl"
    results = {}
    if results_file.exists():
        for line in results_file.read_text().splitlines():
            told = json.loads(line)
            results[told["key"]] = told
    key = lambda m: hashlib.sha1((m.path + m.kind + mutations.applied(m, sources[m.path])).encode()).hexdigest()[:16]
    left = [n for n, m in numbered.items()
            if key(m) not in results or (asked.again and results[key(m)]["result"] != "killed")]
    # What is decided soonest, first: a run that is cut short has most results.
    cost = collections.Counter()
    for test in tests:
        for number in test.reached:
            cost[number] += test.milliseconds + 5
    left.sort(key=lambda n: cost[n])
    lock, flaky = threading.Lock(), set()

    def work(number):
        mutation, began = numbered[number], time.monotonic()
        result, by, count = tried(run, number, mutation, tests, flaky)
        text = sources[mutation.path]
        told = {"key": key(mutation), "number": number, "result": result, "by": by, "tests": count, "kind": mutation.kind,
                "line": mutations.line_of(mutation, text), "what": mutations.described(mutation, text),
                "seconds": round(time.monotonic() - began, 1)}
        with lock:
            results[told["key"]] = told
            with results_file.open("a") as out:
                out.write(json.dumps(told) + "\n")
            if result != "killed":
                print(f"{result}: {told['what']} (line {told['line']})", flush=True)

    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        list(pool.map(work, left))

    reasons = explained()
    ends = [results[key(m)] for m in numbered.values()]
    killed = [e for e in ends if e["result"] == "killed"]
    alive = [e for e in ends if e["result"] != "killed"]
    unexplained = [e for e in alive if not reasons.get(e["what"])]
    for end in unexplained:
        print(f"not explained: {end['result']}: {end['what']} (line {end['line']})")
    if flaky:
        print("failed once, or without a mutant: " + ", ".join(sorted(flaky)))
    print(f"{len(ends)} mutants: {len(killed)} killed ({100 * len(killed) / max(1, len(ends)):.1f} %), "
          f"{len(alive) - len(unexplained)} explained")
    print(f"{len(killed)} passed, {len(unexplained)} failed, {len(alive) - len(unexplained)} skipped")


main()
