#!/usr/bin/env python3
"""Builds the fuzzers by clang and lets each run for FUZZ_SECONDS (60).

usage: run_fuzz.py BUILD_DIR

A fuzzer is a file and the sources of the library that it asks, in FUZZERS. It begins with what
stands in corpus/ for it, and what it finds new stays in BUILD_DIR. BUILD_DIR/crash-* is what it
failed with; a copy of that in corpus/ asks for it for ever. The last line is
`N passed, N failed, N skipped`.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))
FUZZERS = {
    "lines": ["asio_integration/detail/streams/line_buffer.cpp"],
    "answers": ["asio_integration/detail/pool/answer_buffer.cpp"],
    "notify": ["asio_integration/detail/pool/notify_message.cpp"],
    "environment": ["subprocess/environment.cpp"],
    "descriptors": [],  # Which includes its source, to have other calls.
}
QUOTES = "quote_in_shells"
COMPILER = ["clang++-19", "-std=c++20", "-g1", "-O1", "-Wall", "-Wextra", f"-I{ROOT}", f"-I{HERE}"]
SANITIZED = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined", f"-I{HERE / 'fake'}"]


def run(command, **options):
    done = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    return done.returncode == 0, done.stdout


def fuzz(name, place):
    """(figures or fault, whether it passed)"""
    program = place / name
    sources = [HERE / f"{name}_fuzz.cpp", *(ROOT / source for source in FUZZERS[name])]
    built, text = run([*COMPILER, *SANITIZED, *sources, "-o", program])
    if not built:
        return text, False
    found = place / f"found_{name}"
    found.mkdir(exist_ok=True)
    passed, text = run(
        [program, f"-max_total_time={SECONDS}", "-max_len=400", "-timeout=10", "-print_final_stats=1", f"-artifact_prefix={place}/crash-{name}-",
         found, HERE / "corpus" / name], timeout=SECONDS + 300)
    units = re.search(r"number_of_executed_units: (\d+)", text)
    return f"{units[1]} inputs" if passed and units else text, passed and units is not None


def quotes(place):
    library = [str(path) for path in sorted((place.parent / "plain/subprocess").glob("libsubprocess.a"))]
    built, text = run([*COMPILER, HERE / f"{QUOTES}.cpp", *library, "-pthread", "-o", place / QUOTES])
    if not built:
        return text, False
    seed = int(time.time())
    passed, text = run([place / QUOTES, SECONDS, seed], timeout=SECONDS + 300)
    return f"{text.strip()}, seed {seed}", passed


def main():
    place = pathlib.Path(sys.argv[1]).resolve()
    place.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = {name: pool.submit(fuzz, name, place) for name in FUZZERS}
        runs[QUOTES] = pool.submit(quotes, place)
        for name, one in runs.items():
            text, right = one.result()
            print(f"{name}: {text}: {'passed' if right else 'FAILED'}", flush=True)
            passed += right
            failed += not right
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


sys.exit(main())
