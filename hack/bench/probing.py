"""The processes of `make bench-probes`: one that listens, one that probes and prints its costs."""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import json
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry

from vipa.core.cluster import Key, Node, Pod
from vipa.core.resources import Monitor, Probe, Sysplex
from vipa.core.snapshot import Settings
from vipa.shell import dialling, probe
from vipa.shell.monitor import Prober
from vipa.shell.store import Store

BACKLOG = 4096
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
NOW = "2026-01-01T00:00:00Z"
PER_NODE = 100
GRAIN_S = 0.005


def address(number: int) -> str:
    """All of 127/8 is this machine: a listener on every address answers for all stacks."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


# Listening


def listen(how: str, certificate: Path) -> None:
    """Print the port, then serve until killed."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", 0))
        sock.listen(0 if how == "silent" else BACKLOG)
        print(sock.getsockname()[1], flush=True)
        if how == "silent":
            _fill(sock.getsockname()[1])
        elif how == "https":
            asyncio.run(_serve_tls(sock, certificate))
        else:
            _serve(sock, answering=how == "http")


def _fill(port: int) -> None:
    """A full backlog drops every further connection without a word."""
    held = [socket.socket() for _ in range(4)]
    for filler in held:
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
    while True:
        time.sleep(3600)


def _serve(sock: socket.socket, *, answering: bool) -> None:
    while True:
        peer, _ = sock.accept()
        try:
            if answering:
                peer.recv(4096)
                peer.sendall(ANSWER)
        except OSError:
            pass
        peer.close()


async def _serve_tls(sock: socket.socket, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "server.crt", certificate / "server.key")

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.transport.abort()

    server = await asyncio.start_server(each, sock=sock, ssl=context)
    await server.serve_forever()


# Probing


def store_of(stacks: int, monitor: Monitor) -> Store:
    """A group of so many stacks, whose pods are this machine under different addresses."""
    store = Store(Settings(probes=True), lambda: NOW)
    store.world.put(Sysplex(key=Key("bench", "plex"), monitor=monitor))
    for number in range(stacks):
        node = f"n{number // PER_NODE}"
        store.world.put(Node(name=node))
        name = f"stack-{number}"
        store.world.put(
            Pod(
                key=Key("bench", name),
                uid=f"uid-{number:08}",
                sysplex="plex",
                stack=name,
                node=node,
                ips=(address(number),),
                ready=True,
            )
        )
    return store


async def ours(options: argparse.Namespace) -> dict[str, float]:
    """The operator's prober, with its counting of answers and its metrics."""
    scheme = options.how.upper() if options.how in ("http", "https") else ""
    monitor = Monitor(
        probe=Probe(options.port, scheme), interval=options.interval, timeout=options.timeout
    )
    registry = CollectorRegistry()
    ask = functools.partial(probe.ask, dialling.direct)
    prober = Prober(store_of(options.stacks, monitor), ask, lambda now: False)
    prober.tell(registry)
    gc.collect()
    gc.freeze()  # as the operator does after its first list
    prober.start()
    labels = {"namespace": "bench", "sysplex": "plex"}

    def number(outcome: str) -> float:
        name = "sysplex_probe_seconds_count"
        return registry.get_sample_value(name, {**labels, "outcome": outcome}) or 0.0

    def numbers() -> dict[str, float]:
        late = registry.get_sample_value("sysplex_probes_late_total", labels) or 0.0
        return {
            "late": late,
            **{name: number(name) for name in ("answered", "unanswered", "uncounted")},
        }

    found = await measured(options, numbers)
    await prober.stop()
    return found


async def bare(options: argparse.Namespace) -> dict[str, float]:
    """The least with asyncio alone: as many open_connection in a second, with nothing around."""
    count = {"answered": 0.0, "unanswered": 0.0}
    running = set()

    async def one(ip: str) -> None:
        try:
            _, writer = await asyncio.open_connection(ip, options.port)
        except OSError:
            count["unanswered"] += 1
            return
        writer.close()
        count["answered"] += 1

    async def all_the_time() -> None:
        begun, number = time.perf_counter(), 0
        while True:
            due = (time.perf_counter() - begun) * options.stacks / options.interval
            while number < due:
                task = asyncio.create_task(one(address(number % options.stacks)))
                running.add(task)
                task.add_done_callback(running.discard)
                number += 1
            await asyncio.sleep(GRAIN_S)

    work = asyncio.create_task(all_the_time())
    found = await measured(options, lambda: dict(count))
    work.cancel()
    await asyncio.gather(work, *running, return_exceptions=True)
    return found


async def measured(
    options: argparse.Namespace, numbers: Callable[[], dict[str, float]]
) -> dict[str, float]:
    """What happened in so many seconds, after one interval that does not count."""
    await asyncio.sleep(options.interval)
    before, cpu, wall = numbers(), time.process_time(), time.perf_counter()
    await asyncio.sleep(options.seconds)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    counted = {name: value - before.get(name, 0.0) for name, value in numbers().items()}
    return {**counted, "cpu_s": cpu, "wall_s": wall}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("listen", "ours", "bare"))
    parser.add_argument("--how", choices=("tcp", "http", "https", "silent"))
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--stacks", type=int)
    parser.add_argument("--interval", type=float)
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args(arguments)
    if options.role == "listen":
        listen(options.how, options.certificate)
        return
    role = {"ours": ours, "bare": bare}[options.role]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(role(options))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
