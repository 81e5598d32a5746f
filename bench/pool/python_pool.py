"""What the drivers in Python share: the command line, the clock and the output."""

import json
import platform
import sys
import time

QUESTION = "x" * 31
WINDOW_MICROSECONDS = 5000


def now():
    return time.perf_counter_ns() / 1e3


class Recorder:
    """Keeps what is measured after the first tenth of the time, which warms up."""

    def __init__(self, milliseconds):
        self.begin = now()
        self.warm, self.end = self.begin + milliseconds * 100, self.begin + milliseconds * 1000
        self.samples = []
        self.windows = []  # How many answers came in each, from the beginning.

    def add(self, asked):
        time_now = now()
        if time_now > self.warm:
            self.samples.append(round(time_now - asked, 2))
            window = int((time_now - self.begin) / WINDOW_MICROSECONDS)
            self.windows += [0] * (window + 1 - len(self.windows))
            self.windows[window] += 1
        return time_now

    def is_over(self):
        """Not before there are some samples, however long each takes."""
        return now() > self.end and len(self.samples) > 2

    def print(self, library, workload):
        print(json.dumps({"library": library, "version": platform.python_version(), "workload": workload,
                          "unit": "us", "windows": self.windows, "samples": self.samples}))


def command_line():
    """The workload, the worker, how many of them, and for how many milliseconds."""
    workload, *words = sys.argv[1:]
    given = dict(zip(words[::2], words[1::2]))
    if workload not in ("request", "restart"):
        sys.exit(2)
    return workload, given["--child"], int(given["--workers"]), float(given["--milliseconds"])
