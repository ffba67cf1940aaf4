"""The prober: a clock that is set by hand, and questions that the test answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.builders import NOW, key, node, pod, world

from vipa.core.cluster import Key, Pod
from vipa.core.inventory import Object
from vipa.core.probing import Answer, Tally
from vipa.core.resources import Monitor, Probe, Sysplex
from vipa.core.snapshot import Settings
from vipa.shell import flights
from vipa.shell.lateness import TEXT
from vipa.shell.monitor import BEAT_S, Prober
from vipa.shell.store import Store
from vipa.shell.wire import Exhausted

EVERY_2S = Monitor(probe=Probe(80), interval=2.0, timeout=0.3)
PLEX = Sysplex(key=key("plex1"), monitor=EVERY_2S)
A, B = "10.1.0.1", "10.1.0.2"


class Seen(Store):
    """A store that also keeps what was handed on to it."""

    def __init__(self, *things: Object) -> None:
        super().__init__(Settings(probes=True), lambda: NOW)
        self.world = world(*things)
        self.told: list[tuple[str, str]] = []
        self.fresh = 0

    def heard(self, pod: Pod, answer: Answer, at: float) -> None:
        self.told.append((pod.key.name, answer.error))

    def forget_rows(self) -> None:
        self.fresh += 1

    def change(self, thing: Object, *, gone: bool = False) -> None:
        self._absorb(thing, gone=gone, at=None)


class Scene:
    """A prober whose time is `now`, and the questions that wait for an answer, by address."""

    def __init__(self, *things: Object, at_most: int = 100) -> None:
        self.now = 1000.0
        self.blind = False
        self.store = Seen(*(things or (PLEX,)))
        self.asked: list[tuple[str, Probe, float]] = []
        self.open: dict[str, list[asyncio.Future[str]]] = {}
        self.registry = CollectorRegistry()
        self.prober = Prober(
            self.store, self._ask, lambda at: self.blind, clock=lambda: self.now, at_most=at_most
        )
        self.prober.tell(self.registry)
        self.prober._beat = lambda: None  # type: ignore[method-assign]
        self.asking: list[bool] = []
        self.prober.on_asking = self.asking.append
        self.prober.start()

    async def _ask(self, ip: str, probe: Probe, timeout: float) -> str:  # noqa: ASYNC109
        self.asked.append((ip, probe, timeout))
        answer = asyncio.get_running_loop().create_future()
        self.open.setdefault(ip, []).append(answer)
        try:
            return await answer
        finally:
            self.open[ip].remove(answer)

    async def go(self, seconds: float) -> None:
        """Let time pass, with the prober's own timer on time."""
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now = min(until, self.now + self.prober.tick(self.now))
            await self.turn()
        self.prober.tick(self.now)
        await self.turn()

    async def turn(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def answer(self, ip: str, said: str | Exception = "") -> None:
        for future in list(self.open.get(ip, ())):
            if isinstance(said, Exception):
                future.set_exception(said)
            else:
                future.set_result(said)
        await self.turn()

    def number(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def counted(self, outcome: str) -> float | None:
        return self.number(
            "sysplex_probe_seconds_count", namespace="default", sysplex="plex1", outcome=outcome
        )


def played(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def test_each_stack_is_asked_once_in_an_interval_at_its_first_address() -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        assert sorted(scene.asked) == [(A, EVERY_2S.probe, 0.3), (B, EVERY_2S.probe, 0.3)]
        assert scene.number("sysplex_probes_in_flight") == 2
        await scene.answer(A)
        await scene.answer(B, "connection refused")
        assert scene.store.told == [("sysa", ""), ("sysb", "connection refused")]
        assert (scene.counted("answered"), scene.counted("unanswered")) == (1, 1)
        await scene.prober.stop()

    played(play())


def test_stacks_that_hang_are_asked_one_question_at_a_time() -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(20.0)
        assert len(scene.asked) == 2
        await scene.answer(A)
        await scene.go(2.0)
        assert sorted(ip for ip, _, _ in scene.asked) == [A, A, B]
        await scene.prober.stop()

    played(play())


def test_no_more_questions_at_once_than_there_is_room_and_whoever_waits_is_next() -> None:
    async def play() -> None:
        more = [pod(f"s{n}", "n1", f"10.2.0.{n}") for n in range(8)]
        scene = Scene(PLEX, *more, at_most=3)
        await scene.go(2.0)
        assert len(scene.asked) == 3
        first = [ip for ip, _, _ in scene.asked]
        for ip in first:
            await scene.answer(ip)
        assert len(scene.asked) == 6
        assert not set(first) & {ip for ip, _, _ in scene.asked[3:]}
        await scene.prober.stop()

    played(play())


def test_pod_that_is_gone_while_it_waits_is_not_asked() -> None:
    async def play() -> None:
        scene = Scene(at_most=1)
        await scene.go(2.0)
        ((first, _, _),) = scene.asked
        waits = "sysb" if first == A else "sysa"
        scene.store.change(scene.store.world.pods[key(waits)], gone=True)
        await scene.answer(first)
        assert len(scene.asked) == 1
        await scene.prober.stop()

    played(play())


def test_answer_for_a_pod_that_is_gone_or_replaced_is_dropped() -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        sysa, sysb = (scene.store.world.pods[key(name)] for name in ("sysa", "sysb"))
        scene.store.change(sysa, gone=True)
        scene.store.change(replace(sysb, uid="another", ready=False))
        await scene.turn()
        assert scene.open == {A: [], B: []}  # nobody waits for them any more
        await scene.go(2.0)
        await scene.answer(B)
        assert scene.store.told == [("sysb", "")]
        await scene.prober.stop()

    played(play())


def test_pod_that_becomes_ready_and_was_never_heard_is_asked_out_of_turn_once() -> None:
    async def play() -> None:
        scene = Scene()
        newcomer = pod("sysc", "n3", "10.1.0.3", ready=False)
        scene.store.change(newcomer)
        await scene.turn()
        assert scene.asked == []
        for _ in range(2):
            scene.store.change(replace(newcomer, ready=True))
            await scene.answer("10.1.0.3")
        assert [ip for ip, _, _ in scene.asked] == ["10.1.0.3"]
        await scene.go(2.0)
        assert [ip for ip, _, _ in scene.asked].count("10.1.0.3") == 2  # its own turn is as it was
        await scene.prober.stop()

    played(play())


def test_pod_that_is_known_to_answer_waits_for_its_turn_when_it_is_ready_again() -> None:
    async def play() -> None:
        scene = Scene()
        sysa = scene.store.world.pods[key("sysa")]
        scene.store.memory.tallies[sysa.uid] = Tally(silent=False, confirmed=True)
        scene.store.change(replace(sysa, ready=False))
        scene.store.change(sysa)
        await scene.turn()
        assert scene.asked == []
        await scene.prober.stop()

    played(play())


def test_address_that_another_pod_has_taken_speaks_for_that_pod_alone() -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        scene.store.change(pod("sysc", "n3", A, created=5))
        await scene.answer(A)
        assert scene.store.told == []
        assert scene.counted("uncounted") == 1
        await scene.go(2.0)
        await scene.answer(A)
        assert scene.store.told == [("sysc", "")]
        scene.store.change(scene.store.world.pods[key("sysc")], gone=True)
        await scene.go(2.0)
        await scene.answer(A, "connection refused")
        assert scene.store.told[1:] == [("sysa", "connection refused")]
        await scene.prober.stop()

    played(play())


def test_of_two_pods_with_one_address_at_the_start_the_younger_is_heard() -> None:
    async def play() -> None:
        scene = Scene(PLEX, pod("sysc", "n3", A, created=5))
        await scene.go(2.0)
        await scene.answer(A)
        assert scene.store.told == [("sysc", "")]
        await scene.prober.stop()

    played(play())


def test_ended_pod_holds_no_address_and_is_not_asked() -> None:
    async def play() -> None:
        scene = Scene(PLEX, pod("sysc", "n3", A, created=5, ended=True))
        await scene.go(2.0)
        await scene.answer(A)
        assert scene.store.told == [("sysa", "")]
        await scene.prober.stop()

    played(play())


def test_pods_in_the_network_of_their_node_share_its_address_unless_of_one_sysplex() -> None:
    async def play() -> None:
        plex2 = Sysplex(key=key("plex2"), monitor=replace(EVERY_2S, probe=Probe(81)))
        there = (node("n3", addresses=("10.0.0.3",)), PLEX, plex2)
        one = pod("sysc", "n3", "10.0.0.3", created=1)
        other = pod("sysd", "n3", "10.0.0.3", created=2, sysplex="plex2")
        scene = Scene(*there, one, other)
        await scene.go(2.0)
        await scene.answer("10.0.0.3")
        assert sorted(scene.store.told) == [("sysc", ""), ("sysd", "")]
        scene.store.told.clear()
        scene.store.change(pod("syse", "n3", "10.0.0.3", created=3))
        await scene.go(2.0)
        await scene.answer("10.0.0.3")
        assert sorted(scene.store.told) == [("sysd", ""), ("syse", "")]
        await scene.prober.stop()

    played(play())


def late_labels() -> dict[str, str]:
    return {"namespace": "default", "sysplex": "plex1"}


@pytest.mark.parametrize(("said", "told"), [("no answer within 300 ms", []), ("", [("sysa", "")])])
def test_probe_that_met_a_stuck_loop_counts_only_if_it_was_answered(
    said: str, told: list[tuple[str, str]]
) -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        scene.now += BEAT_S + 0.08  # more than a quarter of 300 ms: the timer runs so much late
        await scene.answer(A, said)
        assert scene.store.told == told
        scene.prober.tick(scene.now)
        await scene.answer(B, "no answer within 300 ms")  # after the timer ran at last
        assert scene.store.told == told
        assert scene.number("sysplex_probes_late_total", **late_labels()) == 2
        await scene.prober.stop()

    played(play())


def test_stall_within_the_bound_does_not_excuse_a_stack() -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        scene.now += BEAT_S + 0.07
        await scene.answer(A, "connection refused")
        assert scene.store.told == [("sysa", "connection refused")]
        await scene.prober.stop()

    played(play())


def test_timeout_that_was_noticed_late_does_not_count_as_a_failure() -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        begun = scene.now
        while scene.now < begun + 0.4:  # the loop turns, and yet this probe had to wait
            await scene.go(0.01)
        await scene.answer(A, "no answer within 300 ms")
        assert scene.store.told == []
        await scene.prober.stop()

    played(play())


def test_loop_that_cannot_follow_begins_fewer_probes_until_it_can() -> None:
    async def play() -> None:
        more = [pod(f"s{n}", "n1", f"10.2.{n // 250}.{n % 250 + 1}") for n in range(998)]
        scene = Scene(PLEX, *more, at_most=1000)
        await scene.go(1.0)
        under_way = len(scene.asked)
        assert under_way > 400
        for _ in range(6):  # every turn is late
            scene.now += 0.1
            scene.prober.tick(scene.now)
        await scene.turn()
        assert len(scene.asked) == under_way
        for ip in [ip for ip, open_ in scene.open.items() if open_]:
            await scene.answer(ip)
        assert sum(map(len, scene.open.values())) <= flights.AT_LEAST
        await scene.go(1.0)
        assert sum(map(len, scene.open.values())) > 4 * flights.AT_LEAST
        await scene.prober.stop()

    played(play())


def test_probe_that_started_late_for_want_of_room_does_not_count_as_a_failure() -> None:
    async def play() -> None:
        scene = Scene(at_most=1)
        await scene.go(3.9)  # both are due long ago, one waits for the other
        ((first, _, _),) = scene.asked
        await scene.answer(first)
        second = B if first == A else A
        await scene.answer(second, "no answer within 300 ms")
        assert [error for _, error in scene.store.told] == [""]
        await scene.prober.stop()

    played(play())


def test_own_lack_of_sockets_counts_for_nobody_and_as_late() -> None:
    async def play() -> None:
        scene = Scene()
        heard: list[tuple[Key, str | None]] = []
        scene.prober.lateness.on_behind = lambda plex, text: heard.append((plex, text))
        for _ in range(5):
            await scene.go(2.0)
            await scene.answer(A, Exhausted("no files"))
            await scene.answer(B, Exhausted("no files"))
        assert scene.store.told == []
        assert heard == [(PLEX.key, TEXT)]
        await scene.prober.stop()

    played(play())


def test_probe_that_breaks_is_logged_and_counts_for_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        await scene.answer(A, RuntimeError("a defect"))
        assert scene.store.told == []
        assert "a probe of default/sysa broke" in caplog.text
        await scene.prober.stop()

    played(play())


def test_without_sight_nothing_counts_and_rows_begin_anew_with_it() -> None:
    async def play() -> None:
        scene = Scene()
        scene.blind = True
        await scene.go(2.0)
        await scene.answer(A)
        await scene.answer(B, "connection refused")
        assert (scene.store.told, scene.store.fresh) == ([], 0)
        scene.blind = False
        await scene.go(2.0)
        await scene.answer(A)
        assert (scene.store.told, scene.store.fresh) == ([("sysa", "")], 1)
        await scene.prober.stop()

    played(play())


def test_changed_monitor_is_used_at_once_and_ends_what_is_under_way() -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        other = replace(EVERY_2S, probe=Probe(81, "HTTP", "/up"), timeout=1.0)
        scene.store.change(replace(PLEX, monitor=other))
        await scene.turn()
        assert scene.open == {A: [], B: []}
        scene.asked.clear()
        await scene.go(2.0)
        assert sorted(scene.asked) == [(A, other.probe, 1.0), (B, other.probe, 1.0)]
        await scene.prober.stop()

    played(play())


def test_status_of_a_sysplex_disturbs_no_probe() -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        scene.store.change(replace(PLEX, status=replace(PLEX.status, active=2)))
        await scene.answer(A)
        assert scene.store.told == [("sysa", "")]
        await scene.prober.stop()

    played(play())


def test_monitor_that_is_taken_away_leaves_nothing_behind() -> None:
    async def play() -> None:
        scene = Scene()
        await scene.go(2.0)
        await scene.answer(A)
        assert scene.counted("answered") == 1
        scene.store.change(replace(PLEX, monitor=None))
        await scene.go(4.0)
        assert len(scene.asked) == 2
        assert scene.counted("answered") is None
        assert scene.asking == [True, False]
        scene.store.change(PLEX)
        scene.store.change(PLEX, gone=True)
        scene.store.change(Sysplex(key=key("plex9")), gone=True)
        assert scene.asking == [True, False, True, False]
        await scene.prober.stop()

    played(play())


def test_pod_is_asked_from_when_it_has_an_address() -> None:
    async def play() -> None:
        scene = Scene(PLEX, pod("sysc", "n3", ips=()))
        await scene.go(4.0)
        assert {ip for ip, _, _ in scene.asked} == {A, B}
        scene.store.change(pod("sysc", "n3", "10.1.0.3"))
        await scene.go(2.0)
        assert "10.1.0.3" in scene.open
        await scene.prober.stop()

    played(play())


def test_stop_ends_every_question_and_starts_none() -> None:
    async def play() -> None:
        scene = Scene(at_most=1)
        await scene.go(2.0)
        await scene.prober.stop()
        await scene.turn()
        assert len(scene.asked) == 1
        assert scene.open[scene.asked[0][0]] == []
        assert scene.store.told == []

    played(play())


def test_timer_of_its_own_asks_without_a_tick_from_outside() -> None:
    async def play() -> None:
        asked = asyncio.Event()

        async def ask(ip: str, probe: Probe, timeout: float) -> str:  # noqa: ASYNC109
            return ""

        class Told(Seen):
            def heard(self, pod: Pod, answer: Answer, at: float) -> None:
                asked.set()

        fast = Sysplex(key=key("plex1"), monitor=replace(EVERY_2S, interval=0.05, timeout=0.05))
        prober = Prober(Told(fast), ask, lambda at: False)
        prober.start()
        async with asyncio.timeout(10):
            await asked.wait()
        await prober.stop()

    played(play())


def test_room_is_bounded_by_the_files_that_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (1024, 2000)}
    monkeypatch.setattr(flights.resource, "getrlimit", lambda which: limits["now"])
    monkeypatch.setattr(flights.resource, "setrlimit", lambda which, new: limits.update(now=new))
    assert flights.room() == 1500
    assert limits["now"] == (2000, 2000)
    limits["now"] = (1024, flights.resource.RLIM_INFINITY)
    assert flights.room() == flights.ROOM
    limits["now"] = (flights.resource.RLIM_INFINITY, flights.resource.RLIM_INFINITY)
    assert flights.room() == flights.ROOM
