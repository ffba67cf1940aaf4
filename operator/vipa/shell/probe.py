"""One probe of one stack: whether it answered, and if not, why, in words for people."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import ssl
import urllib.parse
from collections.abc import Callable
from typing import TypeVar

from vipa.core.resources import Probe
from vipa.shell import dialling
from vipa.shell.dialling import Dial
from vipa.shell.wire import Wire

T = TypeVar("T")

# The status line decides and is all that is waited for; the rest of an endless answer stays where
# it is. Handshakes carry chains of certificates, and are bounded apart.
ANSWER_MAX = 10 * 1024
HANDSHAKE_MAX = 128 * 1024
READ = 2048
SHOWN = 24
OK = range(200, 400)
SWITCHED = 101


async def ask(dial: Dial, ip: str, probe: Probe, timeout: float) -> str:  # noqa: ASYNC109
    """Empty: it answered; else the error. `timeout` in seconds covers everything.

    Raises wire.Exhausted where nobody was asked.
    """
    reached = False
    try:
        async with asyncio.timeout(timeout):
            wire = await dial(ip, probe.port)
            reached = True
            try:
                return await _question(wire, ip, probe) if probe.scheme else ""
            finally:
                wire.drop()
    except TimeoutError as error:
        # A connect may time out by itself (ETIMEDOUT), before our own time is over.
        if error.errno is not None:
            return _words(error)
        return f"{'connected, but ' if reached else ''}no answer within {_span(timeout)}"
    except ssl.SSLError as error:
        return f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
    except OSError as error:
        return _words(error)
    except _NoAnswer as error:
        return str(error)


class _NoAnswer(Exception):
    """Something came that is no answer, in words."""


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:g} s"


def _words(error: OSError) -> str:
    if error.errno == errno.ECONNRESET:
        return "connection reset"
    return os.strerror(error.errno).lower() if error.errno else str(error)


@functools.lru_cache(maxsize=1024)
def _quoted(path: str) -> str:
    """A path as users write it may hold anything; what is sent is one word."""
    return urllib.parse.quote(path, safe="/%?[]@!$&'()*+,;=:~")


async def _question(wire: Wire, ip: str, probe: Probe) -> str:
    channel: Wire | _Secure = wire
    if probe.scheme == "HTTPS":
        channel = _Secure(wire)
        await channel.shake_hands()
    await channel.send(
        f"GET {_quoted(probe.path)} HTTP/1.1\r\n"
        f"Host: {dialling.authority(ip, probe.port)}\r\n"
        "User-Agent: sysplex-vipa-monitor\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
    )
    head = b""
    while (status := status_in(head)) is None:
        if len(head) >= ANSWER_MAX:
            raise _NoAnswer(f"no HTTP status within {ANSWER_MAX // 1024} KiB")
        more = await channel.receive(min(READ, ANSWER_MAX - len(head)))
        if not more:
            raise _NoAnswer("connection closed without an answer")
        head += more
    return "" if status in OK else f"HTTP {status}"


def status_in(head: bytes) -> int | None:
    """The final status in what has come so far of an answer; None: not yet there.

    Interim answers (100, 103) are passed over. Raises for what is not HTTP.
    """
    while True:
        line, newline, _ = head.partition(b"\n")
        if not line.startswith(b"HTTP/"[: len(line)]):
            raise _NoAnswer(f"no HTTP, it says {head[:SHOWN].decode(errors='replace')!a}")
        if not newline:
            return None
        words = line.split()
        if len(words) < 2 or len(words[1]) != 3 or not words[1].isdigit():
            raise _NoAnswer("a status line without a status")
        status = int(words[1])
        if status >= 200 or status == SWITCHED:
            return status
        _, blank, head = head.partition(b"\r\n\r\n")
        if not blank:
            return None


def _context() -> ssl.SSLContext:
    """Certificates are not verified, as by a kubelet: whether a stack answers is all that is asked.

    What is asked tells no secret, and an answer by somebody else on the way only keeps an owner.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_CONTEXT = _context()


class _Secure:
    """TLS over a connection, by buffers in memory: what is read stays bounded."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _CONTEXT.wrap_bio(self._incoming, self._outgoing)
        self._left = HANDSHAKE_MAX

    async def shake_hands(self) -> None:
        await self._until(self._tls.do_handshake)

    async def send(self, data: bytes) -> None:
        await self._until(lambda: self._tls.write(data))

    async def receive(self, at_most: int) -> bytes:
        try:
            return await self._until(lambda: self._tls.read(at_most))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def _until(self, step: Callable[[], T]) -> T:
        """Repeat a step of TLS until it needs no more bytes of the peer."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                await self._flush()
            else:
                await self._flush()
                return done
            if self._left <= 0:
                raise _NoAnswer(f"no HTTP status within {HANDSHAKE_MAX // 1024} KiB of TLS")
            more = await self._wire.receive(READ)
            self._left -= len(more)
            if more:
                self._incoming.write(more)
            else:
                self._incoming.write_eof()

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            await self._wire.send(data)
