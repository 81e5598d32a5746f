# A line there, a line back: in capitals.
import sys

print("ready", flush=True)
for line in sys.stdin:
    print(line.rstrip("\n").upper(), flush=True)
