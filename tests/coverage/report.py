#!/usr/bin/env python3
"""What of the two libraries the tests have run, by the counters that they left.

usage: report.py BUILD

Writes pages into BUILD/report, and tells each line that never ran and that never_run.txt does not
explain. An entry there is a file, a colon and the line's text, and stands for one line; what follows
one or more of them, further in, is their reason. The last line is `N passed, N failed, N skipped`:
lines that ran, that did not, and that are explained.
"""

import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def gcovr(build):
    """The files of gcovr's report."""
    out = build / "report"
    out.mkdir(exist_ok=True)
    subprocess.run(
        ["gcovr", "--root", str(ROOT), "--object-directory", str(build), "--filter", str(ROOT / "subprocess"),
         "--filter", str(ROOT / "asio_integration"), "--exclude-throw-branches", "--exclude-unreachable-branches",
         "--json", str(out / "coverage.json"), "--html-details", str(out / "index.html"), "-j", "2", str(build)],
        check=True, cwd=build)
    return json.loads((out / "coverage.json").read_text())["files"]


def explained():
    """{(file, text of the line): how many such lines have a reason}"""
    reasons, group, has_reason = collections.Counter(), [], False
    for line in (HERE / "never_run.txt").read_text().splitlines():
        if line.startswith("  ") and not has_reason:
            reasons.update(group)
            has_reason = True
        elif line and not line.startswith((" ", "#")):
            path, _, text = line.partition(": ")
            group = [] if has_reason else group
            has_reason = False
            group.append((path, text))
    return reasons


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    reasons = explained()
    there = set()
    ran = missing = excused = taken = branches = 0
    for file in sorted(gcovr(build), key=lambda f: f["file"]):
        text = (ROOT / file["file"]).read_text().splitlines()
        for line in file["lines"]:
            if line.get("gcovr/noncode"):
                continue
            those = line.get("branches", [])
            branches += len(those)
            taken += sum(b["count"] > 0 for b in those)
            what = text[line["line_number"] - 1].strip()
            there.add((file["file"], what))
            if line["count"]:
                ran += 1
            elif reasons[file["file"], what] > 0:
                reasons[file["file"], what] -= 1
                excused += 1
            else:
                missing += 1
                print(f"never run: {file['file']}:{line['line_number']}: {what}")
    for path, what in reasons.keys() - there:
        missing += 1
        print(f"explained, but there is no such line: {path}: {what}")
    lines = ran + missing + excused
    print(f"lines: {ran} of {lines} ({100 * ran / lines:.1f} %); "
          f"branches: {taken} of {branches} ({100 * taken / branches:.1f} %); pages: {build / 'report' / 'index.html'}")
    print(f"{ran} passed, {missing} failed, {excused} skipped")


main()
