"""What the guide says of its last server, tried.

usage: check_score_server.py SERVER
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from served import Server, expect, is_alive, stop, wait_until

SERVER = sys.argv[1]


def scores():
    server = Server(SERVER)
    expect([server.ask(text) for text in ("a good day", "an awful day", "a great day")], ["1", "-2", "2"])
    with server.client() as client:
        client.send("good\nbad")
        expect([client.answer(), client.answer()], ["1", "-1"])
    stop(server)


def a_worker_that_dies_costs_one_answer():
    server = Server(SERVER, "127.0.0.1", "0", "moody_worker.py")
    expect(server.ask("die"), "no answer: Broken pipe")
    expect(server.ask("well"), "WELL")
    server.wait_for_log("died: exit code: 3")
    stop(server)


def a_worker_that_hangs_costs_five_seconds():
    server = Server(SERVER, "127.0.0.1", "0", "moody_worker.py")
    begin = time.monotonic()
    expect(server.ask("hang"), "no answer: Connection timed out")
    assert 4.5 < time.monotonic() - begin < 30
    server.wait_for_log("stopping: lease_limit")
    expect(server.ask("well"), "WELL")
    stop(server)


def the_workers_are_replaced_and_no_answer_is_lost():
    server = Server(SERVER, "127.0.0.1", "0", "moody_worker.py")
    wrong = []
    over = threading.Event()

    def visit(number):
        with server.client() as client:
            count = 0
            while not over.is_set():
                count += 1
                got = client.ask(f"visit {number} {count}")
                if got != f"VISIT {number} {count}":
                    wrong.append(got)

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    for one in visitors:
        one.start()
    server.process.send_signal(signal.SIGHUP)
    server.wait_for_log("pool: replaced")
    over.set()
    for one in visitors:
        one.join()
    expect(wrong, [])
    stop(server)


def ctrl_c_lets_the_requests_end(number):
    server = Server(SERVER, "127.0.0.1", "0", "moody_worker.py")
    expect(server.ask("well"), "WELL")
    with server.client() as first, server.client() as second, server.client() as idle:
        expect(idle.ask("here"), "HERE")
        for client in (first, second):
            client.send("slowly now")
        server.wait_for_log("at work", 2)
        server.signal_all(number)
        expect([client.answer() for client in (first, second)], ["SLOWLY NOW"] * 2)
        expect(idle.answer(), "")
    expect(server.end(), 0)
    for pid in server.pids():
        assert not is_alive(pid)


def a_second_signal_ends_all_at_once():
    server = Server(SERVER, "127.0.0.1", "0", "moody_worker.py")
    with server.client() as client:
        client.send("in a while")
        server.wait_for_log("at work")
        while server.process.poll() is None:
            server.process.terminate()
            time.sleep(0.01)
        expect(server.end(), -signal.SIGTERM)
    # At once on Linux; elsewhere it finds that nobody reads its answer.
    wait_until(lambda: not any(is_alive(pid) for pid in server.pids()), "the end of its workers")


def a_manager_is_told_how_it_stands():
    """As systemd does it, and Kubernetes by a probe: it is ready when it can answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = tempfile.mktemp()
        manager.bind(name)
        manager.settimeout(60)
        server = Server(SERVER, env=dict(os.environ, NOTIFY_SOCKET=name))
        expect(manager.recv(100), b"READY=1")
        expect(server.ask("good"), "1")
        stop(server)
        expect(manager.recv(100), b"STOPPING=1")
        os.remove(name)


def it_can_be_stopped_while_it_loads():
    with subprocess.Popen([SERVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert "starting" in server.stderr.readline()
        server.terminate()
        out, _ = server.communicate(timeout=60)
        expect((server.returncode, out), (0, ""))


def a_worker_that_cannot_start_ends_the_server():
    tried = subprocess.run([SERVER, "127.0.0.1", "0", "nowhere.py"], capture_output=True, text=True, timeout=60)
    expect(tried.returncode, 1)
    assert "the pool has ended" in tried.stderr, tried.stderr


os.chdir(os.path.dirname(os.path.abspath(__file__)))
for check in (scores, a_worker_that_dies_costs_one_answer, a_worker_that_hangs_costs_five_seconds,
              the_workers_are_replaced_and_no_answer_is_lost, a_second_signal_ends_all_at_once,
              a_manager_is_told_how_it_stands, it_can_be_stopped_while_it_loads,
              a_worker_that_cannot_start_ends_the_server):
    print(check.__name__, flush=True)
    check()
for number in (signal.SIGINT, signal.SIGTERM):
    print(f"ctrl_c_lets_the_requests_end {number.name}", flush=True)
    ctrl_c_lets_the_requests_end(number)
