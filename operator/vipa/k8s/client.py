"""One HTTP session: deadlines, dead peers, errors as one type, the API server's clock.

Retries do not belong here: the executor knows what a repeated write means, this layer does not.
"""

from __future__ import annotations

import asyncio
import contextvars
import email.utils
import math
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from vipa.k8s.access import Access

JSON = "application/json"
DEADLINE_S = 10.0
# A steady difference below this is the resolution of the Date header, not a wrong clock.
CLOCK_GRAIN_S = 2.0
PASSING = (401, 404)
TOO_LATE = "too late to begin"
_until = contextvars.ContextVar("until", default=math.inf)


class ApiError(Exception):
    """The server answered and said no. `status` 0: it did not answer."""

    def __init__(self, status: int, reason: str, message: str, body: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.body = body

    @property
    def unreachable(self) -> bool:
        return self.status == 0


@dataclass(slots=True)
class Clock:
    """The API server's time, for what is persisted; a replica's own clock may be hours off."""

    offset_s: float = field(default=0.0)

    def heard(self, date: str | None, at: float) -> None:
        """Learn from the Date header of an answer that arrived at `at` by our wall clock."""
        if date:
            parsed = email.utils.parsedate_to_datetime(date).timestamp()
            offset = parsed - at
            self.offset_s = 0.0 if abs(offset) < CLOCK_GRAIN_S else offset

    def now(self) -> str:
        """RFC 3339, UTC, whole seconds."""
        seconds = time.time() + self.offset_s
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

    def now_micros(self) -> str:
        """RFC 3339, UTC, with microseconds: the form of a Lease's times."""
        seconds = time.time() + self.offset_s
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        return f"{whole}.{int(seconds % 1 * 1e6):06d}Z"


def _socket(addr_info: aiohttp.AddrInfoType) -> socket.socket:
    """A dead peer is found in about nine seconds, for streams and writes alike."""
    family, kind, proto, _, _ = addr_info
    sock = socket.socket(family, kind, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 5),
        ("TCP_KEEPINTVL", 2),
        ("TCP_KEEPCNT", 2),
        ("TCP_USER_TIMEOUT", 9000),
    ):
        if hasattr(socket, option):  # absent on macOS, where the demo runs too
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock


class _Request(aiohttp.ClientRequest):
    """Looks at the clock where nothing is left to wait for: a process may be frozen anywhere
    between the decision to write and here, also while a connection is being made.

    A request with a body is written, headers and all, by a task of its own, which may begin a
    whole turn of the event loop after `send`: so the last look is there. From it to the socket no
    other task runs, hence of all that is under way at most one request can still be caught between
    the two by a freeze.
    """

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        if _too_late():
            raise aiohttp.ClientError(TOO_LATE)
        return await super().send(conn)

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        if not _too_late():
            await super().write_bytes(writer, conn, content_length)
        elif conn.protocol is not None:  # else the connection is gone, and whoever waits knows
            conn.protocol.set_exception(aiohttp.ClientError(TOO_LATE))


def _too_late() -> bool:
    return time.monotonic() >= _until.get()


class Client:
    """The session, to be closed. Bodies are dicts; every failure is an ApiError.

    `patient`: for kopf, which ends with the first 401 or 404 of a watch. An API server that has
    just started may know neither our token nor our kinds, and a kind may be applied anew: both
    count as a connection that failed, which is tried again for ever.
    """

    def __init__(self, access: Access, *, patient: bool = False) -> None:
        self.access = access
        self.clock = Clock()
        # When the API server last answered anything, monotonic seconds.
        self.answered_at: float | None = None

        async def authorize(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            token = access.token()
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
            reply = await handler(request)
            # A 5xx may come from whatever stands in front of a server that is gone.
            if reply.status < 500:
                self.answered_at = time.monotonic()
            if patient and reply.status in PASSING:
                reply.close()
                raise aiohttp.ClientConnectionError(f"HTTP {reply.status}")
            return reply

        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=access.tls, keepalive_timeout=75, socket_factory=_socket
            ),
            middlewares=(authorize,),
            request_class=_Request,
            headers={"User-Agent": "sysplex-vipa", "Accept": JSON},
            read_bufsize=2**21,
        )

    async def close(self) -> None:
        await self.session.close()

    async def request(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        content_type: str = JSON,
        query: tuple[tuple[str, str], ...] = (),
        accept: str = JSON,
        deadline_s: float = DEADLINE_S,
        until: float = math.inf,
    ) -> dict[str, Any]:
        """The decoded answer. Raises ApiError for everything else, also for silence.

        `until`: on the monotonic clock, when it is neither begun nor waited for any more.
        """
        data = orjson.dumps(body) if body is not None else None
        headers = {"Accept": accept}
        if data is not None:
            headers["Content-Type"] = content_type
        url = self.access.server + path
        _until.set(until)  # of this task, which sends one request at a time
        try:
            async with (
                asyncio.timeout(min(deadline_s, until - time.monotonic())),
                self.session.request(
                    method, url, data=data, headers=headers, params=query
                ) as reply,
            ):
                raw = await reply.read()
                self.clock.heard(reply.headers.get("Date"), time.time())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = str(error) or type(error).__name__
            raise ApiError(0, "Unreachable", f"{method} {path}: {text}", {}) from error
        return _checked(method, path, reply.status, raw)


def _checked(method: str, path: str, status: int, raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        body = {"message": raw[:200].decode(errors="replace")}
    if not isinstance(body, dict):
        body = {}
    if status >= 400:
        message = str(body.get("message") or f"HTTP {status}")
        raise ApiError(status, str(body.get("reason", "")), f"{method} {path}: {message}", body)
    return body
