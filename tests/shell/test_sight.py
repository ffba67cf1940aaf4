"""Whether the API server is seen."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import ClientSession, web
from tests.builders import NOW

from vipa.core.snapshot import Settings
from vipa.k8s.access import Access
from vipa.k8s.client import ApiError, Client
from vipa.shell import sight as sights
from vipa.shell.endpoint import Endpoint
from vipa.shell.metrics import Metrics
from vipa.shell.sight import BLIND_AFTER_S, Sight
from vipa.shell.store import Store


class Silent:
    """A client that is never answered, until `there`."""

    def __init__(self) -> None:
        self.answered_at: float | None = None
        self.there = False
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        self.asked.append(f"{method} {path}")
        if not self.there:
            raise ApiError(0, "Unreachable", "nobody", {})
        self.answered_at = time.monotonic()
        return {}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is a line of a log
            await asyncio.sleep(0)


def sight_of(client: Any) -> Sight:
    return Sight(client, Store(Settings(), lambda: NOW))


def test_blind_is_who_has_not_been_answered_for_ten_seconds() -> None:
    client = Silent()
    sight = sight_of(client)
    start = sight.answered_at()
    assert sight.blind_since(start + BLIND_AFTER_S - 0.1) is None
    assert sight.blind_since(start + BLIND_AFTER_S) == start
    client.answered_at = start + 5
    assert sight.blind_since(start + BLIND_AFTER_S) is None
    assert sight.blind_since(start + BLIND_AFTER_S + 5) == start + 5


def test_event_of_a_watch_is_sight() -> None:
    client = Silent()
    sight = sight_of(client)
    before = sight.answered_at()
    sight.event("Node", "MODIFIED", {"metadata": {"name": "n1", "resourceVersion": "1"}})
    assert sight.answered_at() > before


def test_api_server_is_asked_when_nothing_is_heard_and_changes_of_sight_are_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sights, "ASK_EVERY_S", 0.0)
    monkeypatch.setattr(sights, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(sights, "BLIND_AFTER_S", 0.02)

    async def play() -> None:
        client = Silent()
        sight = sight_of(client)
        tasks = [asyncio.create_task(one) for one in (sight.ask_forever(), sight.note_forever())]
        await until(lambda: "blind" in caplog.text)
        client.there = True
        await until(lambda: "answers again" in caplog.text)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert set(client.asked) == {"GET /livez"}

    asyncio.run(play())
    assert caplog.text.count("blind") == 1


@pytest.mark.parametrize(("status", "seen"), [(200, True), (403, True), (429, True), (503, False)])
def test_any_answer_of_the_server_itself_is_sight(status: int, seen: bool) -> None:
    async def play() -> None:
        async def reply(_: web.Request) -> web.Response:
            return web.Response(status=status)

        app = web.Application()
        app.router.add_get("/livez", reply)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        client = Client(Access(server=f"http://{host}:{port}", tls=False, token=lambda: None))
        with suppress(ApiError):
            await client.request("GET", "/livez")
        assert (client.answered_at is not None) is seen
        await client.close()
        await runner.cleanup()

    asyncio.run(play())


def test_endpoint_is_ready_with_sight_alone_and_alive_without() -> None:
    async def play() -> None:
        sight = sight_of(Silent())
        endpoint = Endpoint(Metrics(), sight)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        await endpoint.start("127.0.0.1", port)
        async with ClientSession(f"http://127.0.0.1:{port}") as session:

            async def ask(path: str) -> tuple[int, str]:
                async with session.get(path) as reply:
                    return reply.status, await reply.text()

            assert await ask("/readyz") == (503, "not everything has been listed yet\n")
            sight.synced = True
            assert (await ask("/readyz"))[0] == 200
            sight._heard_at -= BLIND_AFTER_S
            status, words = await ask("/readyz")
            assert (status, "has not answered for 10 s" in words) == (503, True)
            assert (await ask("/livez"))[0] == 200
        await endpoint.stop()

    asyncio.run(play())
