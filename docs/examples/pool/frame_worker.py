# Frames: four bytes with the length, the highest first, and so many bytes.
import struct
import sys


def read_frame():
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        sys.exit()  # The end of the input.
    return sys.stdin.buffer.read(struct.unpack(">I", head)[0])


def write_frame(frame):
    sys.stdout.buffer.write(struct.pack(">I", len(frame)) + frame)
    sys.stdout.buffer.flush()


while True:
    write_frame(read_frame().upper())
