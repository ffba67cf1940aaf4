"""What an engine saw in one step, and what it means in the words of a rehearsal.

It holds core values, whichever engine they come from, so that one set of expectations and
invariants serves all. Owner and epoch are read from the record, which is the truth; the rest from
the statuses, which readers see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from vipa.core.cluster import Key
from vipa.core.inventory import Inventory
from vipa.core.record import Move, Record, parse_fence
from vipa.core.resources import Condition


class Said(NamedTuple):
    """An event about a VIPA, on the VIPA itself or on a pod concerned."""

    event: str
    note: str

    @property
    def message_id(self) -> str:
        """EZZ8301I and its like; empty where z/OS has no message."""
        first = self.note.partition(" ")[0]
        return first if first.startswith("EZZ") else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """`history`: the records of a VIPA in this step, the one before it first; None: no record.

    `actions`: what the operator changed, `Held` and `Holding` aside. `restless`: what it would
    still change, or would have changed otherwise after an interruption (I6). `seconds`: from the
    verbs to the operator's last change, where time is real. `blind`: the operator does not see the
    world, so what it wrote is about another one. `heard` and `unheard`: by pod uid, when it
    answered the monitor last, and since when it has not. `broken`: invariants that were broken on
    the way.
    """

    world: Inventory
    now: str = ""
    history: Mapping[Key, tuple[Record | None, ...]] = field(default_factory=dict)
    events: Mapping[Key, tuple[Said, ...]] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    restless: tuple[str, ...] = ()
    seconds: float | None = None
    blind: bool = False
    heard: Mapping[str, float] = field(default_factory=dict)
    unheard: Mapping[str, float] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    def record(self, key: Key) -> Record | None:
        """The record of the VIPA that there is now, never that of a former one."""
        vipa, record = self.world.vipas.get(key), self.world.records.get(key)
        return record if vipa and record and record.vipa_uid == vipa.uid else None

    def owner(self, key: Key) -> str:
        record = self.record(key)
        return record.owner if record else ""

    def epoch(self, key: Key) -> int | None:
        record = self.record(key)
        return record.epoch if record else self.world.vipas[key].status.epoch

    def fence(self, key: Key) -> tuple[int, int] | None:
        """Of the record that is there; a VIPA without one has none at present."""
        record = self.record(key)
        return parse_fence(record.fence) if record else None

    def last_move(self, key: Key) -> Move | None:
        record = self.record(key)
        return record.last_move if record else self.world.vipas[key].status.last_move

    def successors(self, key: Key) -> list[str]:
        """Who would take the VIPA now, in order."""
        owner = self.owner(key)
        chain = self.world.vipas[key].status.chain
        return [one.stack for one in chain if one.eligible and one.stack != owner]

    def statuses(self, key: Key, stack: str) -> set[str]:
        """The statuses of a stack for a VIPA: none for a stack that is not Active."""
        lines = self.world.vipas[key].status.stacks
        return {one.status for one in lines if one.stack == stack and one.status}

    def moves(self, key: Key) -> int:
        """How often the owner of the VIPA that there is now changed, to and from none included.

        A record that was lost and written anew with the same owner is no move.
        """
        return len(turns(self.history.get(key, ())))


def turns(history: tuple[Record | None, ...]) -> list[tuple[str, str]]:
    """The changes of owner in a history, of the VIPA that its last record belongs to."""
    uids = [record.vipa_uid for record in history if record is not None]
    if not uids:
        return []
    owners: list[str] = []
    lost = False
    for record in history:
        if record is None:
            lost = True
        elif record.vipa_uid == uids[-1]:
            if lost and owners and owners[-1] != record.owner:
                owners.append("")
            owners.append(record.owner)
            lost = False
    first = history[0]
    if first is None or first.vipa_uid != uids[-1]:
        owners.insert(0, "")
    if lost:
        owners.append("")
    return [(a, b) for a, b in pairwise(owners) if a != b]


def condition(conditions: tuple[Condition, ...], name: str) -> Condition | None:
    return next((one for one in conditions if one.type == name), None)
