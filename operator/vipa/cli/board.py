"""What `vipa status` shows, as values: the operator's own words, and records, which are ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vipa.cli import render
from vipa.cli.source import Source
from vipa.core import plan as planning
from vipa.core.cluster import Key
from vipa.core.reasons import Kept
from vipa.core.resources import Condition, Phase, Stack, State, Sysplex, Vipa
from vipa.core.snapshot import Snapshot

# Conditions that say that something is as it should be.
GOOD = {"Accepted": "True", "Active": "True", "Ready": "True", "Protected": "True"}
WEAK = ("SameNode", "SameZone")
MANAGER = "vipa-cli"

Note = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class VipaLine:
    """`pin`: the stack that `move.to` names, `pinned`: for how long, where that is known."""

    vipa: str
    address: str
    state: str
    owner: str
    node: str
    pod: str
    epoch: int | None
    protected: str
    next: tuple[str, ...]
    pin: str
    pinned: str
    origin: str
    moveable: str
    since: str

    def cells(self, *, wide: bool) -> tuple[object, ...]:
        pin = f"{self.pin} ({self.pinned})" if self.pinned else self.pin
        narrow = (self.vipa, self.address, self.state, self.owner, self.node, self.epoch)
        narrow += (self.protected, self.next, pin)  # type: ignore[assignment]
        return (*narrow, self.origin, self.moveable, self.pod, self.since) if wide else narrow


@dataclass(frozen=True, slots=True, kw_only=True)
class StackLine:
    """`vipas`: the addresses that it owns."""

    stack: str
    phase: str
    reason: str
    message: str
    node: str
    zone: str
    pod: str
    join: int
    since: str
    vipas: tuple[str, ...]

    def cells(self, *, wide: bool) -> tuple[object, ...]:
        narrow = (self.stack, self.phase, self.reason, self.node, self.since, self.vipas)
        return (*narrow, self.zone, self.pod, self.join, self.message) if wide else narrow


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One Sysplex. `notes`: conditions that need attention, of all its objects."""

    sysplex: Key
    title: str
    vipas: tuple[VipaLine, ...]
    stacks: tuple[StackLine, ...]
    notes: tuple[Note, ...]


def boards(source: Source, snapshot: Snapshot) -> list[Board]:
    """A board for each Sysplex that exists, and for each that is named but does not."""
    world = snapshot.world
    named = {Key(key.namespace, vipa.spec.sysplex) for key, vipa in world.vipas.items()}
    named |= {Key(key.namespace, stack.sysplex) for key, stack in world.stacks.items()}
    keys = sorted(key for key in named | world.sysplexes.keys() if source.shows(key))
    pins = _pins(source)
    return [_board(snapshot, key, pins) for key in keys]


def _board(snapshot: Snapshot, key: Key, pins: Mapping[Key, str]) -> Board:
    world = snapshot.world
    plex = world.sysplexes.get(key)
    vipas = [world.vipas[one] for one in sorted(world.vipas_by_sysplex.get(key, ()))]
    stacks = [world.stacks[one] for one in sorted(world.stacks_by_sysplex.get(key, ()))]
    active = sum(1 for one in stacks if one.status.phase == "Active")
    counts = f"{active} of {len(stacks)} stacks active, {len(vipas)} VIPAs"
    if plex is None:
        counts += " (there is no such Sysplex: create it)"
    return Board(
        sysplex=key,
        title=f"Sysplex {key.name}, namespace {key.namespace}: {counts}",
        vipas=tuple(_vipa(snapshot, one, pins.get(one.key, "")) for one in vipas),
        stacks=tuple(_stack(snapshot, one) for one in stacks),
        notes=tuple(_notes(snapshot, plex, vipas, stacks)),
    )


