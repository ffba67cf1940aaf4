"""I6 by trial: cut a plan off after each of its actions, plan again, arrive at the same end.

Twice for each cut: once by the same operator, whose write failed, and once by a fresh one, which
knows nothing but what is in the API.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vipa.core import actions as act
from vipa.core import outcome
from vipa.core import plan as planning
from vipa.core.inventory import Inventory, Object
from vipa.core.plan import Plan
from vipa.core.record import Record
from vipa.core.snapshot import Memory, Snapshot
from vipa.rehearsal import remembering

ROUNDS = 4


@dataclass(slots=True)
class End:
    """A world at rest, the events that were said on the way, and the records written."""

    world: Inventory
    events: set[str]
    records: list[Record]
    restless: tuple[str, ...] = ()


def described(action: act.Action) -> str:
    """An action in words, for reports."""
    verb = type(action).__name__
    return f"{verb} {action.key}" + (f" ({action.reason})" if action.reason else "")


def rest(snapshot: Snapshot, end: End) -> End:
    """Plan and carry out until nothing is left to do; more than one round is against I6."""
    memory = remembering.copied(snapshot.memory)
    for number in range(ROUNDS):
        plan = planning.make(replace(snapshot, world=end.world, memory=memory))
        if not plan.actions:
            return end
        if number:
            end.restless += tuple(described(action) for action in plan.actions)
        memory = remembering.copied(plan.after.memory)
        for action in plan.actions:
            carry_out(end, memory, action)
    return end


def carry_out(end: End, memory: Memory, action: act.Action) -> None:
    remembering.acted(memory, end.world, action)
    if isinstance(action, act.Emit):
        end.events.add(action.name)
    if isinstance(action, act.WriteRecord):
        end.records.append(action.record)
    outcome.apply(end.world, action)


def broken(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """Every cut of this plan that leads elsewhere than the plan itself, in words."""
    whole = End(snapshot.world.copy(), set(), [])
    memory = remembering.copied(plan.after.memory)
    for action in plan.actions:
        carry_out(whole, memory, action)
    for cut in range(len(plan.actions)):
        for fresh in (False, True):
            found = _cut(snapshot, plan, cut, fresh=fresh)
            who = "a fresh operator" if fresh else "the same operator"
            done = described(plan.actions[cut - 1]) if cut else "nothing"
            for text in differences(whole, found):
                yield f"cut off after {cut} ({done}), {who} ends elsewhere: {text}"
            for text in found.restless:
                yield f"cut off after {cut} ({done}), {who} finds no rest: {text}"


def _cut(snapshot: Snapshot, plan: Plan, cut: int, *, fresh: bool) -> End:
    end = End(snapshot.world.copy(), set(), [])
    memory = remembering.copied(snapshot.memory)
    memory.verdicts = dict(plan.after.memory.verdicts)
    memory.joins = dict(plan.after.memory.joins)
    for action in plan.actions[:cut]:
        carry_out(end, memory, action)
    if fresh:
        memory = Memory()
    return rest(replace(snapshot, world=end.world, memory=memory), end)


def differences(whole: End, found: End) -> Iterator[str]:
    """What is not the same in two ends. Where an object was read does not matter, what it says does."""
    yield from worlds(whole.world, found.world)
    for name in sorted(whole.events ^ found.events):
        yield f"event {name} is {'missing' if name in whole.events else 'said too much'}"
    terms = {(r.vipa_uid, r.epoch, r.holder) for r in whole.records}
    for record in found.records:
        if (record.vipa_uid, record.epoch, record.holder) not in terms:
            yield f"an owner between: {record.vipa} {record.owner} epoch {record.epoch}"


def worlds(one: Inventory, other: Inventory) -> Iterator[str]:
    a, b = ({_id(thing): _bare(thing) for thing in world.objects()} for world in (one, other))
    for name in sorted(a.keys() | b.keys()):
        if a.get(name) != b.get(name):
            yield f"{name}: {a.get(name)} against {b.get(name)}"


def _id(thing: Object) -> str:
    key = getattr(thing, "key", None) or getattr(thing, "vipa", None) or getattr(thing, "name", "")
    return f"{type(thing).__name__} {key}"


def _bare(thing: Object) -> Object:
    return replace(thing, version="", uid="") if isinstance(thing, Record) else thing
