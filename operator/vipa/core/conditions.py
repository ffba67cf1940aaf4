"""Conditions: one sentence for people, one word for machines, and since when.

`lastTransitionTime` follows the status, as everywhere in Kubernetes; a condition that holds only
"while true" is left out otherwise, so that a list of conditions is a list of news.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vipa.core.cluster import Key
from vipa.core.inventory import Inventory
from vipa.core.resources import Condition

MESSAGE_LONGEST = 1024
TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"


def merge(
    found: Iterable[Condition | None], before: Sequence[Condition], generation: int, now: str
) -> tuple[Condition, ...]:
    """The conditions as they shall stand, with the times of those whose status did not change."""
    former = {c.type: c for c in before}
    merged = []
    for one in found:
        if one is None:
            continue
        old = former.get(one.type)
        since = old.since if old is not None and old.status == one.status and old.since else now
        merged.append(
            Condition(
                type=one.type,
                status=one.status,
                reason=one.reason,
                message=clipped(one.message),
                generation=generation,
                since=since,
            )
        )
    return tuple(merged)


def clipped(text: str) -> str:
    """A list of a thousand names is no message, and the API server refuses a very long one."""
    return text if len(text) <= MESSAGE_LONGEST else text[: MESSAGE_LONGEST - 4] + " ..."


def not_supported(fields: Sequence[str]) -> Condition | None:
    """Names what this version does not act on; accepted, never ignored in silence."""
    if not fields:
        return None
    text = "this version does not act on " + ", ".join(fields)
    return Condition(type="NotSupported", status=TRUE, reason="NotSupported", message=text)


def unknown_stack(world: Inventory, namespace: str, names: Iterable[str]) -> Condition | None:
    """A warning only: the rest of the object takes effect, and the stack may still come."""
    keys = [Key(namespace, name) for name in sorted(set(names)) if name]
    missing = [k.name for k in keys if k not in world.stacks and k not in world.pods_by_stack]
    if not missing:
        return None
    text = "no stack of this name has been seen: " + ", ".join(missing)
    return Condition(type="UnknownStack", status=TRUE, reason="UnknownStack", message=text)
