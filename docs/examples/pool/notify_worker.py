# A line worker that tells how it stands, as services of systemd do.
import os
import signal
import sys
import threading

from notify import notify


def finish(*_):
    notify("STOPPING=1")  # What it does now may take a while:
    notify("EXTEND_TIMEOUT_USEC=30000000")
    sys.exit()


def give_signs_of_life(interval):
    while not over.wait(interval):
        notify("WATCHDOG=1")


over = threading.Event()
signal.signal(signal.SIGTERM, finish)
notify("STATUS=loading")
notify("EXTEND_TIMEOUT_USEC=60000000")  # A minute for the start, whatever ready_within says.
notify("READY=1\nSTATUS=answering")
if "WATCHDOG_USEC" in os.environ:
    interval = int(os.environ["WATCHDOG_USEC"]) / 1e6 / 2
    threading.Thread(target=give_signs_of_life, args=(interval,), daemon=True).start()
for line in sys.stdin:
    print(line.rstrip("\n").upper(), flush=True)
over.set()
