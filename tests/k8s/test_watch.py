"""A list and the watch after it, over a real socket, through all that can end them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from vipa.k8s import watch
from vipa.k8s.access import Access
from vipa.k8s.client import ApiError, Client

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATH = "/apis/x/v1/things"


def thing(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def listed(*things: dict[str, Any], version: int = 10, more: str = "") -> Serve:
    async def serve(_: web.Request) -> web.StreamResponse:
        meta = {"resourceVersion": str(version), "continue": more}
        return web.json_response({"metadata": meta, "items": list(things)})

    return serve


def refused(status: int) -> Serve:
    async def serve(_: web.Request) -> web.StreamResponse:
        return web.json_response({"message": "no"}, status=status)

    return serve


def streamed(*events: tuple[str, dict[str, Any]], hold: bool = False, cut: str = "") -> Serve:
    """`hold`: says nothing any more, as a half-open connection; `cut`: ends within a line."""

    async def serve(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        for type_, found in events:
            await reply.write(json.dumps({"type": type_, "object": found}).encode() + b"\n")
        await reply.write(cut.encode())
        if hold:
            await asyncio.Event().wait()
        return reply

    return serve


class Server:
    """Serves what it was told to, one request after the other; the last one for ever."""

    def __init__(self, *script: Serve) -> None:
        self.script = list(script)
        self.asked: list[dict[str, str]] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await step(request)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        app = web.Application()
        app.router.add_route("*", PATH, self.serve)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        client = Client(Access(server=address, tls=False, token=lambda: None))
        try:
            yield client
        finally:
            await client.close()
            await runner.cleanup()


def followed(server: Server, count: int, **more: Any) -> list[tuple[str, str]]:
    """The first events: type, and name of the object."""

    async def scene() -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        async with server.client() as client, asyncio.timeout(10):
            stream = watch.follow(client, PATH, **more)
            async for event in stream:
                found.append((event.type, event.object.get("metadata", {}).get("name", "")))
                if len(found) == count:
                    break
            await stream.aclose()  # type: ignore[attr-defined]
        return found

    return asyncio.run(scene())


def test_a_list_in_pages_then_what_changes() -> None:
    server = Server(
        listed(thing("a", 1), more="next"),
        listed(thing("b", 2)),
        streamed(("MODIFIED", thing("a", 11)), ("BOOKMARK", thing("", 12)), hold=True),
    )
    found = followed(server, 4, params={"fieldSelector": "metadata.name=a"})
    assert found == [("LISTED", "a"), ("LISTED", "b"), ("SYNCED", ""), ("MODIFIED", "a")]
    assert server.asked[1]["continue"] == "next"
    assert server.asked[2]["resourceVersion"] == "10"
    assert {one["fieldSelector"] for one in server.asked} == {"metadata.name=a"}


@pytest.mark.parametrize(
    "ended",
    [
        streamed(("ADDED", thing("a", 11)), ("BOOKMARK", thing("", 15))),
        streamed(("ADDED", thing("a", 11)), ("BOOKMARK", thing("", 15)), cut='{"type": "MOD'),
        streamed(("ADDED", thing("a", 11)), ("BOOKMARK", thing("", 15)), hold=True),
    ],
    ids=["in order", "within a line", "in silence"],
)
def test_a_stream_that_ends_is_opened_again_where_it_ended(ended: Serve) -> None:
    again = streamed(("DELETED", thing("a", 16)), hold=True)
    server = Server(listed(), ended, again)
    found = followed(server, 3, quiet_s=0.3)
    assert found == [("SYNCED", ""), ("ADDED", "a"), ("DELETED", "a")]
    assert server.asked[2]["resourceVersion"] == "15"


@pytest.mark.parametrize(
    "trouble",
    [refused(410), refused(500), streamed(("ERROR", {"code": 410, "reason": "Expired"}))],
)
def test_a_place_that_is_forgotten_is_listed_anew(trouble: Serve) -> None:
    server = Server(listed(), trouble, listed(thing("b", 20), version=30), streamed(hold=True))
    assert followed(server, 3) == [("SYNCED", ""), ("LISTED", "b"), ("SYNCED", "")]


def test_a_list_that_fails_is_tried_again() -> None:
    assert followed(Server(refused(503), listed(), streamed(hold=True)), 1) == [("SYNCED", "")]


@pytest.mark.parametrize("script", [(refused(403),), (listed(), refused(401))])
def test_who_is_refused_is_told(script: tuple[Serve, ...]) -> None:
    with pytest.raises(ApiError):
        followed(Server(*script), 9)
