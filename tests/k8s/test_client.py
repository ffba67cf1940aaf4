"""A request that must not be begun any more is not, however late that turns out."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from tests.k8s.test_watch import PATH, Server, listed

from vipa.k8s import client as http
from vipa.k8s.client import ApiError


def asked(server: Server, until: float, body: dict[str, Any] | None = None) -> str:
    """What became of one request: its error, or nothing."""
    method = "GET" if body is None else "PUT"

    async def scene() -> str:
        async with server.client() as client:
            try:
                await client.request(method, PATH, body, until=until)
            except ApiError as error:
                return str(error)
            return ""

    return asyncio.run(scene())


def test_request_within_the_time_is_sent() -> None:
    server = Server(listed())
    assert not asked(server, time.monotonic() + 30)
    assert len(server.asked) == 1


def test_request_after_the_time_is_not_sent() -> None:
    server = Server(listed())
    assert asked(server, time.monotonic() - 1)
    assert server.asked == []


@pytest.mark.parametrize(
    ("body", "looks"),
    [(None, 1), ({"kind": "Thing"}, 1), ({"kind": "Thing"}, 2)],
    ids=["while connecting", "while connecting, with a body", "before the body is written"],
)
def test_frozen_between_the_decision_to_send_and_the_sending(
    monkeypatch: pytest.MonkeyPatch, body: dict[str, Any] | None, looks: int
) -> None:
    """As a process that was stopped for half a minute after so many looks at the clock."""
    server, moments = Server(listed()), iter([0.0] * looks)

    clock = SimpleNamespace(time=time.time, monotonic=lambda: next(moments, 30.0))
    monkeypatch.setattr(http, "time", clock)
    assert asked(server, until=5.0, body=body).endswith("too late to begin")
    assert server.asked == []


def test_request_with_a_body_within_the_time_is_sent() -> None:
    server = Server(listed())
    assert not asked(server, time.monotonic() + 30, {"kind": "Thing"})
    assert len(server.asked) == 1
