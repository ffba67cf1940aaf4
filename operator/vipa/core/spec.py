"""What users write, as values: the same judgement on a file as the API server's on an object.

Nothing here raises, whatever JSON it is given. What is wrong becomes an Issue with the path and
what would be right; the rest of the value stays readable, so that everything after it is total.
`tests/refusals.yaml` holds these functions and the CRDs to the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from vipa.core import forms, groupspec, vipaspec
from vipa.core.notes import Notes, shown
from vipa.core.resources import Backup, Issue, Stack, Sysplex, Vipa

SYSPLEX_LABEL = "sysplex.dev/sysplex"
STACK_LABEL = "sysplex.dev/stack"


def sysplex(raw: object) -> Sysplex:
    return groupspec.sysplex(raw)[0]


def stack(raw: object) -> Stack:
    return groupspec.stack(raw)[0]


def vipa(raw: object) -> Vipa:
    return vipaspec.vipa(raw)[0]


def backup(raw: object) -> Backup:
    return groupspec.backup(raw)[0]


def pod_stack(labels: object, name: str) -> tuple[str, str, str]:
    """Sysplex and stack that a pod joins, and what is wrong with its labels; each may be empty.

    The stack is the label, else the pod's name; a name that no label could hold names no stack.
    """
    given = labels if isinstance(labels, dict) else {}
    plex = given.get(SYSPLEX_LABEL)
    if plex is None:
        return "", "", ""
    one = given.get(STACK_LABEL)
    right = 'lower case letters, digits and "-", at most 63 characters'
    if not (isinstance(plex, str) and forms.is_label(plex)):
        text = f"label {SYSPLEX_LABEL} is {shown(plex)}: write the name of a Sysplex, {right}"
        return "", "", text
    if one is None:
        if forms.is_label(name):
            return plex, name, ""
        text = f"the pod's name {shown(name)} is no stack name ({right}): set label {STACK_LABEL}"
        return plex, "", text
    if isinstance(one, str) and forms.is_label(one):
        return plex, one, ""
    return plex, "", f"label {STACK_LABEL} is {shown(one)}: write the name of a stack, {right}"


READERS: Mapping[str, Callable[[object], tuple[object, Notes]]] = {
    "Sysplex": groupspec.sysplex,
    "Stack": groupspec.stack,
    "VIPA": vipaspec.vipa,
    "VIPABackup": groupspec.backup,
}


def _kind(raw: object) -> str:
    kind = raw.get("kind") if isinstance(raw, dict) else None
    return kind if isinstance(kind, str) else ""


def unknown_fields(raw: object) -> tuple[Issue, ...]:
    """Fields that the API server would drop without a word; none for a kind that is not ours."""
    reader = READERS.get(_kind(raw))
    return reader(raw)[1].unknown if reader is not None else ()


def changed(old: object, new: object) -> tuple[Issue, ...]:
    """What an update changes that cannot be changed."""
    if _kind(new) != "VIPA":
        return ()
    return tuple(_changed(_spec_of(old), _spec_of(new)))


def _spec_of(raw: object) -> dict[str, object]:
    spec = raw.get("spec") if isinstance(raw, dict) else None
    given = {k: v for k, v in spec.items() if v is not None} if isinstance(spec, dict) else {}
    return {"type": "Dynamic", **given}


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Issue]:
    remedy = "create another VIPA and delete this one"
    if ("address" in old) != ("address" in new):
        yield Issue("spec", f"address is immutable, range too: {remedy}")
    for name in ("sysplex", "address", "range", "type"):
        if name in old and name in new and old[name] != new[name]:
            yield Issue(f"spec.{name}", f"{name} is immutable: {remedy}")
