"""Two replicas: what the standby does, how fast it goes on, and what a former leader cannot do."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cluster.background import Background
from tests.cluster.faultproxy import Deed, answer, delayed, half_open, hang, reset, slow
from tests.cluster.plane import Api, Plane
from tests.cluster.replicas import LEASE, Pair, lease, pair, seconds_until
from tests.cluster.world import World
from tests.waiting import becomes, eventually, stays

from vipa.core.forms import seconds
from vipa.k8s import names

DURATION_S = 4
# Waited for is the end of one Lease; whoever did it wrongly would wait for a second one. How much
# less it is, is measured by `make bench-detection`: here others have the machine too.
FOLLOWED_WITHIN_S = 2 * DURATION_S
# The Lease was given back, and nobody has waited for its end.
HANDED_OVER_WITHIN_S = DURATION_S / 2
LEASES = f"(PUT|POST|GET) {LEASE.rpartition('/')[0]}"


@pytest.fixture(scope="module")
def module_pair(controlplane: Plane, api: Api, background: Background) -> Iterator[Pair]:
    with pair(controlplane.operator_kubeconfig, api, background) as found:
        yield found


@pytest.fixture
def two(module_pair: Pair) -> Pair:
    module_pair.rest()
    return module_pair


@pytest.fixture
def owned(world: World, two: Pair) -> World:
    """sysa owns, all is told."""
    world.plex("sysa", "sysb")
    world.vipa()
    becomes(world.owner, ("sysa", 1))
    world.quiet()
    return world


def fail(world: World) -> Callable[[], bool]:
    """The owner fails; whether the other one has taken over."""
    owner, epoch = world.owner()
    world.ready(owner, False)
    other = {"sysa": "sysb", "sysb": "sysa"}[owner]
    return lambda: world.owner() == (other, epoch + 1)


@contextmanager
def takeovers(world: World) -> Iterator[list[int]]:
    """Stacks that fail and come back without end. The number of failures so far."""
    ended, count = threading.Event(), [0]

    def fail_and_recover() -> None:
        for stack in itertools.cycle(("sysa", "sysb")):
            if ended.wait(0.1):
                return
            world.ready(stack, False)
            count[0] += 1
            ended.wait(0.2)
            world.ready(stack, True)

    thread = threading.Thread(target=fail_and_recover)
    thread.start()
    try:
        yield count
    finally:
        ended.set()
        thread.join()


def test_standby_is_ready_plans_and_writes_nothing(owned: World, two: Pair) -> None:
    standby = two.standby
    standby.proxy.lines.clear()
    planned = standby.metric("sysplex_round_seconds_count")
    assert standby.operator.ready()

    eventually(fail(owned))
    owned.quiet()

    assert standby.written() == []
    assert standby.metric("sysplex_round_seconds_count") > planned
    assert standby.metric("sysplex_leader") == 0.0
    assert two.leader.metric("sysplex_leader") == 1.0
    terms = {one.metric("sysplex_leader_transitions_total") for one in two.replicas}
    assert terms == {float(lease_term(owned.api))}


def lease_term(api: Api) -> int:
    return int(lease(api)["leaseTransitions"])


def test_crash(owned: World, two: Pair) -> None:
    history = owned.history()
    leader = two.leader
    leader.operator.kill()

    took = seconds_until(fail(owned))

    assert took < FOLLOWED_WITHIN_S
    history.check()


def test_sigterm(owned: World, two: Pair) -> None:
    """The best of three: others have this machine too."""
    history, found = owned.history(), []
    for _ in range(3):
        two.rest()
        leader = two.leader
        moved = fail(owned)
        eventually(moved)
        owned.ready("sysa", True)
        owned.ready("sysb", True)
        owned.quiet()
        owner = owned.owner()[0]
        leader.operator.terminate()
        owned.ready(owner, False)
        found.append(seconds_until(lambda owner=owner: owned.owner()[0] not in (owner, "")))
        assert leader.operator.ended() == 0
        owned.ready(owner, True)

    assert min(found) < HANDED_OVER_WITHIN_S, found
    history.check()


def test_nothing_moves_and_nothing_is_said_because_the_leader_changed(
    owned: World, two: Pair
) -> None:
    eventually(fail(owned))
    before, term, events = owned.quiet(), lease_term(owned.api), owned.events()
    leader = two.leader
    assert leader.operator.end() == 0
    eventually(lambda: lease_term(owned.api) > term and two.leader is not leader)

    # The new leader marks every record with its term, and writes nothing else.
    notes = lambda: owned.record()["metadata"]["annotations"]  # noqa: E731
    becomes(lambda: int(notes()[names.TERM]), lease_term(owned.api))
    assert owned.quiet() == before
    assert owned.events() == events


def test_frozen_leader_writes_nothing_after_it_wakes(owned: World, two: Pair) -> None:
    """No record, whatever it was about; and nothing else but what it was sending at that moment."""
    history, frozen = owned.history(), two.leader
    with takeovers(owned) as count:
        eventually(lambda: count[0] > 3)
        frozen.operator.freeze()
        term = lease_term(owned.api)
        eventually(lambda: lease_term(owned.api) > term)
        other = two.standby if two.standby is not frozen else two.leader
        at_least = count[0] + 20
        stays(lambda: other.leads, 30)
        assert count[0] > at_least
        written = len(frozen.written())
        frozen.operator.thaw()
        begun = count[0]
        eventually(lambda: count[0] > begun + 10)
        # Between its last look at the clock and the socket nothing else runs, so of all that was
        # under way one request at most can have been caught there. Nobody could look any later;
        # a status that is written so is old news, which the new leader sees and writes anew.
        assert len(frozen.written()[written:]) <= 1
        assert other.leads
    # The term of a record never goes down: none was accepted from it.
    history.check()
    assert len({one.lease for one in history.terms["web"]}) > 1


def refusal(status: int) -> Deed:
    return answer(status, {409: "Conflict", 429: "TooManyRequests"}.get(status, ""))


FAULTS: dict[str, Deed] = {
    "hang": hang,
    "reset": reset,
    "half-open": half_open,
    "409": refusal(409),
    "429": refusal(429),
    "500": refusal(500),
    "answers late": slow(5),
    "carried out late": delayed(5),
}


# What it sends arrives, and the watch says so.
HARMLESS = ("half-open", "answers late")
CASES = [
    *(("lease", fault) for fault in FAULTS),
    *(("everything", fault) for fault in ("hang", "half-open", "answers late")),
]


@pytest.mark.parametrize(("where", "fault"), CASES)
def test_a_leader_with_a_bad_network(owned: World, two: Pair, where: str, fault: str) -> None:
    """Is followed by the other one, unless it can see that its renewals arrive."""
    history, leader = owned.history(), two.leader
    watched = "" if where == "everything" else LEASES
    leader.proxy.on(watched or "^(?!WATCH)", FAULTS[fault], times=0)

    if fault in HARMLESS:
        stays(lambda: leader.leads, DURATION_S + 1)
    else:
        eventually(lambda: lease(owned.api)["holderIdentity"] not in ("", leader.name))
    eventually(fail(owned), within_s=FOLLOWED_WITHIN_S)

    leader.proxy.clear()
    owned.ready("sysa", True)
    eventually(fail(owned), within_s=FOLLOWED_WITHIN_S)
    history.check()


def test_a_lease_that_is_deleted_is_made_anew_in_a_higher_term(owned: World, two: Pair) -> None:
    history, term, leader = owned.history(), lease_term(owned.api), two.leader
    assert owned.api.request("DELETE", LEASE)[0] == 200

    eventually(lambda: lease(owned.api).get("leaseTransitions", 0) > term)
    assert two.leader is leader, "nobody else takes what may still be held"
    eventually(fail(owned))
    history.check()


def test_a_lease_deleted_under_a_dead_leader_is_waited_for(owned: World, two: Pair) -> None:
    leader, standby = two.leader, two.standby
    leader.operator.kill()
    # From before the deletion, which the standby may see before we hear of it.
    begun = time.monotonic()
    assert owned.api.request("DELETE", LEASE)[0] == 200
    eventually(lambda: standby.leads)
    assert DURATION_S <= time.monotonic() - begun < FOLLOWED_WITHIN_S


def test_lease_below_the_terms_of_the_records_is_raised(owned: World, two: Pair) -> None:
    """Somebody restored a Lease of long ago: the API server would refuse all that is written."""
    term = lease_term(owned.api)
    old = {"spec": {"leaseTransitions": 1, "holderIdentity": "nobody", "leaseDurationSeconds": 1}}
    assert owned.api.request("PATCH", LEASE, old, names.MERGE)[0] == 200

    eventually(fail(owned))
    assert lease_term(owned.api) > term


def test_clocks_hours_apart(
    controlplane: Plane,
    api: Api,
    background: Background,
    world: World,
    module_pair: Pair,
    tmp_path: Path,
) -> None:
    """No decision reads a wall clock, and what is persisted is the API server's time."""
    for one in module_pair.replicas:
        one.operator.end()
    hours = "import time\n_time = time.time\ntime.time = lambda: _time() + 3 * 3600\n"
    (tmp_path / "sitecustomize.py").write_text(hours)
    path = f"{tmp_path}:{Path(__file__).resolve().parents[2] / 'operator'}"
    with pair(controlplane.operator_kubeconfig, api, background, {"PYTHONPATH": path}) as two:
        world.plex("sysa", "sysb")
        world.vipa()
        becomes(world.owner, ("sysa", 1))
        history = world.history()
        for _ in range(2):
            former = two.leader
            stays(lambda former=former: former.leads, DURATION_S + 1)
            former.operator.end()
            eventually(fail(world))
            for told in (lease(api)["renewTime"][:19] + "Z", world.status()["lastMove"]["time"]):
                assert abs((seconds(told) or 0) - time.time()) < 30
            world.ready("sysa", True)
            world.ready("sysb", True)
            two.rest()
        history.check()
