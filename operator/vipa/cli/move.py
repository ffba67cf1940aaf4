"""`vipa move` and `vipa unpin`: planned moves, by a pin that a merge patch writes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from vipa.cli import problems, source
from vipa.cli.options import Place, VipaArgument, stack_name
from vipa.cli.problems import ProblemError
from vipa.core import command as commands
from vipa.core import explain as explaining
from vipa.core import plan as planning
from vipa.core.cluster import Key
from vipa.core.record import Record
from vipa.core.snapshot import Snapshot
from vipa.k8s import decode

if TYPE_CHECKING:
    from vipa.k8s.client import Client

POLL_S = 0.1
CONFLICT = 409
TRIES = 10

ToOption = Annotated[
    str, typer.Option("--to", parser=stack_name, metavar="STACK", help="A stack of the chain.")
]
OnceOption = Annotated[
    bool, typer.Option("--once", help="Leave no pin: pin, wait until committed, unpin.")
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the move with --once.")
]


def move(
    vipa: VipaArgument,
    place: Place,
    to: ToOption,
    once: OnceOption = False,
    timeout: TimeoutOption = 30.0,
) -> None:
    """Move a VIPA to a stack of its chain.

    The pin stays until `vipa unpin`: while the stack is eligible it owns the VIPA, while it is
    not, the chain decides as if there were no pin.
    """
    import asyncio  # noqa: PLC0415 - slow to import, here and below

    asyncio.run(_move(vipa, place, to, timeout if once else None))


def unpin(vipa: VipaArgument, place: Place) -> None:
    """Remove the pin of a VIPA, so that its chain alone decides again."""
    import asyncio  # noqa: PLC0415

    asyncio.run(_unpin(vipa, place))


async def _looked_at(vipa: str, place: Place) -> tuple[Snapshot, Key]:
    found = await source.observe(place)
    now = source.snapshot(found, None)
    return now, source.vipa(found, now.world, vipa)


async def _move(vipa: str, place: Place, to: str, timeout_s: float | None) -> None:
    from vipa.cli import cluster  # noqa: PLC0415 - slow to import

    now, key = await _looked_at(vipa, place)
    refusal = commands.no_move(now, key, to, once=timeout_s is not None)
    if refusal:
        raise ProblemError(f"not moved: {refusal}")
    record = planning.current(now.world, now.world.vipas[key])
    if timeout_s is not None and record is not None and record.owner == to:
        problems.tell(f"{key}: {to} owns it already; nothing to do")
        return
    async with cluster.connected(place) as client:
        await cluster.pin(client, key.namespace, key.name, to)
        if timeout_s is None:
            problems.tell(f"{key}: pinned to {to}; {_outlook(now, key, to)}")
            return
        await _once(client, key, to, timeout_s)


def _outlook(now: Snapshot, key: Key, to: str) -> str:
    """What the pin does now."""
    explanation = explaining.explain(now, key)
    assert explanation is not None
    row = next(row for row in explanation.rows if row.stack == to)
    if explanation.owner == to:
        return "it owns the address already"
    if row.eligible:
        return f"it takes the address from {explanation.owner or 'nobody'} at once"
    return f"it is not eligible now ({row.reason}: {row.message}), the pin acts when it is"


async def _once(client: Client, key: Key, to: str, timeout_s: float) -> None:
    """Wait for the record to name the stack. The pin goes, whatever comes of it."""
    import asyncio  # noqa: PLC0415

    started = time.monotonic()
    try:
        record = await _committed(client, key, to, started + timeout_s)
    finally:
        left = await asyncio.shield(_remove(client, key, to))
    if record is None:
        raise ProblemError(
            f"{key}: not moved to {to} within {timeout_s:g} s, and the pin is removed; "
            f"is the operator running? `vipa explain {key.name} -n {key.namespace}` says more"
        )
    took = time.monotonic() - started
    problems.tell(f"{key}: {to} owns it, epoch {record.epoch}, after {took:.1f} s{left}")


async def _committed(client: Client, key: Key, to: str, deadline: float) -> Record | None:
    import asyncio  # noqa: PLC0415

    from vipa.cli import cluster  # noqa: PLC0415
    from vipa.k8s import names  # noqa: PLC0415
    from vipa.k8s.client import ApiError  # noqa: PLC0415

    name = names.record_name(key.name)
    while time.monotonic() < deadline:
        try:
            raw = await cluster.get(client, "EndpointSlice", key.namespace, name)
        except ApiError as error:
            if error.status != cluster.NOT_FOUND and not error.unreachable:
                raise
        else:
            record = decode.decode("EndpointSlice", raw)
            if isinstance(record, Record) and record.owner == to:
                return record
        await asyncio.sleep(POLL_S)
    return None


async def _remove(client: Client, key: Key, to: str) -> str:
    """Take our pin away; one that somebody else has written meanwhile stays."""
    from vipa.cli import cluster  # noqa: PLC0415
    from vipa.k8s.client import ApiError  # noqa: PLC0415

    for _ in range(TRIES):
        raw = await cluster.get(client, "VIPA", key.namespace, key.name)
        pinned = (raw.get("spec", {}).get("move") or {}).get("to")
        if pinned != to:
            return f"; move.to was changed to {pinned} meanwhile and stays" if pinned else ""
        version = raw["metadata"]["resourceVersion"]
        try:
            await cluster.pin(client, key.namespace, key.name, None, version)
        except ApiError as error:
            if error.status != CONFLICT:
                raise
        else:
            return ""
    raise ProblemError(
        f"{key}: the pin is still there, the VIPA changes all the time; `vipa unpin`"
    )


async def _unpin(vipa: str, place: Place) -> None:
    from vipa.cli import cluster  # noqa: PLC0415

    now, key = await _looked_at(vipa, place)
    refusal = commands.no_unpin(now, key)
    if refusal:
        raise ProblemError(refusal)
    pin = now.world.vipas[key].spec.move_to
    if not pin:
        problems.tell(f"{key}: has no pin; nothing to do")
        return
    async with cluster.connected(place) as client:
        await cluster.pin(client, key.namespace, key.name, None)
    problems.tell(f"{key}: no longer pinned to {pin}")
