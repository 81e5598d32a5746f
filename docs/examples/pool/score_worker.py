# The same for one text after another: a line each, and a line back.
import sys

from score import score

print("ready", flush=True)
for line in sys.stdin:
    print(score(line), flush=True)
