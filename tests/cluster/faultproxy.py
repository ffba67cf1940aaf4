"""A proxy before the API server that misbehaves on command.

The operator speaks plain HTTP to it, the proxy TLS to the API server; the operator's token passes
through, so RBAC and policies hold as always. What is not matched by a rule is forwarded, watches
as streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
import struct
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

HOP = {"connection", "host", "keep-alive", "transfer-encoding", "upgrade", "content-length"}
READS = ("GET", "HEAD")


class Exchange:
    """One request on its way."""

    def __init__(self, proxy: FaultProxy, request: web.Request, body: bytes) -> None:
        self.proxy = proxy
        self.request = request
        self.body = body
        self.watch = request.query.get("watch") in ("1", "true")
        self.line = f"{'WATCH' if self.watch else request.method} {request.path}"

    async def forward(self) -> web.StreamResponse:
        headers = {k: v for k, v in self.request.headers.items() if k.lower() not in HOP}
        url = self.proxy.upstream + self.request.raw_path
        try:
            async with self.proxy.session.request(
                self.request.method, url, data=self.body or None, headers=headers
            ) as reply:
                kept = {k: v for k, v in reply.headers.items() if k.lower() not in HOP}
                if self.watch and reply.status == 200:
                    return await self._stream(reply, kept)
                return web.Response(status=reply.status, headers=kept, body=await reply.read())
        except aiohttp.ClientError:
            return self.abort()  # as if the API server itself could not be reached

    async def _stream(
        self, reply: aiohttp.ClientResponse, headers: dict[str, str]
    ) -> web.StreamResponse:
        answer = web.StreamResponse(status=reply.status, headers=headers)
        await answer.prepare(self.request)
        async for chunk in reply.content.iter_any():
            self.proxy.heard(self.line, chunk)
            await answer.write(chunk)
        await answer.write_eof()
        return answer

    def abort(self) -> web.Response:
        """RST, no answer."""
        transport = self.request.transport
        if transport is not None:
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response(status=503)


Deed = Callable[[Exchange], Awaitable[web.StreamResponse]]


def answer(status: int, reason: str = "", **headers: str) -> Deed:
    """An answer of our own; the API server never hears of the request."""

    async def deed(_: Exchange) -> web.StreamResponse:
        body = failure(status, reason)
        return web.json_response(
            body, status=status, headers={k: str(v) for k, v in headers.items()}
        )

    return deed


def failure(status: int, reason: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": status,
        "reason": reason,
        "message": f"injected {status}",
    }


def stream_error(status: int) -> Deed:
    """A watch that is accepted and then says ERROR, as for a version that is compacted away."""

    async def deed(exchange: Exchange) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "application/json"})
        await reply.prepare(exchange.request)
        event = {"type": "ERROR", "object": failure(status, "Expired" if status == 410 else "")}
        await reply.write(json.dumps(event).encode() + b"\n")
        await reply.write_eof()
        return reply

    return deed


async def hang(exchange: Exchange) -> web.StreamResponse:
    """Accepted, neither forwarded nor answered, until the client goes away or `clear`."""
    exchange.proxy.held.add(exchange)
    try:
        await asyncio.Event().wait()
    finally:
        exchange.proxy.held.discard(exchange)
    raise AssertionError("unreachable")


async def mute(exchange: Exchange) -> web.StreamResponse:
    """A watch that is accepted and never says anything, as behind a firewall that forgot it."""
    reply = web.StreamResponse(headers={"Content-Type": "application/json"})
    await reply.prepare(exchange.request)
    return await hang(exchange)


async def half_open(exchange: Exchange) -> web.StreamResponse:
    """Forwarded and carried out, but the answer never arrives."""
    await exchange.forward()
    return await hang(exchange)


async def passed(seconds: float) -> None:
    """So much time: it is the fault itself, not a wait for something."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


