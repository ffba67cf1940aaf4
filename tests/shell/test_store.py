"""What the store keeps for the monitor."""

from __future__ import annotations

from dataclasses import replace

from tests.builders import NOW, key, pod, world

from vipa.core.inventory import Object
from vipa.core.probing import Answer
from vipa.core.resources import Monitor, Probe, Sysplex
from vipa.core.snapshot import Settings
from vipa.shell.store import Store

PLEX = Sysplex(key=key("plex1"), monitor=Monitor(probe=Probe(80)))
SYSA = pod("sysa")


def store_of(*things: Object) -> Store:
    store = Store(Settings(probes=True), lambda: NOW)
    store.world = world(*things)
    return store


def test_row_is_forgotten_and_the_verdict_stays() -> None:
    store = store_of(PLEX)
    store.heard(SYSA, Answer(1.0), 1.0)
    store.heard(SYSA, Answer(2.0, "no"), 2.0)
    store.heard(SYSA, Answer(3.0, "no"), 3.0)
    store.forget_rows()
    tally = store.memory.tallies[SYSA.uid]
    assert (tally.silent, tally.misses, tally.missed) == (False, 0, None)
    store.heard(SYSA, Answer(9.0, "no"), 9.0)
    assert not store.memory.tallies[SYSA.uid].silent


def test_tally_ends_with_its_pod_whether_it_is_gone_or_replaced() -> None:
    store = store_of(PLEX)
    store.heard(SYSA, Answer(1.0), 1.0)
    store._absorb(replace(SYSA, uid="another"), gone=False, at=None)
    assert SYSA.uid not in store.memory.tallies
    store.heard(replace(SYSA, uid="another"), Answer(2.0), 2.0)
    store._absorb(replace(SYSA, uid="another"), gone=True, at=None)
    assert store.memory.tallies == {}


def test_whoever_listens_hears_of_each_object_after_it_is_in() -> None:
    store, heard = store_of(PLEX), []
    store.on_seen = lambda thing, gone: heard.append((thing in store.world.pods.values(), gone))
    store._absorb(replace(SYSA, ready=False), gone=False, at=None)
    store._absorb(replace(SYSA, ready=False), gone=True, at=None)
    assert heard == [(True, False), (False, True)]


def test_answer_for_whom_nobody_asks_is_passed_over() -> None:
    store = store_of()
    store.heard(SYSA, Answer(1.0), 1.0)
    assert store.memory.tallies == {}
