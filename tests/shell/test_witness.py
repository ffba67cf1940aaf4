"""What a Lease of a kubelet proves, and what it does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.builders import NOW

from vipa.core.snapshot import Settings
from vipa.k8s.client import ApiError
from vipa.k8s.watch import Event
from vipa.shell import witness as witnesses
from vipa.shell.store import Store
from vipa.shell.witness import Witness


def lease(node: str, renewed: str, kind: str = "MODIFIED") -> Event:
    return Event(kind, {"metadata": {"name": node}, "spec": {"renewTime": renewed}}, 0.0)


class Scene:
    """A witness whose clock, and the API server's last word, are set by hand."""

    def __init__(self, client: Any = None) -> None:
        self.now = self.answered = 100.0
        self.store = Store(Settings(), lambda: NOW)
        self.witness = Witness(client, self.store, lambda: self.answered, lambda: self.now)

    def take(self, event: Event, at: float) -> dict[str, float]:
        self.now = at
        self.witness.take(event)
        return self.store.memory.renewed


def test_renewal_counts_from_when_it_was_seen_whatever_time_it_says() -> None:
    scene = Scene()
    scene.take(lease("n1", "2001-01-01T00:00:00Z", "LISTED"), 100.0)
    assert scene.take(lease("n1", "2099-01-01T00:00:00Z"), 110.0) == {"n1": 110.0}
    assert scene.take(lease("n1", "2055-01-01T00:00:00Z"), 120.0) == {"n1": 120.0}


def test_first_sight_of_a_lease_gives_it_the_time_that_any_has() -> None:
    assert Scene().take(lease("n1", "2001-01-01T00:00:00Z", "LISTED"), 100.0) == {"n1": 100.0}


def test_lease_that_changed_in_something_else_was_not_renewed() -> None:
    scene = Scene()
    scene.take(lease("n1", "1"), 100.0)
    assert scene.take(lease("n1", "1"), 110.0) == {"n1": 100.0}


def test_list_made_anew_proves_nothing_by_itself() -> None:
    scene = Scene()
    scene.take(lease("n1", "1", "LISTED"), 100.0)
    scene.take(Event("SYNCED", {}, 0.0), 100.0)
    assert scene.take(lease("n1", "1", "LISTED"), 130.0) == {"n1": 100.0}


def test_lease_that_came_back_is_seen_for_the_first_time() -> None:
    scene = Scene()
    scene.take(lease("n1", "1"), 100.0)
    scene.take(lease("n1", "1", "DELETED"), 105.0)
    assert scene.take(lease("n1", "1", "ADDED"), 110.0) == {"n1": 110.0}


def test_time_without_the_api_server_makes_no_lease_older() -> None:
    scene = Scene()
    scene.take(lease("n1", "1"), 100.0)
    for second in range(101, 131):
        scene.now = second
        scene.answered = min(second, 103)
        scene.witness.look(second)
    # Nobody was heard after 103; what passed until that was noticed counts.
    assert scene.store.memory.renewed == {"n1": 123.0}
    scene.answered = 131.0
    scene.witness.look(131.0)
    assert scene.store.memory.renewed == {"n1": 123.0}


def test_pause_of_the_operator_itself_makes_no_lease_older() -> None:
    scene = Scene()
    scene.take(lease("n1", "1"), 100.0)
    scene.witness.look(101.0)
    scene.witness.look(161.0)
    assert scene.store.memory.renewed == {"n1": 160.0}


class Refusing:
    """A client that may not list Leases."""

    def __init__(self) -> None:
        self.asked = 0
        self.thrice = asyncio.Event()

    async def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        self.asked += 1
        if self.asked == 3:
            self.thrice.set()
        raise ApiError(403, "Forbidden", f"{method} {path}: no", {})


def test_leases_that_may_not_be_read_are_told_once_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnesses, "REFUSED_PAUSE_S", 0.0)

    async def play() -> None:
        client = Refusing()
        scene = Scene(client)
        scene.witness.want(True)
        scene.witness.want(True)
        async with asyncio.timeout(10):
            await client.thrice.wait()
        await scene.witness.stop()
        asked = client.asked
        await asyncio.sleep(0)
        assert client.asked == asked

    asyncio.run(play())
    assert caplog.text.count("see crds/rbac.yaml") == 1


def test_witness_that_nobody_wants_forgets_what_it_saw() -> None:
    async def play() -> None:
        scene = Scene(Refusing())
        scene.witness.want(True)
        scene.take(lease("n1", "1"), 100.0)
        scene.witness.want(False)
        scene.witness.want(False)
        assert scene.take(lease("n1", "1"), 200.0) == {"n1": 200.0}
        await scene.witness.stop()

    asyncio.run(play())
