"""`vipa plan`: what the operator would write, and why. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vipa.cli import render, source
from vipa.cli.options import Given, Output, OutputOption
from vipa.core import actions as act
from vipa.core import plan as planning
from vipa.core import services
from vipa.core.cluster import Key
from vipa.core.inventory import Inventory
from vipa.core.record import Record
from vipa.core.resources import VipaStatus
from vipa.core.snapshot import Snapshot

if TYPE_CHECKING:
    from rich.console import RenderableType

ACTIONS = ("DO", "KIND", "NAME", "REASON", "DETAIL")
OUTCOME = ("VIPA", "ADDRESS", "STATE", "OWNER", "EPOCH", "ORIGIN", "NEXT")

ClusterOption = Annotated[bool, typer.Option("--cluster", help="Plan for the cluster as it is.")]
MoreFiles = Annotated[
    list[str] | None, typer.Argument(metavar="[FILE]...", help="More files.", show_default=False)
]


def plan(
    given: Given,
    more: MoreFiles = None,
    cluster: ClusterOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what would be written for a snapshot, and why, without writing anything.

    `vipa snapshot > bug.yaml` and `vipa plan -f bug.yaml` replay a bug offline.
    """
    given = with_more(given, more)
    if cluster == bool(given.files):
        raise typer.BadParameter("give either -f FILE or --cluster")
    found, now = source.take(given)
    made = planning.make(now)
    actions = [one for one in made.actions if found.shows(one.key)]
    vipas = {key: vipa.status for key, vipa in sorted(made.after.world.vipas.items())}
    shown = {key: status for key, status in vipas.items() if found.shows(key)}
    if output in (Output.JSON, Output.YAML):
        value = {
            "actions": [action_json(now.world, one) for one in actions],
            "vipas": {str(key): vipa_json(status) for key, status in shown.items()},
        }
        (render.show_json if output is Output.JSON else render.show_yaml)(value)
        return
    render.show(_tables(now, actions, shown, wide=output is Output.WIDE))


def with_more(given: Given, more: list[str] | None) -> Given:
    """`-f a.yaml b.yaml`, as a shell makes it of `-f *.yaml`."""
    files = [*(given.files or ()), *(more or ())]
    return Given(**{**vars(given), "files": files or None})


def _tables(
    now: Snapshot, actions: list[act.Action], vipas: dict[Key, VipaStatus], *, wide: bool
) -> Iterator[RenderableType]:
    if actions:
        brief = [one for one in actions if wide or not isinstance(one, act.Emit)]
        yield render.table(ACTIONS, (_cells(now.world, one) for one in brief))
        if len(brief) < len(actions):
            yield f"and {len(actions) - len(brief)} events (-o wide shows them)"
    else:
        yield "Nothing to write: everything is as it shall be."
    if vipas and not now.world.pods:
        yield "There is no pod with a label sysplex.dev/sysplex: nobody can own an address."
    if vipas:
        yield render.table(OUTCOME, (_outcome(key, status) for key, status in vipas.items()))


def _outcome(key: Key, status: VipaStatus) -> tuple[object, ...]:
    owner = owner_of(status)
    next_ = successors(status)
    return (key, status.address, status.state, owner, status.epoch, status.origin, next_)


def owner_of(status: VipaStatus) -> str:
    return status.owner.stack if status.owner is not None else ""


def successors(status: VipaStatus) -> list[str]:
    """Who would take the VIPA now, in order."""
    return [one.stack for one in status.chain if one.eligible and one.stack != owner_of(status)]


def name_of(action: act.Action) -> Key:
    """The object that is written. A record is named after its VIPA; an event has its own name."""
    match action:
        case act.WriteRecord() | act.DeleteRecord():
            return services.record_name(action.key)
        case act.Emit():
            return Key(action.key.namespace, action.name)
    return action.key


def _cells(world: Inventory, action: act.Action) -> tuple[object, ...]:
    name = name_of(action) if not isinstance(action, act.Emit) else action.key
    return verb(action), action.kind, name, action.reason, detail(world, action)


def verb(action: act.Action) -> str:
    """What would be done, in a word."""
    match action:
        case act.WriteRecord():
            return "create" if action.creates else "update"
        case act.ApplyService():
            return "update" if action.uid else "create"
        case act.CreateStack():
            return "create"
        case (
            act.DeleteRecord()
            | act.DeleteService()
            | act.DeleteSlice()
            | act.DeleteEndpoints()
            | act.DeleteStack()
        ):
            return "delete"
        case act.AnnotatePod():
            return "annotate"
        case act.Emit():
            return "emit"
    return "status"


def detail(world: Inventory, action: act.Action) -> str:
    """What would be different afterwards, in a phrase."""
    match action:
        case act.WriteRecord():
            return _record(world.records.get(action.key), action.record)
        case act.ApplyService():
            ports = ", ".join(f"{one.port}/{one.protocol}" for one in action.ports)
            return f"{action.type} {action.address}, ports {ports}"
        case act.CreateStack():
            return f"in Sysplex {action.sysplex}"
        case act.AnnotatePod():
            return action.value or "removed"
        case act.WriteVipaStatus():
            owner = owner_of(action.status)
            return f"{action.status.state}" + (f", owner {owner}" if owner else "")
        case act.WriteStackStatus():
            return f"{action.status.phase}: {action.status.message}"
        case act.WriteSysplexStatus():
            return f"{action.status.active} of {action.status.stacks} stacks active"
        case act.WriteBackupStatus():
            return ", ".join(f"{one.type}={one.status}" for one in action.conditions)
        case act.Emit():
            return f"{action.event}: {action.note}"
    return ""


def _record(old: Record | None, new: Record) -> str:
    before = old.owner if old is not None else ""
    if (old.holder if old is not None else None) == new.holder:
        return f"{new.owner} stays owner, epoch {new.epoch}" if new.owner else "no owner"
    return f"owner {before or 'none'} -> {new.owner or 'none'}, epoch {new.epoch}"


def action_json(world: Inventory, action: act.Action) -> dict[str, Any]:
    key = name_of(action)
    found: dict[str, Any] = {
        "kind": action.kind,
        "name": key.name,
        "namespace": key.namespace,
        "reason": action.reason,
        "do": verb(action),
        "detail": detail(world, action),
    }
    if isinstance(action, act.WriteRecord):
        record = action.record
        found |= {"owner": record.owner, "epoch": record.epoch, "fence": record.fence}
    return found


def vipa_json(status: VipaStatus) -> dict[str, Any]:
    """A VIPA as it would be, in the words of VIPA.status; `owner` is the stack's name alone."""
    return {
        "owner": owner_of(status),
        "epoch": status.epoch,
        "state": str(status.state),
        "origin": status.origin,
        "chain": [one._asdict() for one in status.chain],
        "stacks": [one._asdict() for one in status.stacks],
    }
