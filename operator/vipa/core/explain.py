"""Why every stack is, or is not, the owner of a VIPA: what `vipa explain` and reports say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from vipa.core import acceptance
from vipa.core import plan as planning
from vipa.core.cluster import Key
from vipa.core.inventory import NOTHING
from vipa.core.ownership import Decision
from vipa.core.publish import is_deactivated, origin, stack_status
from vipa.core.reasons import Acceptance, Candidate
from vipa.core.record import Record
from vipa.core.resources import Vipa
from vipa.core.snapshot import Snapshot


class Row(NamedTuple):
    """One stack. `rank` None: neither primary nor a ranking names it."""

    stack: str
    rank: int | None
    status: str
    origin: str
    eligible: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`summary` is one sentence about the VIPA; `rows` has every stack of its group."""

    vipa: Key
    accepted: bool
    summary: str
    owner: str
    epoch: int | None
    rows: tuple[Row, ...]


def explain(snapshot: Snapshot, key: Key) -> Explanation | None:
    """The explanation for one VIPA as the snapshot stands; None if there is no such VIPA."""
    vipa = snapshot.world.vipas.get(key)
    if vipa is None:
        return None
    answer = acceptance.answer(snapshot, vipa)
    record = planning.current(snapshot.world, vipa)
    decided = planning.decision(snapshot, vipa)
    owner = record.owner if record else ""
    told = _told_otherwise(snapshot, vipa)
    summary = _summary(owner, decided) if answer.accepted else f"{answer.reason}: {answer.message}"
    summary = told or summary
    ranked = [
        Row(
            r.stack,
            r.entry.rank,
            stack_status(vipa, owner, r),
            origin(vipa, r.stack),
            r.eligible,
            str(r.verdict.reason),
            r.verdict.message,
        )
        for r in decided.chain
    ]
    return Explanation(
        vipa=key,
        accepted=answer.accepted and not told,
        summary=summary,
        owner=owner,
        epoch=record.epoch if record else vipa.status.epoch,
        rows=tuple(ranked + _unranked(snapshot, vipa, record, decided)),
    )


def _told_otherwise(snapshot: Snapshot, vipa: Vipa) -> str:
    """What the operator refused because of its own options, which a reader does not know."""
    if snapshot.settings.allowed is not None:
        return ""
    refused = Acceptance.ADDRESS_NOT_ALLOWED
    found = [c for c in vipa.status.conditions if c.type == "Accepted" and c.reason == refused]
    return f"{refused}: {found[0].message}" if found else ""


def _summary(owner: str, decided: Decision) -> str:
    if not decided.stack:
        if owner:
            return f"{owner} gives the address up ({decided.cause}); nobody can take it"
        return "no owner: no candidate is eligible"
    if decided.kept:
        return f"{decided.stack} keeps the address ({decided.kept}): nobody else can take it"
    if decided.cause:
        return f"{decided.stack} is to own the address ({decided.cause}), now {owner or 'nobody'}"
    return f"{decided.stack} owns the address and may stay"


def _unranked(
    snapshot: Snapshot, vipa: Vipa, record: Record | None, decided: Decision
) -> list[Row]:
    """The rest of the group: healthy or not, these are no candidates."""
    group = Key(vipa.key.namespace, vipa.spec.sysplex)
    known = {r.stack for r in decided.chain}
    names = {k.name for k in snapshot.world.stacks_by_sysplex.get(group, NOTHING)}
    if record is not None and record.owner:
        names.add(record.owner)
    rows = []
    for name in sorted(names - known):
        holds = record is not None and record.owner == name
        text = f"neither primary nor a ranking of {vipa.key.name} names {name}"
        if is_deactivated(snapshot, Key(vipa.key.namespace, name), vipa):
            text += "; deactivated as well"
        status = "ACTIVE" if holds else ""
        shown = origin(vipa, name) if holds else ""
        rows.append(Row(name, None, status, shown, False, str(Candidate.NOT_RANKED), text))
    return rows
