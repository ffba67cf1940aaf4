"""A request that must not be begun any more is not, however late that turns out."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest
from tests.k8s.test_watch import PATH, Server, listed

from vipa.k8s import client as http
from vipa.k8s.client import ApiError


def asked(server: Server, until: float) -> str:
    """What became of one request: its error, or nothing."""

    async def scene() -> str:
        async with server.client() as client:
            try:
                await client.request("GET", PATH, until=until)
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


def test_frozen_between_the_decision_to_send_and_the_sending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a process that was stopped for half a minute while its connection was being made."""
    server, moments = Server(listed()), iter((0.0, 30.0))

    clock = SimpleNamespace(time=time.time, monotonic=lambda: next(moments, 30.0))
    monkeypatch.setattr(http, "time", clock)
    assert asked(server, until=5.0).endswith("too late to begin")
    assert server.asked == []
