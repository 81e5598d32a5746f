#!/usr/bin/env python3
"""Python: concurrent.futures.ProcessPoolExecutor. Its workers are Python, whatever
program is asked for, and lines go to them pickled."""

import concurrent.futures
import os
import signal
import threading

from python_pool import QUESTION, Recorder, command_line, now


def echo(line):
    return line


def client(pool, measured):
    asked = now()
    while not measured.is_over():
        if pool.submit(echo, QUESTION).result() != QUESTION:
            raise RuntimeError("another answer")
        asked = measured.add(asked)


def request(workers, milliseconds):
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        list(pool.map(echo, [QUESTION] * workers * 4))
        measured = Recorder(milliseconds)
        # In the calling thread where one is enough: to switch between threads costs.
        others = [threading.Thread(target=client, args=(pool, measured)) for _ in range(workers - 1)]
        for one in others:
            one.start()
        client(pool, measured)
        for one in others:
            one.join()
    return measured


def restart(milliseconds):
    """A pool that has lost a worker is broken, and another takes its place."""
    pool = concurrent.futures.ProcessPoolExecutor(1)
    pid = pool.submit(os.getpid).result()
    measured = Recorder(milliseconds)
    while not measured.is_over():
        killed = now()
        os.kill(pid, signal.SIGKILL)
        while True:
            try:
                pid = pool.submit(os.getpid).result()
                break
            except concurrent.futures.process.BrokenProcessPool:
                pool.shutdown(wait=False)
                pool = concurrent.futures.ProcessPoolExecutor(1)
        measured.add(killed)
    pool.shutdown()
    return measured


def main():
    workload, _, workers, milliseconds = command_line()
    measured = restart(milliseconds) if workload == "restart" else request(workers, milliseconds)
    measured.print("Python ProcessPoolExecutor", workload)


if __name__ == "__main__":
    main()
