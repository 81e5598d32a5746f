"""A server of the examples, as its checks see it."""

import os
import signal
import socket
import subprocess
import threading
import time

LIMIT = 60


class Server:
    """Started in a session of its own, so that a signal can be sent as a terminal does it."""

    def __init__(self, *command, **options):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        start_new_session=True, **options)
        self.log = []
        self.port = int(self.process.stdout.readline().split()[1])
        self.reader = threading.Thread(target=self._read_log)
        self.reader.start()

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def client(self):
        return Client(self.port)

    def ask(self, text):
        with self.client() as client:
            return client.ask(text)

    def wait_for_log(self, text, times=1):
        wait_until(lambda: sum(text in line for line in list(self.log)) >= times, f"{text!r} in the log", self.log)

    def signal_all(self, number):
        os.killpg(self.process.pid, number)

    def end(self):
        code = self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        self.process.stdout.close()
        return code

    def pids(self):
        """Of the workers it has ever had, from its log."""
        return {int(line.split("pid ")[1].split(")")[0]) for line in self.log if "pid " in line}


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.file = self.socket.makefile("r")

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.file.close()
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def ask(self, text):
        self.send(text)
        return self.answer()

    def answer(self):
        return self.file.readline().rstrip("\n")


def wait_until(holds, what, told=""):
    end = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not in {LIMIT} s: {what}\n{told}")
        time.sleep(0.01)


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def expect(got, wanted):
    assert got == wanted, f"{got!r} instead of {wanted!r}"


def stop(server, number=signal.SIGTERM):
    """Ends it as a service manager does; all is to be gone."""
    server.process.send_signal(number)
    expect(server.end(), 0)
    for pid in server.pids():
        assert not is_alive(pid), f"worker {pid} is left"
