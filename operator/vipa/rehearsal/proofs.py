"""I6 by trial: cut a plan off after each of its actions, plan again, arrive at the same end.

Twice for each cut: once by the same operator, whose write failed, and once by a fresh one, which
knows nothing but what is in the API and, by and by, what it hears itself: pods that answer at once,
silence only after the full threshold. What is held meanwhile is a matter of what each has heard.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, fields, is_dataclass, replace

from vipa.core import actions as act
from vipa.core import monitor, outcome, probing
from vipa.core import plan as planning
from vipa.core.cluster import Key, Node
from vipa.core.inventory import Inventory, Object
from vipa.core.plan import Plan
from vipa.core.probing import Answer, Tally
from vipa.core.record import Holder, Record
from vipa.core.resources import Condition, Phase, Stack, Sysplex, Vipa
from vipa.core.snapshot import Memory, Snapshot
from vipa.rehearsal import aside, remembering

ROUNDS = 4


def described(action: act.Action) -> str:
    """An action in words, for reports."""
    verb = type(action).__name__
    return f"{verb} {action.key}" + (f" ({action.reason})" if action.reason else "")


@dataclass(slots=True, kw_only=True)
class End:
    """Where a plan leads: the objects, the events said and the terms of office on the way."""

    things: dict[str, Object]
    events: set[str]
    terms: set[Term]


Term = tuple[str, int, Holder | None]


def _term(record: Record) -> Term:
    return record.vipa_uid, record.epoch, record.holder


def broken(
    snapshot: Snapshot, plan: Plan, *, said: Set[str] = frozenset(), both: bool = True
) -> Iterator[str]:
    """Every cut of this plan that leads elsewhere than the plan itself, in words.

    `said`: events that are there already; to say one again changes nothing.
    `both` False: each cut with one of the two operators in turn, for walks of thousands of plans.
    """
    so_far = _begin(snapshot, plan, said)
    whole = _end(so_far, plan)
    unknowable = _lost_stacks(snapshot) or _within_a_second(snapshot, plan.after)
    for cut in range(len(plan.actions)):
        done = described(plan.actions[cut - 1]) if cut else "nothing"
        for fresh in (False, True):
            if not both and fresh is not (cut % 2 == len(plan.actions) % 2):
                continue
            if fresh and (unknowable or _untold(snapshot, so_far.world)):
                continue
            plans = list(_again(snapshot, so_far, fresh=fresh))
            found = _end(so_far, *plans)
            late = fresh or len(plans) > 1
            for text in (
                _differences(_timeless(whole), _timeless(found))
                if late
                else (_differences(whole, found))
            ):
                who = "a fresh operator" if fresh else "the same operator"
                yield f"cut off after {cut} ({done}), {who} ends elsewhere: {text}"
        so_far.take(plan.actions[cut])


def _again(snapshot: Snapshot, so_far: _SoFar, *, fresh: bool) -> Iterator[Plan]:
    """What is planned after a cut: by a fresh operator once with what answers at once, and once
    more when it has found the others silent by itself."""
    known = snapshot.memory
    memory = remembering.copied(so_far.memory)
    if fresh:
        answered = {uid: tally for uid, tally in known.tallies.items() if not tally.silent}
        memory = Memory(tallies=answered, renewed=dict(known.renewed))
    yield (plan := planning.make(replace(snapshot, world=so_far.world, memory=memory)))
    if len(memory.tallies) < len(known.tallies):
        memory = remembering.copied(plan.after.memory)
        memory.tallies |= _found_silent(plan.after, known)
        yield planning.make(replace(plan.after, memory=memory))


def _timeless(end: End) -> End:
    """Without the times of conditions, the causes of moves and words of any kind: of two causes in
    one snapshot the one that is known at once comes first."""
    return replace(end, things={name: _undated(thing) for name, thing in end.things.items()})


def _undated(thing: Object) -> Object:
    match thing:
        case Record() if thing.last_move is not None:
            return replace(thing, last_move=thing.last_move._replace(reason=""))
        case Vipa():
            move = thing.status.last_move
            move = move._replace(reason="") if move is not None else None
            found = _dateless(thing.status.conditions)
            return replace(thing, status=replace(thing.status, conditions=found, last_move=move))
        case Stack():
            found = _dateless(thing.status.conditions)
            return replace(thing, status=replace(thing.status, conditions=found, message=""))
        case Sysplex():
            found = _dateless(thing.status.conditions)
            return replace(thing, status=replace(thing.status, conditions=found))
    return thing


def _dateless(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return tuple(replace(one, since="", message="") for one in conditions)


def _found_silent(now: Snapshot, known: Memory) -> Iterator[tuple[str, Tally]]:
    """The pods that another operator knows to be silent, as this one finds them to be."""
    for uid, tally in known.tallies.items():
        pod = now.world.pod_of(uid)
        asking = monitor.of(now, pod) if pod is not None else None
        if pod is None or asking is None or not tally.silent:
            continue
        found = monitor.tally(now, pod, asking)
        ended = tally.lapse.began if tally.lapse is not None else now.clock - asking.window
        first = ended if tally.missed is None else tally.missed
        at = now.clock if tally.turned is None else tally.turned
        misses = asking.failure_threshold if tally.confirmed else tally.misses
        starts = [*[first] * (misses - len(tally.latest)), *tally.latest]
        if tally.misses > len(tally.latest):
            starts = [first, *starts]
        for started in starts:
            found = probing.heard(found, asking, Answer(started, "silent"), at)
        for _ in range(tally.answers):
            found = probing.heard(found, asking, Answer(tally.answered or 0.0), now.clock)
        yield uid, found._replace(errors=tally.errors)


def _lost_stacks(snapshot: Snapshot) -> bool:
    """Whether somebody deleted a Stack whose verdict, with its join number, is now in this memory
    alone: a fresh operator judges it as one that it never saw."""
    stacks = snapshot.world.stacks
    return any(
        key not in stacks or stacks[key].status.phase is None for key in snapshot.memory.verdicts
    )


def _within_a_second(*moments: Snapshot) -> bool:
    """Whether some stack waits to join, or did until now: the API tells since when in whole seconds
    only, so that a fresh operator may let it in up to a second earlier or later."""
    verdicts = (one for seen in moments for one in seen.memory.verdicts.values())
    return any(one.phase is Phase.JOINING for one in verdicts)


def _untold(snapshot: Snapshot, world: Inventory) -> bool:
    """Whether some pod is known to be silent and the API does not say so, or not of this one of
    several: a fresh operator takes it for well until it has found out by itself, or believes its
    first answer, and a verdict in between is a right one."""
    fresh = replace(snapshot, world=world, memory=Memory())
    for uid, tally in snapshot.memory.tallies.items():
        pod = world.pod_of(uid)
        asking = monitor.of(fresh, pod) if pod is not None else None
        if pod is None or asking is None or not tally.silent:
            continue
        told = monitor.tally(fresh, pod, asking)
        if not told.silent or told.needs < tally.needs:
            return True
    return False


@dataclass(slots=True, kw_only=True)
class _SoFar:
    """What has happened when a plan is cut off."""

    world: Inventory
    memory: Memory
    events: set[str]
    terms: set[Term]

    def take(self, action: act.Action) -> None:
        remembering.acted(self.memory, self.world, action)
        if isinstance(action, act.Emit) and action.event != aside.EVENT:
            self.events.add(action.name)
        if isinstance(action, act.WriteRecord):
            self.terms.add(_term(action.record))
        outcome.apply(self.world, action)


def _begin(snapshot: Snapshot, plan: Plan, said: Set[str]) -> _SoFar:
    memory, before = remembering.copied(plan.after.memory), remembering.copied(snapshot.memory)
    memory.records, memory.prefixes = before.records, before.prefixes
    memory.emitted = before.emitted
    return _SoFar(world=snapshot.world.copy(), memory=memory, events=set(said), terms=set())


def _end(so_far: _SoFar, *plans: Plan) -> End:
    """Where these plans lead, one after the other."""
    actions = [action for plan in plans for action in plan.actions]
    said = {a.name for a in actions if isinstance(a, act.Emit) and a.event != aside.EVENT}
    written = {_term(a.record) for a in actions if isinstance(a, act.WriteRecord)}
    return End(
        things=_bare(plans[-1].after.world),
        events=so_far.events | said,
        terms=so_far.terms | written,
    )


def _differences(whole: End, found: End) -> Iterator[str]:
    yield from _unlike(whole.things, found.things)
    for name in sorted(whole.events ^ found.events):
        yield f"event {name} is {'missing' if name in whole.events else 'said too much'}"
    for uid, epoch, holder in sorted(found.terms - whole.terms, key=str):
        yield f"an owner between: {holder}, epoch {epoch}, VIPA {uid}"


def worlds(one: Inventory, other: Inventory) -> Iterator[str]:
    """Where two worlds differ, field by field.

    Of join numbers only the order counts: those that a crash left unsaid are lost, never given
    twice.
    """
    yield from _unlike(_bare(one), _bare(other))


def _unlike(a: dict[str, Object], b: dict[str, Object]) -> Iterator[str]:
    for name in sorted(a.keys() | b.keys()):
        if a.get(name) != b.get(name):
            yield f"{name} {_where(a.get(name), b.get(name))}"


def _bare(world: Inventory) -> dict[str, Object]:
    place = _places(world)
    found: dict[str, Object] = {}
    for thing in world.objects():
        match thing:
            case Record():
                found[f"Record {thing.vipa}"] = replace(thing, version="", uid="")
            case Node():
                found[f"Node {thing.name}"] = thing
            case Stack():
                status = replace(thing.status, join_number=place[thing.key])
                found[f"Stack {thing.key}"] = replace(thing, status=status)
            case Sysplex():
                counted = replace(aside.bare(thing.status), joins=0)
                found[f"Sysplex {thing.key}"] = replace(thing, status=counted)
            case _:
                found[f"{type(thing).__name__} {thing.key}"] = thing
    return found


def _places(world: Inventory) -> dict[Key, int]:
    """The place of each Active stack in the order of joining its Sysplex; 0 for the others."""
    groups: dict[Key, set[int]] = {}
    for stack in world.stacks.values():
        group = groups.setdefault(Key(stack.key.namespace, stack.sysplex), {0})
        group.add(_joined(stack))
    order = {group: sorted(numbers) for group, numbers in groups.items()}
    return {
        key: order[Key(key.namespace, stack.sysplex)].index(_joined(stack))
        for key, stack in world.stacks.items()
    }


def _joined(stack: Stack) -> int:
    return stack.status.join_number if stack.status.phase is Phase.ACTIVE else 0


def _where(one: object, other: object, path: str = "") -> str:
    """The fields in which two values differ, with both sides."""
    if type(one) is type(other) and is_dataclass(one):
        names = [f.name for f in fields(one) if getattr(one, f.name) != getattr(other, f.name)]
        parts = [(n, getattr(one, n), getattr(other, n)) for n in names]
        return ", ".join(_where(a, b, f"{path}.{n}".lstrip(".")) for n, a, b in parts)
    return f"{path} {one} against {other}".strip()
