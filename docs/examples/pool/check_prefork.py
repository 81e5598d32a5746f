"""What the page of pre-fork servers says, tried: new workers take over under load, and
no connection is refused or cut off.

usage: check_prefork.py PREFORK
"""

import os
import signal
import sys
import threading

from served import Server, stop, wait_until

os.chdir(os.path.dirname(os.path.abspath(__file__)))
server = Server(sys.argv[1], "prefork_worker.py")
seen = []
refused = []
over = threading.Event()


def visit():
    while not over.is_set():
        try:
            with server.client() as client:
                seen.append(int(client.answer()))
        except (OSError, ValueError) as error:
            refused.append(repr(error))


visitors = [threading.Thread(target=visit) for _ in range(3)]
for one in visitors:
    one.start()
wait_until(lambda: len(seen) >= 100, "answers")
old = set(seen)
server.process.send_signal(signal.SIGHUP)
server.wait_for_log("pool: replaced")
count = len(seen)
wait_until(lambda: len(seen) >= count + 100, "answers of the new ones")
over.set()
for one in visitors:
    one.join()
assert not refused, refused
late = set(seen[count + 10:])  # Of those that were answered before, few are counted late.
assert late and not late & old, (old, late)
stop(server)
print(len(seen), "visits,", len(set(seen)), "workers")
