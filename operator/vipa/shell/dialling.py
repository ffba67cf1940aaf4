"""Connections for probes: bare nonblocking sockets, waited for on the running loop.

Neither asyncio's streams nor aiohttp: a probe is one connect and at most one line of an answer,
thousands of times a second, and all that stands above the socket would be thrown away at once. A
probe by HTTP costs about 130 us so, 200 us with streams and 370 us with aiohttp, where the bare
system calls cost 80 us (loopback; `make bench-probes` measures this code).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping

# Raises OSError in words of errno, Exhausted, and whatever ends the waiting (cancellation).
Dial = Callable[[str, int], Awaitable[socket.socket]]

PROXY = "SYSPLEX_PROBE_PROXY"
ANSWER_MAX = 4096
# Closed by a reset: thousands of probes would else leave thousands of ports in TIME_WAIT.
RESET = struct.pack("ii", 1, 0)
OUR_OWN = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))


class Exhausted(Exception):
    """This process or machine has no socket or port left: it says nothing of the target."""


async def direct(ip: str, port: int) -> socket.socket:
    """A connection, to be closed by `drop`."""
    try:
        sock = socket.socket(
            socket.AF_INET6 if ":" in ip else socket.AF_INET,
            socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
        )
        try:
            await _connect(sock, ip, port)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        if error.errno in OUR_OWN:
            raise Exhausted(str(error)) from error
        raise
    return sock


async def _connect(sock: socket.socket, ip: str, port: int) -> None:
    code = sock.connect_ex((ip, port))
    if code == errno.EINPROGRESS:
        await writable(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def drop(sock: socket.socket) -> None:
    """Close without ceremony; the peer sees a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


async def writable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    fd = sock.fileno()
    loop.add_writer(fd, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_writer(fd)


async def readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    fd = sock.fileno()
    loop.add_reader(fd, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def send(sock: socket.socket, data: bytes) -> None:
    while data:
        try:
            data = data[sock.send(data) :]
        except BlockingIOError:
            await writable(sock)


async def receive(sock: socket.socket, at_most: int) -> bytes:
    """What has come, at least one byte; empty where the peer has ended."""
    while True:
        await readable(sock)
        try:
            return sock.recv(at_most)
        except BlockingIOError:
            continue


def through(proxy: str, port: int) -> Dial:
    """A dial by HTTP CONNECT through a stand-in for pods that have no network.

    200: connected; 502: refused; no answer: silent.
    """

    async def dial(ip: str, target: int) -> socket.socket:
        sock = await direct(proxy, port)
        try:
            where = authority(ip, target)
            await send(sock, f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
            # Nothing may follow the head: who connects speaks first, in every protocol we ask in.
            head = b""
            while b"\r\n\r\n" not in head and len(head) < ANSWER_MAX:
                more = await receive(sock, ANSWER_MAX)
                if not more:
                    break
                head += more
        except BaseException:
            drop(sock)
            raise
        words = head.split(None, 2)
        status = words[1] if len(words) > 1 else b""
        if status == b"200":
            return sock
        drop(sock)
        if status == b"502":
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        raise ConnectionError(f"{PROXY} answered {head[:40]!r}")

    return dial


def authority(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def from_environment(env: Mapping[str, str] = os.environ) -> Dial:
    """The direct dial; through a proxy if SYSPLEX_PROBE_PROXY is host:port, a seam for tests.

    Raises ValueError.
    """
    proxy = env.get(PROXY, "")
    if not proxy:
        return direct
    host, _, port = proxy.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{PROXY}={proxy!r}: write HOST:PORT, for example 127.0.0.1:3128")
    return through(host.strip("[]"), int(port))
