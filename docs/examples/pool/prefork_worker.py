# Accepts from the socket that it was started with, as services of systemd do, and answers
# each connection with its process number. At SIGTERM it ends, between two of them.
import os
import select
import signal
import socket

from notify import notify

listening = socket.socket(fileno=3)  # The first of LISTEN_FDS.
woken, waker = socket.socketpair()
waker.setblocking(False)
signal.set_wakeup_fd(waker.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)  # Which writes to the waker.
notify("READY=1")
while True:
    readable, _, _ = select.select([listening, woken], [], [])
    if woken in readable:
        break
    try:
        client, _ = listening.accept()
    except BlockingIOError:
        continue  # The other one was faster.
    with client:
        client.sendall(b"%d\n" % os.getpid())