def _vipa(snapshot: Snapshot, vipa: Vipa, pinned: str) -> VipaLine:
    """The record is the truth and the status a copy that may be late."""
    status, record = vipa.status, planning.current(snapshot.world, vipa)
    owner = status.owner
    name = record.owner if record is not None else owner.stack if owner else ""
    ahead = record is not None
    return VipaLine(
        vipa=vipa.key.name,
        address=status.address or vipa.spec.address,
        state=status.state or State.PENDING,
        owner=name,
        node=record.node if ahead and record else owner.node if owner else "",
        pod=record.pod if ahead and record else owner.pod if owner else "",
        epoch=record.epoch if record is not None else status.epoch,
        protected=_protected(status.conditions),
        next=tuple(one.stack for one in status.chain if one.eligible and one.stack != name),
        pin=vipa.spec.move_to,
        pinned=render.age(pinned, snapshot.now),
        origin=status.origin,
        moveable="" if vipa.spec.static else vipa.spec.moveable,
        since=render.age(status.active_since, snapshot.now),
    )


def _protected(conditions: Iterable[Condition]) -> str:
    found = next((one for one in conditions if one.type == "Protected"), None)
    if found is None:
        return ""
    return f"{found.status} ({found.reason})" if found.reason in WEAK else found.status


def _stack(snapshot: Snapshot, stack: Stack) -> StackLine:
    status = stack.status
    held = sorted(snapshot.world.records_by_stack.get(stack.key, ()))
    return StackLine(
        stack=stack.key.name,
        phase=status.phase or "",
        reason="" if status.phase == "Active" else status.reason,
        message=status.message,
        node=status.node,
        zone=status.zone,
        pod=status.pod,
        join=status.join_number,
        since=render.age(status.since, snapshot.now),
        vipas=tuple(key.name for key in held),
    )


def _notes(
    snapshot: Snapshot, plex: Sysplex | None, vipas: list[Vipa], stacks: list[Stack]
) -> Iterator[Note]:
    now = snapshot.now
    if plex is not None:
        yield from _news(f"sysplex/{plex.key.name}", plex.status.conditions, now)
    for vipa in vipas:
        # A Static VIPA has no backups by its nature.
        alone = "Protected" if vipa.spec.static else ""
        found = [one for one in vipa.status.conditions if one.type != alone]
        yield from _news(f"vipa/{vipa.key.name}", found, now)
    for stack in stacks:
        yield from _kept_out(stack, now)
        yield from _news(f"stack/{stack.key.name}", stack.status.conditions, now)
    for key, backup in sorted(snapshot.world.backups.items()):
        if plex is not None and Key(key.namespace, backup.sysplex) == plex.key:
            yield from _news(f"vipabackup/{key.name}", backup.conditions, now)


def _kept_out(stack: Stack, now: str) -> Iterator[Note]:
    """A stack that only time or an operator brings back."""
    status = stack.status
    if status.phase is Phase.QUARANTINED or status.expelled_since:
        since = status.expelled_since or status.since
        name, word = f"stack/{stack.key.name}", f"phase={status.phase}"
        yield name, word, status.reason, render.age(since, now), status.message


def _news(name: str, conditions: Iterable[Condition], now: str) -> Iterator[Note]:
    """What is not as it should be. A VIPA that is refused says so once, not three times."""
    for one in conditions:
        kept = one.type == "Active" and one.reason in set(Kept)
        if one.status != GOOD.get(one.type) or kept:
            word = f"{one.type}={one.status}"
            yield name, word, one.reason, render.age(one.since, now), one.message
            if one.type == "Accepted":
                return


def _pins(source: Source) -> dict[Key, str]:
    """Since when `vipa move` has its pin on each VIPA: only managedFields know."""
    found = {}
    for raw in source.raws:
        if raw["kind"] == "VIPA":
            meta = raw["metadata"]
            fields = meta.get("managedFields")
            for one in fields if isinstance(fields, list) else ():
                if isinstance(one, dict) and one.get("manager") == MANAGER:
                    key = Key(str(meta.get("namespace")), str(meta.get("name")))
                    found[key] = str(one.get("time"))
    return found


def as_json(one: Board) -> dict[str, Any]:
    names = ("object", "condition", "reason", "since", "message")
    return {
        "sysplex": str(one.sysplex),
        "vipas": [asdict(line) for line in one.vipas],
        "stacks": [asdict(line) for line in one.stacks],
        "attention": [dict(zip(names, note, strict=True)) for note in one.notes],
    }