def slow(seconds: float) -> Deed:
    """Carried out at once, answered late."""

    async def deed(exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.forward()
        await passed(seconds)
        return reply

    return deed


def delayed(seconds: float) -> Deed:
    """Carried out late."""

    async def deed(exchange: Exchange) -> web.StreamResponse:
        await passed(seconds)
        return await exchange.forward()

    return deed


async def reset(exchange: Exchange) -> web.StreamResponse:
    return exchange.abort()


def before(hook: Callable[[], object]) -> Deed:
    """Call the hook and lose the request: whoever sent it is dead by then."""

    async def deed(exchange: Exchange) -> web.StreamResponse:
        hook()
        return await hang(exchange)

    return deed


def after(hook: Callable[[], object]) -> Deed:
    """Forward, then call the hook: the answer reaches nobody."""

    async def deed(exchange: Exchange) -> web.StreamResponse:
        await exchange.forward()
        hook()
        return await hang(exchange)

    return deed


class Gate:
    """Holds a request until it is opened."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._event = asyncio.Event()
        self.held = False

    async def deed(self, exchange: Exchange) -> web.StreamResponse:
        self.held = True
        await self._event.wait()
        return await exchange.forward()

    def open(self) -> None:
        self._proxy.loop.call_soon_threadsafe(self._event.set)


@dataclass
class Rule:
    """The matches `first` to `first + times - 1` of a pattern meet the deed; `times` 0: all."""

    pattern: re.Pattern[str]
    deed: Deed
    first: int = 1
    times: int = 1
    matched: int = 0

    def takes(self, line: str) -> bool:
        if not self.pattern.search(line):
            return False
        self.matched += 1
        return self.matched >= self.first and (
            not self.times or self.matched < self.first + self.times
        )

    @property
    def applied(self) -> bool:
        return self.matched >= self.first


@dataclass
class FaultProxy:
    """`lines`: every request as `METHOD path`, watches as `WATCH path`."""

    operator_kubeconfig: str
    upstream: str = ""
    kubeconfig: str = ""
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    held: set[Exchange] = field(default_factory=set)
    _watches: set[Exchange] = field(default_factory=set)
    session: aiohttp.ClientSession = field(init=False)
    loop: asyncio.AbstractEventLoop = field(init=False)

    async def open(self) -> None:
        self.loop = asyncio.get_running_loop()
        config = yaml.safe_load(Path(self.operator_kubeconfig).read_text())  # noqa: ASYNC240
        cluster = config["clusters"][0]["cluster"]
        self.upstream = cluster["server"]
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=_context(cluster)),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=2**21,
        )
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "kubeconfig"
        path.write_text(json.dumps(config))
        self.kubeconfig = str(path)

    async def close(self) -> None:
        await self._runner.cleanup()
        await self.session.close()
        self._folder.cleanup()

    def on(self, pattern: str, deed: Deed, *, first: int = 1, times: int = 1) -> Rule:
        """From here on; the pattern is searched in `METHOD path`. The latest rule goes first."""
        rule = Rule(re.compile(pattern), deed, first, times)
        self.rules.insert(0, rule)
        return rule

    def gate(self, pattern: str) -> Gate:
        """The next match waits for `open`."""
        gate = Gate(self)
        self.on(pattern, gate.deed)
        return gate

    def clear(self) -> None:
        """No rules, no memory, and nobody waits any more for what will not come."""
        self._abort(self.held)
        self.rules.clear()
        self.lines.clear()
        self.errors.clear()

    def unplug(self) -> Rule:
        """Nothing gets through any more, and what is open ends. Undone by `plug`."""
        rule = self.on("", reset, times=0)
        self.cut()
        return rule

    def plug(self, rule: Rule) -> None:
        self.rules.remove(rule)

    def cut(self) -> None:
        """End every watch, as an API server does that restarts."""

        self._abort(self._watches)

    def _abort(self, exchanges: set[Exchange]) -> None:
        def end() -> None:
            for exchange in list(exchanges):
                exchange.abort()

        self.loop.call_soon_threadsafe(end)

    def writes(self, part: str = "") -> list[str]:
        """The writes so far, those with this text in their path."""
        return [line for line in self.lines if not _reads(line) and part in line]

    def heard(self, line: str, chunk: bytes) -> None:
        """Keep what a watch said that went wrong."""
        if b'"type":"ERROR"' in chunk:
            self.errors.append(f"{line} {chunk.decode(errors='replace')}")

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        exchange = Exchange(self, request, await request.read())
        self.lines.append(exchange.line)
        rule = next((rule for rule in list(self.rules) if rule.takes(exchange.line)), None)
        if not exchange.watch:
            return await (rule.deed(exchange) if rule is not None else exchange.forward())
        self._watches.add(exchange)
        try:
            return await (rule.deed(exchange) if rule is not None else exchange.forward())
        finally:
            self._watches.discard(exchange)


def _reads(line: str) -> bool:
    return line.startswith((*READS, "WATCH"))


def _context(cluster: dict[str, Any]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=cluster["certificate-authority"])
