#!/usr/bin/env python3
"""100,000 requests to a `wasmote serve`, one in a hundred of which traps, runs out of fuel or takes too much memory.

Every one must be answered, each with its own answer; says how many were not, and what the server's memory did.

    wasmote serve --addr 127.0.0.1:8080 --quiet -W fuel=2000000,max-memory-size=4M tests/program/handler.wat &
    benches/serve_faults.py 127.0.0.1:8080 $!           # or with another number of requests behind
"""
import asyncio
import re
import sys
import time

REQUESTS, CONNECTIONS = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000, 32
host, port = sys.argv[1].split(":")
pid = sys.argv[2]
wrong, taken, seen, resident = 0, 0, {}, []


def resident_kib():
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])


async def get(reader, writer, path):
    writer.write(f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return int(head[9:12]), await reader.readexactly(int(length[1]))


async def worker():
    global wrong, taken
    reader, writer = await asyncio.open_connection(host, int(port))
    while taken < REQUESTS:
        number = taken
        taken += 1
        if number % max(REQUESTS // 10, 1) == 0:
            resident.append(resident_kib())
        fails = number % 100 == 99
        path = f"/{'tlm'[number // 100 % 3] if fails else 'p'}{number}"
        status, body = await get(reader, writer, path)
        seen[path[:2], status] = seen.get((path[:2], status), 0) + 1
        if fails:
            wrong += status != 500 or b"(request " not in body
        else:
            wrong += status != 200 or body != path.encode()


async def main():
    await asyncio.gather(*[worker() for _ in range(CONNECTIONS)])


began = time.time()
asyncio.run(main())
print(f"{sum(seen.values())} answered, {wrong} of them wrong, in {time.time() - began:.1f} s: {seen}")
print(f"resident KiB at each tenth: {resident}, {resident_kib()} in the end")
sys.exit(wrong > 0)
