#!/usr/bin/env python3
"""Checks the models of kill and reap by spin, and that they are models of these sources.

usage: check_models.py

Each line of RUNS is a model with what is defined in it. A run that holds has no error in any
interleaving; one with a fault has to be found wrong, or the model could find nothing. In a
model a comment that begins with a colon quotes the source; all of a file's quotes in one
step of the model have to stand in that file, in their order. The last line is
`N passed, N failed, N skipped`.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KILL, REAPER = "kill_and_reap.pml", "reaper.pml"

# What is wrong with a variant, or None: it holds.
RUNS = [
    (KILL, "PIDFD=1", None),
    (KILL, "PIDFD=0", None),
    (KILL, "PIDFD=0 GROUP", None),
    (KILL, "PIDFD=1 GROUP", None),
    (KILL, "PIDFD=1 THIEF", None),
    (KILL, "PIDFD=0 THIEF", None),
    (REAPER, "SOURCE_PIDFD LOOPS=1", None),
    (REAPER, "SOURCE_PIDFD LOOPS=2", None),
    (REAPER, "SOURCE_PIDFD LOOPS=1 WATCH_MAY_FAIL", None),
    (REAPER, "SOURCE_PIDFD LOOPS=1 ARM_MAY_FAIL", None),
    (REAPER, "SIGCHLD LOOPS=1", None),
    (REAPER, "SIGCHLD LOOPS=1 LOSSY", None),
    (REAPER, "SOURCE_PIDFD LOOPS=1 THIEF", None),
    (KILL, "PIDFD=1 SIGNAL_WITHOUT_LOCK", "signals without the lock"),
    (KILL, "PIDFD=0 SIGNAL_WITHOUT_SECOND_LOOK", "looks at the state before the lock only"),
    (KILL, "PIDFD=0 REAP_IN_WAIT", "the blocking wait reaps, outside of the lock"),
    (KILL, "PIDFD=1 STATE_BEFORE_STATUS", "the state is written before the status"),
    (KILL, "PIDFD=1 CLOSE_IN_USE", "the pidfd is closed while somebody polls it"),
    (KILL, "PIDFD=1 KEEP_PIDFD", "the last user does not close the pidfd"),
    (KILL, "PIDFD=0 GROUP KILL_GROUP_AFTER_REAP", "the rest of a group is killed after the reaping"),
    (REAPER, "SOURCE_PIDFD LOOPS=1 NO_DEL", "no EPOLL_CTL_DEL before the pidfd is closed"),
    (REAPER, "SOURCE_PIDFD LOOPS=1 WAITERS_LEFT_AT_FINISH", "waiters are not taken out with their entry"),
    (REAPER, "SOURCE_PIDFD LOOPS=1 CANCEL_WITHOUT_LOCK", "a cancellation takes its waiter without the lock"),
    (REAPER, "SOURCE_PIDFD LOOPS=1 WATCH_MAY_FAIL NO_TICK", "nobody looks at what no source tells of"),
    (REAPER, "SOURCE_PIDFD LOOPS=1 ARM_MAY_FAIL NO_TICK_WHEN_UNARMED", "who waits before the source fails is not looked for"),
    (REAPER, "SOURCE_PIDFD LOOPS=1 THIEF FORGET_ROBBED", "who waits for a displaced child is not told"),
    (REAPER, "SOURCE_PIDFD LOOPS=1 THIEF EXACT", "a limit: with a thief, a number reaps the next child"),
]


def verify(run):
    """(what was run, the figures or the error; whether it came out as it should)"""
    model, defines, fault = run
    name = f"{model.removesuffix('.pml')} {defines}"
    with tempfile.TemporaryDirectory() as made:
        for file in HERE.glob("*.pml"):
            (pathlib.Path(made) / file.name).write_text(file.read_text())
        options = [f"-D{word}" for word in defines.split()]
        steps = [
            ["spin", "-a", *options, model],
            ["gcc", "-O0", "-w", "-DSAFETY", "-DVECTORSZ=512", "-DMEMLIM=3000", "-o", "pan", "pan.c"],
            ["./pan", "-m100000", "-w22"],
        ]
        text = ""
        for step in steps:
            done = subprocess.run(step, cwd=made, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
            text += done.stdout
            if done.returncode:
                return name, f"{step[0]}: exit status {done.returncode}\n{text}", False
    errors = re.search(r"errors: (\d+)", text)
    states = re.search(r"(\d+) states, stored", text)
    found = re.search(r"pan:1: (.*)", text)
    complete = "Search not completed" not in text and "max search depth too small" not in text
    if not errors or not states:
        return name, text, False
    if fault is None:
        return name, f"{states[1]} states" if errors[1] == "0" else found[1], errors[1] == "0" and complete
    return name, f"{fault}: {'found: ' + found[1] if found else 'NOT FOUND'}", found is not None


def quotes_of(model):
    """Of each piece of a model: the file and the text of each quote, in order."""
    pieces = re.split(r"^(?:inline|proctype|#define|  :: atomic) ", (HERE / model).read_text(), flags=re.MULTILINE)
    for piece in pieces:
        yield re.findall(r"/\*: ([\w.]+): (.*?) \*/", piece)


def source(name):
    found = [path for half in ("subprocess", "asio_integration") for path in (ROOT / half).rglob(name)]
    found = [path for path in found if "posix" not in path.parts]
    if len(found) != 1:
        raise LookupError(f"{name} is {len(found)} files")
    return " ".join(found[0].read_text().split())


def differences(model):
    """What a model quotes and the sources do not have."""
    for quotes in quotes_of(model):
        places = {}
        for name, text in quotes:
            wanted = " ".join(text.split())
            try:
                place = source(name).find(wanted, places.get(name, 0))
            except LookupError as error:
                yield str(error)
                continue
            if place == -1:
                yield f"{model}: {name} does not have, or not there: {wanted}"
            else:
                places[name] = place
    if not any(quotes_of(model)):
        yield f"{model} quotes nothing"


def main():
    passed = failed = 0
    for model in sorted(path.name for path in HERE.glob("*.pml")):
        found = list(differences(model))
        print("\n".join(found) or f"{model}: as the sources have it: passed")
        passed += not found
        failed += bool(found)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, text, right in pool.map(verify, RUNS):
            print(f"{name}: {text}: {'passed' if right else 'FAILED'}", flush=True)
            passed += right
            failed += not right
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


sys.exit(main())
