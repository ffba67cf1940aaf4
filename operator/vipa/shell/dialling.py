"""How probes reach their targets: directly, or in tests through a stand-in."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable, Mapping

from vipa.shell.wire import Wire

# To an address and a port. Raises OSError for what the network says, and wire.Exhausted.
Dial = Callable[[str, int], Awaitable[Wire]]

PROXY = "SYSPLEX_PROBE_PROXY"
ANSWER_MAX = 4096


async def direct(ip: str, port: int) -> Wire:
    """A connection, to be dropped."""
    wire = Wire(ip)
    try:
        await wire.connect(ip, port)
    except BaseException:
        wire.drop()
        raise
    return wire


def through(proxy: str, port: int) -> Dial:
    """A dial by HTTP CONNECT through a stand-in for pods that have no network.

    200: connected; 502: refused; no answer: silent.
    """

    async def dial(ip: str, target: int) -> Wire:
        wire = await direct(proxy, port)
        try:
            _judge(await _asked(wire, authority(ip, target)))
        except BaseException:
            wire.drop()
            raise
        return wire

    return dial


async def _asked(wire: Wire, where: str) -> bytes:
    """The head of the answer to CONNECT. Nothing follows it: who connects speaks first, in every
    protocol that we ask in."""
    await wire.send(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < ANSWER_MAX:
        more = await wire.receive(ANSWER_MAX)
        if not more:
            break
        head += more
    return head


def _judge(head: bytes) -> None:
    words = head.split(None, 2)
    status = words[1] if len(words) > 1 else b""
    if status == b"502":
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    if status != b"200":
        raise ConnectionError(f"{PROXY} answered {head[:40]!r}")


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
