# What libraries print would be taken for answers: it goes to stderr, and the answers
# to where stdout was.
import os
import sys

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

print("a library greets you")
os.system("echo so does a program")
print("ready", file=answers, flush=True)
for line in sys.stdin:
    print("a library has something to say")
    print(line.rstrip("\n").upper(), file=answers, flush=True)
