"""The elector, walked through every interleaving: see `electionmodel` for what is modelled.

Explored completely: two candidates with clocks 10 % off in opposite directions to a depth of 14
events; with a Lease that is deleted by hand, or a candidate that resigns, to 10; three candidates
to 9. Events are counted from a Lease that nobody holds, and from one that was just taken. States
and depth are told in the summary of a run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.core.electionmodel import EXPLORATIONS, FAST, SLOW, TENTHS, TWO, Explored, Model, explore

from vipa.core import election
from vipa.core.election import Ask, Lease, Read, State, Wait

ROOT = Path(__file__).resolve().parents[2]
Note = Callable[[str, object], None]


def walked(what: str) -> Any:
    command = [sys.executable, "-m", "tests.core.electionmodel", what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_explored_rules_are_rules_that_the_operator_accepts() -> None:
    assert election.complaint(election.Rules(*(tenths / 10 for tenths in TENTHS))) is None
    assert (10 - SLOW, FAST - 10) == (election.DRIFT * 10, election.DRIFT * 10)


@pytest.mark.parametrize("name", EXPLORATIONS)
def test_never_two_leaders_and_no_write_of_a_former_one(name: str, record_property: Note) -> None:
    found = Explored(*walked(name))
    record_property(
        "told",
        f"elector, {name}: {found.states} states by {found.steps} events, depth {found.depth}",
    )
    assert not found.broken, found.broken
    assert found.depth == EXPLORATIONS[name][1]
    assert found.states > 10_000


def test_somebody_leads_soon_after_faults_have_ended(record_property: Note) -> None:
    tried, stuck = walked("settled")
    record_property("told", f"elector: somebody leads soon from {tried} states")
    assert tried > 1000
    assert not stuck


# --- what is caught


def renewed_when_answered(state: State, lease: Lease, at: float) -> State:
    """Counts from the answer, not from the beginning of the request."""
    found = election.seen(state, lease, at)
    if found.term and found.begun != state.begun:
        return replace(found, begun=at, until=at + found.rules.valid)
    return found


def compares_clocks(state: State, lease: Lease, at: float) -> State:
    """Takes the time in the Lease for one of its own clock, which is an hour ahead."""
    found = election.seen(state, lease, at)
    return replace(found, seen_at=found.seen_at - 36_000)


def makes_at_once(state: State, now: float, floor: int | None) -> Ask | Read | Wait:
    """Does not wait where the Lease was deleted."""
    lease = state.lease
    if lease is not None and not lease.exists and not state.stale and not state.term:
        return Ask(state.me, state.highest + 1, 0, "", True, now + state.rules.attempt)
    return election.step(state, now, floor)


MUTANTS = {
    "without margin": (Model(rates=TWO, rules=TENTHS._replace(margin=0)), "two may write"),
    "renewed when answered": (Model(rates=TWO, seen=renewed_when_answered), "two may write"),
    "wall clock that is set": (Model(rates=TWO, jumps=1), "two may write"),
    "wall clocks compared": (Model(rates=TWO, seen=compares_clocks), "two may write"),
    "made at once": (Model(rates=TWO, deletions=1, step=makes_at_once), "two may write"),
    "records without guards": (
        Model(rates=TWO, guarded=False),
        "a former holder has written after a later one",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str, record_property: Note) -> None:
    model, complaint = MUTANTS[name]
    found = explore(model, 12)
    record_property("told", f"elector, mutant {name}: {', '.join(found.broken)}")
    assert found.broken[-1:] == (complaint,)
