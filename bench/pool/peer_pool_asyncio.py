#!/usr/bin/env python3
"""Python: a pool of asyncio's subprocesses, written out as its users do."""

import asyncio

from python_pool import QUESTION, Recorder, command_line, now

LINE = QUESTION.encode() + b"\n"


class Pool:
    def __init__(self, program, size):
        self.program, self.size = program, size
        self.idle = asyncio.LifoQueue()
        self.last = None

    async def start(self):
        for _ in range(self.size):
            self.idle.put_nowait(await self.worker())

    async def worker(self):
        return await asyncio.create_subprocess_exec(
            self.program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)

    async def request(self, line):
        """Empty when the worker has ended; another is in its place then."""
        worker = await self.idle.get()
        try:
            worker.stdin.write(line)
            answer = await worker.stdout.readline()
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
        if not answer:
            await worker.wait()
            worker = await self.worker()
        self.last = worker
        self.idle.put_nowait(worker)
        return answer


async def client(pool, measured):
    asked = now()
    while not measured.is_over():
        if await pool.request(LINE) != LINE:
            raise RuntimeError("another answer")
        asked = measured.add(asked)


async def restart(pool, measured):
    await pool.request(LINE)
    while not measured.is_over():
        killed = now()
        pool.last.kill()
        while not await pool.request(LINE):
            pass
        measured.add(killed)


async def main():
    workload, program, workers, milliseconds = command_line()
    pool = Pool(program, workers)
    await pool.start()
    measured = Recorder(milliseconds)
    if workload == "restart":
        await restart(pool, measured)
    else:
        await asyncio.gather(*(client(pool, measured) for _ in range(workers)))
    measured.print("Python asyncio", workload)
    while not pool.idle.empty():
        worker = pool.idle.get_nowait()
        worker.stdin.close()
        await worker.wait()


asyncio.run(main())
