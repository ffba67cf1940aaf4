"""Joining, leaving and being kept out: delay, damping, expulsion by the monitor."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import key, vipa
from tests.core.watched import BEGIN, MONITOR, Watched, watched

from vipa.core import damping, forms, incidents
from vipa.core.resources import Damped, Damping, OnUnresponsive, Rank

EXPELS = replace(MONITOR, on_unresponsive=OnUnresponsive.LEAVE_UNTIL_JOINED)
DAMPING = Damping(failures=2, window=60.0, quarantine=10.0)


def at(second: int) -> str:
    return forms.instant(BEGIN + second)


def ready(found: Watched, name: str, value: bool) -> None:
    found.put(replace(found.world.pods[key(name)], ready=value))


def flap(found: Watched, name: str = "sysa") -> None:
    found.second += 1
    ready(found, name, False)
    found.second += 1
    ready(found, name, True)


def test_stack_joins_only_after_the_delay() -> None:
    found = watched(vipa(), stacks=2, join_delay=5.0)
    assert found.phase("sysa") == "Joining Joining"
    assert found.verdict("sysa").due == 1 + 5
    assert not found.record().owner
    found.wait(4)
    assert not found.record().owner
    found.wait(1)
    assert (found.record().owner, found.phase("sysa")) == ("sysa", "Active Eligible")


def test_delay_runs_on_over_a_restart() -> None:
    found = watched(vipa(), stacks=2, join_delay=5.0)
    found.wait(2)
    found.restart()
    found.wait(3)
    assert found.phase("sysa") == "Active Eligible"


def test_delay_begins_anew_when_the_stack_fails_meanwhile() -> None:
    found = watched(vipa(), stacks=2, join_delay=5.0)
    found.wait(4)
    flap(found)
    assert found.phase("sysa") == "Joining Joining"
    found.wait(4)
    assert found.phase("sysa") == "Joining Joining"
    found.wait(1)
    assert found.phase("sysa") == "Active Eligible"


def test_last_owner_that_joins_again_is_kept_until_somebody_else_can_take_over() -> None:
    found = watched(vipa(backups=(Rank("sysb", 1),)), stacks=2, join_delay=5.0)
    found.wait(5)
    ready(found, "sysb", False)
    nodes = found.world.nodes
    found.put(replace(nodes["na"], out_of_service=True))
    found.put(replace(found.world.nodes["na"], out_of_service=False))
    assert found.phase("sysa") == "Joining Joining"
    assert not found.record().owner


def test_stack_that_fails_too_often_is_quarantined_when_it_is_healthy_again() -> None:
    found = watched(vipa(), stacks=2, damping=DAMPING)
    flap(found)
    assert (found.record().owner, found.phase("sysa")) == ("sysa", "Active Eligible")
    found.second += 1
    ready(found, "sysa", False)
    damped = found.stack("sysa").status.damping
    assert damped == Damped(failures=(at(2), at(4)), quarantines=1)
    found.second += 1
    ready(found, "sysa", True)
    assert found.phase("sysa") == "Quarantined Quarantined"
    assert found.stack("sysa").status.damping.until == at(5 + 10)
    assert found.verdict("sysa").due == 5 + 10
    assert found.record().owner == "sysb"
    found.restart()
    found.wait(9)
    assert found.phase("sysa") == "Quarantined Quarantined"
    found.wait(1)
    assert (found.phase("sysa"), found.record().owner) == ("Active Eligible", "sysa")


def test_further_quarantine_is_twice_as_long_and_forgotten_after_one_window_without() -> None:
    found = watched(vipa(), stacks=2, damping=DAMPING)
    flap(found)
    flap(found)
    found.wait(10)
    assert found.phase("sysa") == "Active Eligible"
    flap(found)
    until = forms.seconds(found.stack("sysa").status.damping.until)
    assert until == BEGIN + found.second + 20
    found.wait(20 + 61)
    ready(found, "sysa", False)
    assert found.stack("sysa").status.damping == Damped(failures=(at(found.second),))


def test_quarantined_stack_that_fails_stays_quarantined_and_says_why() -> None:
    found = watched(vipa(), stacks=2, damping=DAMPING)
    flap(found)
    flap(found)
    ready(found, "sysa", False)
    assert found.phase("sysa") == "Quarantined NotReady"


def test_quarantine_is_told_to_the_stack_its_pod_and_the_vipas_that_are_there() -> None:
    found = watched(vipa(), stacks=2, damping=DAMPING)
    flap(found)
    flap(found)
    found.restart()
    stack, judged = found.stack("sysa"), found.verdict("sysa")
    found.memory.emitted = set()
    told = {e.about for e in incidents.quarantined(found.snapshot, stack, judged)}
    assert told == {"Stack", "Pod", "VIPA"}
    found.world.drop(found.world.vipas[key("web")])
    assert found.record().owner == "sysb", "what a VIPA left behind stays until the next plan"
    told = {e.about for e in incidents.quarantined(found.snapshot, found.stack("sysb"), judged)}
    assert told == {"Stack", "Pod"}


def test_join_releases_from_quarantine() -> None:
    found = watched(vipa(), stacks=2, damping=DAMPING)
    flap(found)
    flap(found)
    found.second += 1
    found.put(replace(found.stack("sysa"), join_requested=at(found.second)))
    assert found.phase("sysa") == "Active Eligible"
    assert found.stack("sysa").status.damping == Damped()
    flap(found)
    assert found.phase("sysa") == "Active Eligible", "one failure after it is not the second"


def test_join_forgives_nothing_of_its_own_second() -> None:
    found = watched(vipa(), stacks=2, damping=DAMPING)
    found.world.put(replace(found.stack("sysa"), join_requested=at(found.second)))
    ready(found, "sysa", False)
    failures = found.stack("sysa").status.damping.failures
    assert failures == (at(found.second),)
    found.look()
    assert found.stack("sysa").status.damping.failures == failures


def test_quarantined_last_owner_is_kept() -> None:
    found = watched(vipa(backups=()), stacks=2, damping=Damping(1, 60.0, 10.0))
    found.deaf = {"sysa"}
    found.wait(3)
    assert found.phase("sysa") == "Failed Unresponsive"
    found.deaf = set()
    found.wait(2)
    assert (found.phase("sysa"), found.record().owner) == ("Quarantined Quarantined", "sysa")
    shown = found.world.vipas[key("web")].status.conditions
    assert [c.reason for c in shown if c.type == "Active"] == ["LastOwnerKept"]
    found.put(vipa(backups=(Rank("sysb", 1),)))
    move = found.record().last_move
    assert move is not None
    assert (move.to, move.reason) == ("sysb", "OwnerFailed")


def test_leaving_by_command_is_no_failure() -> None:
    found = watched(vipa(), stacks=2, damping=Damping(1, 60.0, 10.0))
    found.put(replace(found.stack("sysa"), left=True))
    assert found.stack("sysa").status.damping == Damped()


def test_expelled_stack_stays_out_until_it_is_told_to_join() -> None:
    found = watched(vipa(), stacks=3, monitor=EXPELS)
    found.deaf = {"sysa"}
    found.wait(3)
    assert (found.phase("sysa"), found.record().owner) == ("Left Autonomics", "sysb")
    assert found.stack("sysa").status.expelled_since == at(4)
    found.deaf = set()
    found.wait(5)
    assert found.phase("sysa") == "Left Autonomics"
    found.restart()
    found.wait(5)
    assert found.phase("sysa") == "Left Autonomics"
    found.put(replace(found.stack("sysa"), join_requested=at(found.second)))
    assert (found.phase("sysa"), found.record().owner) == ("Active Eligible", "sysa")


def test_expulsion_outlives_the_pod_and_every_name() -> None:
    found = watched(stacks=3, monitor=EXPELS)
    found.deaf = {"sysa"}
    found.wait(3)
    gone = found.world.pods[key("sysa")]
    found.world.drop(gone)
    found.look()
    assert found.phase("sysa") == "Absent Absent"
    assert found.stack("sysa").status.expelled_since
    found.deaf = set()
    found.put(replace(gone, uid="again"))
    found.wait()
    assert found.phase("sysa") == "Left Autonomics"


def test_expelled_last_owner_is_kept_until_a_successor_appears() -> None:
    found = watched(vipa(backups=()), stacks=2, monitor=EXPELS)
    found.deaf = {"sysa"}
    found.wait(3)
    assert (found.phase("sysa"), found.record().owner) == ("Left Autonomics", "sysa")
    found.deaf = set()
    found.wait(2)
    assert found.record().owner == "sysa"
    found.put(vipa(backups=(Rank("sysb", 1),)))
    found.wait()
    move = found.record().last_move
    assert move is not None
    assert (move.to, move.reason) == ("sysb", "OwnerFailed")


def test_request_that_is_no_time_asks_for_nothing() -> None:
    found = watched(vipa(), stacks=3, monitor=EXPELS)
    found.deaf = {"sysa"}
    found.wait(3)
    found.put(replace(found.stack("sysa"), join_requested="now, please"))
    assert found.phase("sysa") == "Left Autonomics"


times = st.one_of(st.just(""), st.just("x"), st.integers(0, 10_000).map(forms.instant))


@given(
    st.builds(
        Damped,
        failures=st.lists(times, max_size=5).map(tuple),
        quarantines=st.integers(0, 99),
        until=times,
    ),
    times,
    st.booleans(),
    times,
    st.builds(Damping, st.integers(1, 3), st.floats(1, 9000), st.floats(1, 3600)),
)
def test_damping_takes_any_status(
    before: Damped, now: str, failed: bool, joined: str, spec: Damping
) -> None:
    found = damping.after(spec, before, now, failed=failed, joined=joined)
    assert found == damping.after(spec, found, now, failed=False, joined="")
    if damping.due(found):
        begun = damping.begun(spec, found, now)
        assert not damping.due(begun)
        assert damping.remaining(begun, now) <= 3600


@pytest.mark.parametrize("spec", [None])
def test_without_damping_nothing_is_remembered(spec: Damping | None) -> None:
    before = Damped(failures=(at(1),), quarantines=1)
    assert damping.after(spec, before, at(2), failed=True, joined="") == Damped()
