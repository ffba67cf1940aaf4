"""`vipa explain`: why each stack is, or is not, the owner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vipa.cli import render, source
from vipa.cli.options import Given, Output, OutputOption, VipaArgument
from vipa.core import events, ownership, scope
from vipa.core import explain as explaining
from vipa.core import plan as planning
from vipa.core.cluster import Key
from vipa.core.explain import Explanation, Row
from vipa.core.record import Move
from vipa.core.resources import Condition, Vipa
from vipa.core.snapshot import Snapshot
from vipa.k8s import statuses

if TYPE_CHECKING:
    from rich.console import RenderableType

NARROW = ("STACK", "RANK", "STATUS", "ELIGIBLE", "REASON", "MESSAGE")
WIDE = ("STACK", "RANK", "ORIGIN", "STATUS", "ELIGIBLE", "POD", "NODE", "REASON", "MESSAGE")


def explain(vipa: VipaArgument, given: Given, output: OutputOption = Output.TABLE) -> None:
    """Say for every stack why it owns a VIPA, or why not.

    The owner comes first, then who would take the address next, in that order.
    """
    found, now = source.take(given)
    key = source.vipa(found, now.world, vipa)
    # As the operator would judge now, not as the statuses say that it judged last.
    judged = planning.remember(now, scope.everything(now.world).stacks)
    explanation = explaining.explain(judged, key)
    assert explanation is not None
    match output:
        case Output.JSON:
            render.show_json(as_json(judged, explanation))
        case Output.YAML:
            render.show_yaml(as_json(judged, explanation))
        case _:
            render.show(tables(judged, explanation, wide=output is Output.WIDE))


def tables(snapshot: Snapshot, explanation: Explanation, *, wide: bool) -> Iterator[RenderableType]:
    vipa = snapshot.world.vipas[explanation.vipa]
    yield "\n".join(_head(snapshot, vipa, explanation))
    rows = ([*_cells(snapshot, vipa.key, row, wide=wide)] for row in explanation.rows)
    yield render.table(WIDE if wide else NARROW, rows)
    if vipa.status.conditions:
        yield conditions(vipa.status.conditions, snapshot.now)
    else:
        yield "The operator has not seen this VIPA yet: it has no conditions."


def _head(snapshot: Snapshot, vipa: Vipa, explanation: Explanation) -> Iterator[str]:
    address = vipa.spec.address or f"range {vipa.spec.range}"
    number = "no epoch yet" if explanation.epoch is None else f"epoch {explanation.epoch}"
    yield f"VIPA {vipa.key}, address {address}, {number}"
    yield f"Now:        {explanation.summary}."
    move = last_move(snapshot, vipa)
    if move is not None:
        yield f"Last move:  {told(vipa, move, snapshot.now)}"
    if vipa.spec.move_to:
        yield f"Pin:        {vipa.spec.move_to}, until `vipa unpin {vipa.key.name}`"


def last_move(snapshot: Snapshot, vipa: Vipa) -> Move | None:
    record = planning.current(snapshot.world, vipa)
    return record.last_move if record is not None else vipa.status.last_move


def told(vipa: Vipa, move: Move, now: str) -> str:
    """A move in the words of its event, with reason and time."""
    words = events.sentence(vipa.spec.address, move, events.name_of(move))
    took = "" if vipa.status.seconds is None else f", in {vipa.status.seconds * 1000:.0f} ms"
    ago = render.age(move.time, now)
    return f"{words} ({move.reason}{took}), {move.time}" + (f", {ago} ago" if ago else "")


def _cells(snapshot: Snapshot, vipa: Key, row: Row, *, wide: bool) -> Iterator[object]:
    yield row.stack
    yield row.rank
    if wide:
        yield row.origin
    yield row.status
    yield "yes" if row.eligible else "no"
    if wide:
        yield from _where(snapshot, Key(vipa.namespace, row.stack))
    yield row.reason
    yield row.message


def _where(snapshot: Snapshot, stack: Key) -> tuple[str, str]:
    """Pod and node of the incarnation that serves."""
    pod = ownership.judgement(snapshot, stack).serving
    return (pod.key.name, pod.node) if pod is not None else ("", "")


def conditions(found: tuple[Condition, ...], now: str) -> RenderableType:
    rows = [(c.type, c.status, c.reason, render.age(c.since, now), c.message) for c in found]
    return render.table(("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"), rows)


def as_json(snapshot: Snapshot, explanation: Explanation) -> dict[str, Any]:
    """The same for programs, in the words of VIPA.status."""
    vipa = snapshot.world.vipas[explanation.vipa]
    move = last_move(snapshot, vipa)
    return {
        "vipa": str(explanation.vipa),
        "address": vipa.spec.address,
        "accepted": explanation.accepted,
        "summary": explanation.summary,
        "owner": explanation.owner,
        "epoch": explanation.epoch,
        "stacks": [_row(snapshot, vipa.key, row) for row in explanation.rows],
        "lastMove": None if move is None else move_json(move),
        "conditions": statuses.conditions(vipa.status.conditions),
    }


def _row(snapshot: Snapshot, vipa: Key, row: Row) -> dict[str, Any]:
    pod, node = _where(snapshot, Key(vipa.namespace, row.stack))
    return {**row._asdict(), "pod": pod, "node": node}


def move_json(move: Move) -> dict[str, str]:
    return {"from": move.source, "to": move.to, "reason": move.reason, "time": move.time}
