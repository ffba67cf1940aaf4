"""The expectations of a step: from YAML to values.

Each key has a reader that knows what may be wanted there, so that a word that can never be seen (a
slip in `OwnerFailed`) is a mistake of the file and not a failure of the operator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vipa.core.cluster import Key
from vipa.core.reasons import Candidate, Cause
from vipa.core.resources import Phase, State
from vipa.rehearsal.reading import STRING, Reader, hint, line_of
from vipa.rehearsal.steps import NAMESPACE, Expect, Want

ABSENT = "absent"
NONE = "none"
STATUSES = ("ACTIVE", "BACKUP", "DEACTIVATED", ABSENT)
STATUSES_LATER = ("MOVING", "QUIESCING", "TARGET")
ORIGINS = ("VIPADEFINE", "VIPABACKUP", "STATIC", "VIPARANGE_BIND", "VIPARANGE_IOCTL")
EVENTS = (
    *("TakenOver", "TakenBack", "Moved", "Activated", "Deactivated", "Inactive", "GivenUp"),
    *("Conflict", "Held", "Quarantined", "EZZ8301I", "EZZ8302I", "EZZ8303I"),
)
EVENTS_LATER = ("Quiescing", "TargetAdded", "TargetRemoved")
CONDITIONS = (
    *("Accepted", "Active", "Protected", "MoveRefused", "ServiceConflict", "UnknownStack"),
    *("NotSupported", "Overlapping", "StaticNotRanked", "Ready", "Invalid", "Holding"),
)
CONDITIONS_LATER = ("IdleUnknown",)
AT_LEAST = re.compile(r">=\s*(\d+)")


def later(what: str) -> str:
    return f"{what} is not supported by this version"


def _word(known: Iterable[str], unsupported: Iterable[str] = ()) -> Parse:
    words, coming = tuple(known), tuple(unsupported)

    def parse(reader: Reader, node: Node, what: str) -> Any:
        word = reader.name(node, what)
        if word in coming:
            reader.say(node, later(f"{what}: `{word}`"))
        elif word and word not in words:
            reader.say(node, f"{what}: unknown word `{word}`; {hint(word, words)}")
        else:
            return word or None
        return None

    return parse


def _many(parse: Parse) -> Parse:
    """One word, or several as a list."""

    def several(reader: Reader, node: Node, what: str) -> Any:
        items = node.value if isinstance(node, SequenceNode) else [node]
        return tuple(word for item in items if (word := parse(reader, item, what)) is not None)

    return several


def _epoch(reader: Reader, node: Node, what: str) -> Any:
    """A number, or `">=N"` as the pair of the two."""
    if isinstance(node, ScalarNode) and node.tag == STRING:
        match = AT_LEAST.fullmatch(node.value)
        if match is None:
            reader.say(node, f'{what} is to be a number or ">=N", not `{node.value}`')
            return None
        return (">=", int(match[1]))
    return reader.integer(node, what)


def _name(reader: Reader, node: Node, what: str) -> Any:
    return reader.label(node, what) or None


def _names(reader: Reader, node: Node, what: str) -> Any:
    return tuple(n for item in reader.items(node, what) if (n := reader.label(item, what)))


def _conditions(reader: Reader, node: Node, what: str) -> Any:
    """By type: a status, a reason, or `absent`. What is no known type can be neither."""
    found: dict[str, str] = {}
    for name, field in reader.mapping(node, what).items():
        if name in CONDITIONS_LATER:
            reader.say(field.key, later(f"{what}: condition `{name}`"))
        elif name not in CONDITIONS:
            reader.say(field.key, f"{what}: unknown condition `{name}`; {hint(name, CONDITIONS)}")
        elif value := reader.name(field.value, f"{what}: {name}"):
            found[name] = value
    return found


Parse = Callable[[Reader, Node, str], Any]
VIPA: Mapping[str, Parse] = {
    "owner": _name,
    "epoch": _epoch,
    "state": _word(State),
    "origin": _word(ORIGINS),
    "reason": _word(Cause),
    "chain": _names,
    "moves": lambda reader, node, what: reader.integer(node, what),
    "pod": _name,
    "fence": _word(["rises"]),
    "events": _many(_word(EVENTS, EVENTS_LATER)),
    "conditions": _conditions,
    "exists": lambda reader, node, what: reader.flag(node, what),
}
STACK: Mapping[str, Parse] = {
    "phase": _word(Phase),
    "reason": _word([*Candidate, "Autonomics"]),
    "conditions": _conditions,
}
SYSPLEX: Mapping[str, Parse] = {"conditions": _conditions}
STATUS = _many(_word(STATUSES, STATUSES_LATER))
GROUPS = {"stack": STACK, "sysplex": SYSPLEX}
FIRST_STEP = "the first step has no `{}`: it sees the state after everything given has settled"


def read(reader: Reader, node: Node, *, first: bool) -> Expect:
    """What a step expects. `first`: without a verb before it nothing can be counted."""
    vipas: dict[Key, tuple[Want, ...]] = {}
    groups: dict[str, dict[Key, tuple[Want, ...]]] = {name: {} for name in GROUPS}
    actions = refused = within = None
    fields = reader.mapping(node, "expect")
    if not fields:
        reader.say(node, "expect is empty: say what shall hold, or leave it out")
    for name, (key, value) in fields.items():
        group, slash, _ = name.partition("/")
        if name == "actions":
            actions = reader.integer(value, "actions")
            if first:
                reader.say(key, FIRST_STEP.format("actions"))
            if actions:
                reader.say(value, "actions can be 0 only: how many there are is no promise")
        elif name == "refused":
            refused = reader.name(value, "refused")
        elif name == "within":
            within = reader.duration(value, "within")
        elif slash and group == "distribution":
            reader.say(key, later("expectation `distribution/…`"))
        elif slash and group in GROUPS:
            wants = _wants(reader, value, name, GROUPS[group])
            groups[group][_key(name.removeprefix(group + "/"))] = wants
        else:
            vipas[_key(name)] = _vipa(reader, value, name, first)
    return Expect(
        vipas=vipas,
        stacks=groups["stack"],
        sysplexes=groups["sysplex"],
        actions=actions,
        refused=refused,
        within_s=within,
        line=line_of(node),
    )


def _key(name: str) -> Key:
    namespace, slash, rest = name.partition("/")
    return Key(namespace, rest) if slash else Key(NAMESPACE, name)


def _vipa(reader: Reader, node: Node, name: str, first: bool) -> tuple[Want, ...]:
    if not isinstance(node, MappingNode):
        reader.say(node, f"{name}: a VIPA is to be a mapping, as {{owner: sysa, epoch: 1}}")
        return ()
    wants = _wants(reader, node, name, VIPA)
    if first:
        for want in wants:
            if want.key == "moves":
                reader.say(want.line, FIRST_STEP.format("moves"))
    return wants


def _wants(reader: Reader, node: Node, name: str, keys: Mapping[str, Parse]) -> tuple[Want, ...]:
    """Known keys; in a VIPA any other one is a stack with a status."""
    found = []
    for word, (key, value) in reader.mapping(node, name).items():
        parse = keys.get(word)
        if parse is None and keys is VIPA and _looks_like_status(value):
            parse = STATUS
        if parse is None:
            text = f"unknown key `{word}` in {name}; {hint(word, keys)}"
            if keys is VIPA:
                text += f"; a stack has a status: {', '.join(STATUSES)}"
            reader.say(key, text)
            continue
        wanted = parse(reader, value, f"{name}: {word}")
        if wanted is not None:
            found.append(Want(key=word, value=wanted, line=line_of(key)))
    return tuple(found)


def _looks_like_status(node: Node) -> bool:
    items = node.value if isinstance(node, SequenceNode) else [node]
    words = STATUSES + STATUSES_LATER
    return bool(items) and all(isinstance(i, ScalarNode) and i.value in words for i in items)
