"""What the page of supervision says, tried: jobs are done though one of them kills its
worker, and what cannot be mended ends the pool.

usage: check_supervise.py SUPERVISE
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

LIMIT = 60
SCRIPT = str(pathlib.Path(__file__).resolve().parent / "consumer.sh")
SUPERVISE = os.path.abspath(sys.argv[1])


def start():
    return subprocess.Popen([SUPERVISE, "sh", SCRIPT], stdout=subprocess.PIPE, text=True)


def submit(name, text):
    pathlib.Path(name).write_text(text)
    os.rename(name, f"in/{name}")


os.chdir(tempfile.mkdtemp())
broken = start()
out, _ = broken.communicate(timeout=LIMIT)
assert broken.returncode == 1 and "died: exit code: 78" in out and "pool: gave up" in out, out

os.mkdir("in")
os.mkdir("out")
for i in range(20):
    submit(f"job{i}", "poison" if i == 7 else f"job {i}")
pool = start()
end = time.monotonic() + LIMIT
while len(list(pathlib.Path("out").glob("*.done"))) < 19 and time.monotonic() < end:
    time.sleep(0.01)
for i in range(20):
    if i != 7:
        text = pathlib.Path(f"out/job{i}.done").read_text()
        assert text == f"JOB {i}", text
pool.send_signal(signal.SIGTERM)
out, _ = pool.communicate(timeout=LIMIT)
assert pool.returncode == 0, out
for text in ("cannot bear job7", "died: exit code: 1", "backing off for", "stopping: pool_ends", "ended: exit code: 0"):
    assert text in out, (text, out)
print(out)
