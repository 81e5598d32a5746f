"""Telling what is run."""

import sys
import time


class Progress:
    """Says what runs: on a terminal in one line that is rewritten, else line by line."""

    def __init__(self, total):
        self.total, self.done, self.begin = total, 0, time.monotonic()
        self.rewrites = sys.stderr.isatty()

    def show(self, round_number, scenario, driver):
        seconds = time.monotonic() - self.begin
        left = seconds / self.done * (self.total - self.done) if self.done else 0
        text = (f"[{self.done + 1}/{self.total}] {seconds:.0f} s, about {left:.0f} s left · "
                f"round {round_number + 1} · {scenario.title} · {driver.name}")
        print(f"\r\x1b[K{text}" if self.rewrites else text, end="" if self.rewrites else "\n",
              file=sys.stderr, flush=True)
        self.done += 1

    def end(self):
        if self.rewrites:
            print(file=sys.stderr)
