# A worker with moods, for the checks of the servers: it answers in capitals, late, or
# not at all.
import os
import sys
import time

print("ready", flush=True)
for line in sys.stdin:
    text = line.rstrip("\n")
    if text == "die":
        os._exit(3)
    if text == "hang":
        time.sleep(1000)
    if text.startswith("slowly "):
        print("at work", file=sys.stderr, flush=True)
        time.sleep(1)
    if text == "in a while":
        print("at work", file=sys.stderr, flush=True)
        time.sleep(4)
    print(text.upper(), flush=True)
