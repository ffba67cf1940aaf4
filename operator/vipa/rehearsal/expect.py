"""Do the expectations of a step hold? One answer for all engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from vipa.core.cluster import Key
from vipa.core.resources import Condition
from vipa.rehearsal.observation import Observation, condition
from vipa.rehearsal.steps import Expect, Want, shown
from vipa.rehearsal.wants import ABSENT, NONE

Fences = Mapping[Key, tuple[int, int]]


class Failure(NamedTuple):
    """An expectation that does not hold. `vipa` is set where candidates can be explained."""

    line: int
    what: str
    expected: str
    seen: str
    vipa: Key | None = None

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, seen {self.seen}"


def check(seen: Observation, expect: Expect, fences: Fences) -> list[Failure]:
    """Everything that does not hold. `fences`: the last one of each name before this step."""
    found = list(_refused(seen, expect))
    for key, wants in expect.vipas.items():
        found += _vipa(seen, key, wants, fences)
    for key, wants in expect.stacks.items():
        found += _stack(seen, key, wants)
    for key, wants in expect.sysplexes.items():
        found += _sysplex(seen, key, wants)
    if expect.actions is not None and len(seen.actions) != expect.actions:
        text = f"{len(seen.actions)}: {'; '.join(seen.actions)}"
        found.append(Failure(expect.line, "actions", str(expect.actions), text))
    bound, took = expect.within_s, seen.seconds
    if bound is not None and took is not None and took > bound:
        found.append(Failure(expect.line, "within", f"{bound:g} s", f"{took:.2f} s"))
    return found


def _refused(seen: Observation, expect: Expect) -> Iterator[Failure]:
    """What is refused unasked fails a step: its verbs did not do what the file says."""
    texts = "; ".join(seen.refusals)
    if expect.refused is None:
        if seen.refusals:
            yield Failure(expect.line, "refused", "no refusal", texts)
    elif not any(expect.refused in one for one in seen.refusals):
        yield Failure(expect.line, "refused", f"`{expect.refused}`", texts or "no refusal")


def _vipa(
    seen: Observation, key: Key, wants: tuple[Want, ...], fences: Fences
) -> Iterator[Failure]:
    here = key in seen.world.vipas
    for want in wants:
        if want.key == "exists":
            if want.value is not here:
                yield _failure(want, key, _yes(want.value), _yes(here))
        elif not here:
            yield _failure(want, key, _text(want.value), "no such VIPA")
        elif want.key == "fence":
            yield from _fence(seen, key, want, fences)
        elif want.key == "conditions":
            have = seen.world.vipas[key].status.conditions
            yield from _conditions(want, f"{shown(key)}: ", have, key)
        elif (found := _value(seen, key, want)) is not None:
            yield _failure(want, key, _text(want.value), found)


def _failure(want: Want, key: Key, expected: str, found: str) -> Failure:
    return Failure(want.line, f"{shown(key)}: {want.key}", expected, found, key)


def _value(seen: Observation, key: Key, want: Want) -> str | None:
    """What is there instead of the wanted value, in words; None if it is there."""
    compare = VIPA.get(want.key)
    if compare is not None:
        return compare(seen, key, want.value)
    have = seen.statuses(key, want.key)
    wanted = set(want.value) - {ABSENT}
    return None if have == wanted else ", ".join(sorted(have)) or ABSENT


def _owner(seen: Observation, key: Key, wanted: str) -> str | None:
    return _same(seen.owner(key) or NONE, wanted)


def _epoch(seen: Observation, key: Key, wanted: Any) -> str | None:
    have = seen.epoch(key)
    if isinstance(wanted, tuple):
        return None if have is not None and have >= wanted[1] else str(have)
    return _same(have, wanted)


def _events(seen: Observation, key: Key, wanted: tuple[str, ...]) -> str | None:
    said = seen.events.get(key, ())
    have = {one.event for one in said} | {one.message_id for one in said}
    return None if set(wanted) <= have else ", ".join(sorted(have - {""})) or "none"


def _reason(seen: Observation, key: Key, wanted: str) -> str | None:
    move = seen.last_move(key)
    return _same(move.reason if move else NONE, wanted)


def _pod(seen: Observation, key: Key, wanted: str) -> str | None:
    record = seen.record(key)
    return _same((record.pod if record else "") or NONE, wanted)


def _same(have: Any, wanted: Any) -> str | None:
    return None if have == wanted else _text(have)


Compare = Callable[[Observation, Key, Any], "str | None"]
VIPA: Mapping[str, Compare] = {
    "owner": _owner,
    "epoch": _epoch,
    "reason": _reason,
    "pod": _pod,
    "events": _events,
    "state": lambda seen, key, w: _same(str(seen.world.vipas[key].status.state), w),
    "origin": lambda seen, key, w: _same(seen.world.vipas[key].status.origin or NONE, w),
    "chain": lambda seen, key, w: _same(tuple(seen.successors(key)), w),
    "moves": lambda seen, key, w: _same(seen.moves(key), w),
}


def _fence(seen: Observation, key: Key, want: Want, fences: Fences) -> Iterator[Failure]:
    before, now = fences.get(key), seen.fence(key)
    if before is None:
        yield _failure(want, key, "rises", "no earlier record of this name in the rehearsal")
    elif now is None or now <= before:
        have = f"{now[0]}.{now[1]}" if now else "no record"
        yield _failure(want, key, f"above {before[0]}.{before[1]}", have)


def _conditions(
    want: Want, prefix: str, have: tuple[Condition, ...], vipa: Key | None = None
) -> Iterator[Failure]:
    for name, wanted in want.value.items():
        one = condition(have, name)
        words = (one.status, one.reason) if one is not None else (ABSENT,)
        if wanted not in words:
            text = f"{one.status} ({one.reason}: {one.message})" if one is not None else ABSENT
            yield Failure(want.line, f"{prefix}condition {name}", wanted, text, vipa)


def _stack(seen: Observation, key: Key, wants: tuple[Want, ...]) -> Iterator[Failure]:
    stack, name = seen.world.stacks.get(key), f"stack {shown(key)}: "
    for want in wants:
        if stack is None:
            yield Failure(want.line, name + want.key, _text(want.value), "no such Stack")
        elif want.key == "conditions":
            yield from _conditions(want, name, stack.status.conditions)
        else:
            have = stack.status.phase if want.key == "phase" else stack.status.reason
            if have != want.value:
                yield Failure(want.line, name + want.key, want.value, str(have or NONE))


def _sysplex(seen: Observation, key: Key, wants: tuple[Want, ...]) -> Iterator[Failure]:
    plex, name = seen.world.sysplexes.get(key), f"sysplex {shown(key)}: "
    for want in wants:
        if plex is None:
            yield Failure(want.line, name + want.key, _text(want.value), "no such Sysplex")
        else:
            yield from _conditions(want, name, plex.status.conditions)


def _yes(value: bool) -> str:
    return "that it exists" if value else "that it does not exist"


def _text(value: Any) -> str:
    if isinstance(value, tuple) and value and value[0] == ">=":
        return f">={value[1]}"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {v}" for k, v in value.items()) + "}"
    return str(value)
