"""Who is asked when; times are numbers here, nobody waits."""

from __future__ import annotations

import pytest
from tests.builders import key, pod

from vipa.core.cluster import Key
from vipa.core.resources import Monitor, Probe
from vipa.shell.schedule import Schedule, Target, jitter, target

EVERY_2S = Monitor(probe=Probe(80), interval=2.0, timeout=0.3)


def entry(name: str, monitor: Monitor = EVERY_2S, **fields: object) -> Target:
    made = target(pod(name, **fields), monitor)
    assert made is not None
    return made


def starts(schedule: Schedule, until: float, step: float = 0.01) -> dict[str, list[float]]:
    """When each pod is asked, by a clock that goes in steps from 0."""
    found: dict[str, list[float]] = {}
    for tick in range(round(until / step)):
        for due, at in schedule.due(tick * step):
            found.setdefault(due.pod.name, []).append(at)
    return found


def test_first_probes_are_spread_evenly_over_one_interval() -> None:
    schedule = Schedule()
    for number in range(1000):
        schedule.put(entry(f"s{number}"), 0.0)
    firsts = [times[0] for times in starts(schedule, 2.01).values()]
    assert len(firsts) == 1000
    tenths = [sum(tenth * 0.2 <= at < (tenth + 1) * 0.2 for at in firsts) for tenth in range(10)]
    assert min(tenths) > 70
    assert max(tenths) < 130


def test_place_in_the_interval_is_the_same_after_a_restart() -> None:
    assert jitter("uid-a") == jitter("uid-a") != jitter("uid-b")
    orders = []
    for start in (0.0, 1234.5):
        schedule = Schedule()
        for name in "abcdefgh":
            schedule.put(entry(name), start)
        orders.append([due.pod.name for due, _ in schedule.due(start + 2)])
    assert orders[0] == orders[1]


def test_probes_keep_their_phase_however_late_each_is_noticed() -> None:
    schedule = Schedule()
    schedule.put(entry("sysa"), 0.0)
    first = 2.0 * jitter("uid-sysa")
    asked = [at for now in (2.3, 4.9, 6.1, 8.7, 10.9) for _, at in schedule.due(now)]
    assert asked == pytest.approx([first + 2 * n for n in range(5)])


def test_missed_times_are_skipped_and_not_made_up_for() -> None:
    schedule = Schedule()
    schedule.put(entry("sysa"), 0.0)
    first = 2.0 * jitter("uid-sysa")
    assert [at for _, at in schedule.due(first)] == [first]
    assert [at for _, at in schedule.due(first + 100.5)] == pytest.approx([first + 2])
    assert schedule.next() == pytest.approx(first + 102)


def test_pod_that_is_still_being_asked_is_passed_over() -> None:
    schedule = Schedule()
    hangs = entry("sysa")
    schedule.put(hangs, 0.0)
    hangs.busy = True
    assert list(schedule.due(50.0)) == []
    hangs.busy = False
    assert len(list(schedule.due(52.0))) == 1


def test_dropped_pod_is_asked_no_more() -> None:
    schedule = Schedule()
    schedule.put(entry("sysa"), 0.0)
    schedule.put(entry("sysb"), 0.0)
    assert schedule.drop(key("sysa")) is not None
    assert schedule.drop(key("sysa")) is None
    assert set(starts(schedule, 4)) == {"sysb"}
    assert (len(schedule), schedule.size(Key("default", "plex1"))) == (1, 1)


def test_heap_does_not_grow_with_pods_that_come_and_go() -> None:
    schedule = Schedule()
    for number in range(10_000):
        schedule.put(entry("sysa", uid=f"uid-{number}"), 0.0)
    assert len(schedule._heap) < 200
    assert len(starts(schedule, 2.01)["sysa"]) in (1, 2)


def test_entry_alike_keeps_its_time_and_takes_over_the_thresholds() -> None:
    schedule = Schedule()
    schedule.put(entry("sysa"), 0.0)
    before = schedule.next()
    stricter = Monitor(probe=Probe(80), interval=2.0, timeout=0.3, failure_threshold=9)
    assert schedule.put(entry("sysa", stricter), 1.0) is None
    assert schedule.next() == before
    (found,) = schedule.due(10.0)
    assert found[0].monitor.failure_threshold == 9


@pytest.mark.parametrize(
    "changed",
    [
        entry("sysa", Monitor(probe=Probe(81), interval=2.0, timeout=0.3)),
        entry("sysa", Monitor(probe=Probe(80), interval=1.0, timeout=0.3)),
        entry("sysa", Monitor(probe=Probe(80), interval=2.0, timeout=0.2)),
        entry("sysa", ip="10.1.0.9"),
        entry("sysa", uid="another"),
        entry("sysa", sysplex="plex2"),
    ],
)
def test_change_of_what_is_asked_replaces_the_entry(changed: Target) -> None:
    schedule = Schedule()
    first = entry("sysa")
    schedule.put(first, 0.0)
    assert schedule.put(changed, 100.0) is first
    assert not first.current
    assert schedule.get(key("sysa")) is changed
    assert 100.0 <= changed.due < 102.0


@pytest.mark.parametrize("lacking", [{"ips": ()}, {"on": ""}, {"ended": True}, {"stack": ""}])
def test_pod_that_cannot_answer_is_not_asked(lacking: dict[str, object]) -> None:
    name = {"stack": "sysa", "name": "sysa", **lacking}
    assert target(pod(**name), EVERY_2S) is None  # type: ignore[arg-type]


def test_pod_that_is_being_deleted_is_asked_until_it_is_gone() -> None:
    assert target(pod("sysa", terminating=True), EVERY_2S) is not None


def test_without_a_monitor_nobody_is_asked() -> None:
    assert target(pod("sysa"), None) is None


def test_first_address_is_asked() -> None:
    assert entry("sysa", ips=("fd00::1", "10.1.0.1")).ip == "fd00::1"
