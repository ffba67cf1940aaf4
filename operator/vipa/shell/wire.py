"""A TCP connection that is thrown away: a bare nonblocking socket, waited for on the running loop.

Neither asyncio's streams nor aiohttp: a probe is one connection and at most one line of an answer,
thousands of times a second, and what stands above the socket would be thrown away each time. Of a
probe by HTTP that costs 130 us so, streams make 200 and aiohttp 370, where the bare system calls
take 80 (loopback; `make bench-probes` measures this code).
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import struct
import weakref

# Closed by a reset: thousands of probes would else leave thousands of ports in TIME_WAIT.
RESET = struct.pack("ii", 1, 0)
OUR_OWN = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))
HAS_EPOLL = hasattr(select, "epoll")  # not on macOS, where the demo runs too


class Exhausted(Exception):
    """This process or machine has no socket or port left: it says nothing of the target."""


class Poll:
    """One epoll for all wires, which the loop watches as a single file.

    uvloop makes a handle for each file that it watches, and a probe needs it once or twice: that
    alone was an eighth of its cost. Registered once for each connection, by edge: whoever waits
    has tried before and found nothing.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._epoll = select.epoll()
        self._wires: dict[int, Wire] = {}
        loop.add_reader(self._epoll.fileno(), self._turn)

    def add(self, fd: int, wire: Wire) -> None:
        self._wires[fd] = wire
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def leave(self, fd: int) -> None:
        """Before the file is closed, which takes it out of the epoll."""
        self._wires.pop(fd, None)

    def _turn(self) -> None:
        for fd, _ in self._epoll.poll(0):
            if (wire := self._wires.get(fd)) is not None:
                wire.wake()


_POLLS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Poll] = weakref.WeakKeyDictionary()


def _poll(loop: asyncio.AbstractEventLoop) -> Poll | None:
    if not HAS_EPOLL:
        return None
    found = _POLLS.get(loop)
    if found is None:
        found = _POLLS[loop] = Poll(loop)
    return found


class Wire:
    """One connection, for one task. Raises OSError for what the network says."""

    __slots__ = ("_fd", "_loop", "_poll", "_ready", "_sock")

    def __init__(self, ip: str) -> None:
        """Raises Exhausted."""
        try:
            self._sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
        except OSError as error:
            raise Exhausted(str(error)) from error
        self._sock.setblocking(False)
        self._fd = self._sock.fileno()
        self._loop = asyncio.get_running_loop()
        self._poll = _poll(self._loop)
        self._ready: asyncio.Future[None] | None = None

    async def connect(self, ip: str, port: int) -> None:
        """Raises Exhausted too."""
        code = self._sock.connect_ex((ip, port))
        if self._poll is not None:
            self._poll.add(self._fd, self)
        if code == errno.EINPROGRESS:
            await self._something()
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code in OUR_OWN:
            raise Exhausted(os.strerror(code))
        if code:
            raise OSError(code, os.strerror(code))

    async def send(self, data: bytes) -> None:
        while data:
            try:
                data = data[self._sock.send(data) :]
            except BlockingIOError:
                await self._something()

    async def receive(self, at_most: int) -> bytes:
        """What has come, at least one byte; empty where the peer has ended."""
        while True:
            try:
                return self._sock.recv(at_most)
            except BlockingIOError:
                await self._something()

    def drop(self) -> None:
        """Close without ceremony; the peer sees a reset."""
        if self._poll is not None:
            self._poll.leave(self._fd)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._sock.close()

    def wake(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    async def _something(self) -> None:
        """Wait until something happens; whoever waits looks for itself what it was."""
        self._ready = self._loop.create_future()
        if self._poll is not None:
            await self._ready
            return
        self._loop.add_reader(self._fd, self.wake)
        self._loop.add_writer(self._fd, self.wake)
        try:
            await self._ready
        finally:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
