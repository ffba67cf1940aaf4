"""The term of the leader in the records: written once, with nothing else, never above its own."""

from __future__ import annotations

from dataclasses import replace

from tests.builders import key, settled, vipa

from vipa.core import actions as act
from vipa.core import memory as bookkeeping
from vipa.core import plan
from vipa.core.snapshot import Settings, Snapshot


def led(term: int, written: int = 3) -> Snapshot:
    """All is well under a leader of this term; the record is of a former one."""
    found = settled(vipa())
    world = found.world.copy()
    world.put(replace(world.records[key("web")], term=written))
    return replace(found, world=world, settings=Settings(term=term))


def test_new_leader_writes_its_term_and_nothing_else() -> None:
    before = led(4)
    (action,) = plan.make(before).actions
    assert isinstance(action, act.WriteRecord)
    former = before.world.records[key("web")]
    assert action.reason == act.TERM
    assert action.record == replace(former, term=4)


def test_decision_of_a_new_leader_carries_its_term_in_the_same_write() -> None:
    before = led(4)
    world = before.world.copy()
    world.put(replace(world.pods[key("sysa")], ready=False))
    writes = [
        one
        for one in plan.make(replace(before, world=world)).actions
        if isinstance(one, act.WriteRecord)
    ]
    assert [(one.record.owner, one.record.term, one.reason) for one in writes] == [
        ("sysb", 4, "OwnerFailed")
    ]


def test_record_of_the_same_term_or_without_a_leader_is_left_alone() -> None:
    assert plan.make(led(3)).actions == ()
    assert plan.make(led(0)).actions == (), "a file, or a command that only looks"


def test_term_of_a_later_leader_is_not_taken_for_ones_own() -> None:
    (action,) = plan.make(led(2)).actions
    assert isinstance(action, act.WriteRecord)
    assert action.record.term == 2, "the API server refuses it, and the elector begins a new term"


def test_new_leader_forgets_its_opinions_and_no_fact() -> None:
    memory = settled(vipa()).memory
    memory.verdicts[key("sysa")] = None  # type: ignore[assignment]
    memory.joins[key("plex1")] = 9
    memory.prefixes[key("web")] = 7
    memory.renewed["n1"] = 1.0
    bookkeeping.adopt(memory)
    assert (memory.verdicts, memory.joins, memory.tallies) == ({}, {}, {})
    assert (memory.prefixes[key("web")], memory.renewed["n1"]) == (7, 1.0)
