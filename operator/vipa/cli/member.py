"""`vipa join` and `vipa leave`: a stack in and out of its group, by command (zos: JOINGROUP and
LEAVEGROUP)."""

from __future__ import annotations

from typing import Annotated

import typer

from vipa.cli import problems, source
from vipa.cli.options import Place, stack_name
from vipa.cli.problems import ProblemError
from vipa.core import command as commands
from vipa.core.cluster import Key
from vipa.core.resources import Phase, Stack

StackArgument = Annotated[
    str, typer.Argument(metavar="STACK", parser=stack_name, help="Name of a stack.")
]


def join(stack: StackArgument, place: Place) -> None:
    """Let a stack join its group.

    It ends what `vipa leave` said, and the exclusion of a stack that the monitor expelled or that
    is quarantined. Addresses are taken back as each VIPA says.
    """
    import asyncio  # noqa: PLC0415 - slow to import, here and below

    asyncio.run(_member(stack, place, joins=True))


def leave(stack: StackArgument, place: Place) -> None:
    """Let a stack leave its group: it gives up its addresses, and is no candidate until it joins.

    It stays out, over restarts of its pods too, until `vipa join`.
    """
    import asyncio  # noqa: PLC0415

    asyncio.run(_member(stack, place, joins=False))


async def _member(name: str, place: Place, *, joins: bool) -> None:
    from vipa.cli import cluster  # noqa: PLC0415 - slow to import

    found = await source.observe(place)
    now = source.snapshot(found, None)
    key = Key(found.home, name)
    refusal = commands.no_member(now, key)
    if refusal:
        raise ProblemError(refusal)
    stack = now.world.stacks[key]
    if not joins and stack.left:
        problems.tell(f"{key}: has left already; nothing to do")
        return
    async with cluster.connected(place) as client:
        # The API server's time: it is compared with times that the operator has from there.
        await cluster.member(client, key.namespace, key.name, joined=found.now if joins else "")
    problems.tell(f"{key}: {_joined(stack) if joins else 'leaves its group, until `vipa join`'}")


def _joined(stack: Stack) -> str:
    """What the command ends, by the status that was there before it."""
    status = stack.status
    if stack.left:
        return "joins its group"
    if status.phase is Phase.LEFT:
        return "was expelled by the monitor, joins again"
    if status.phase is Phase.QUARANTINED:
        return "is let out of quarantine"
    return f"is in its group already ({status.phase or 'not seen by the operator yet'})"
