"""`vipa status`: what is, per Sysplex, and what needs attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from vipa.cli import board, render, source
from vipa.cli.board import Board
from vipa.cli.options import Given, Output, OutputOption
from vipa.cli.problems import ProblemError
from vipa.cli.source import Source

if TYPE_CHECKING:
    from rich.console import RenderableType

VIPA = ("VIPA", "ADDRESS", "STATE", "OWNER", "NODE", "EPOCH", "PROTECTED", "NEXT", "PIN")
VIPA_WIDE = (*VIPA, "ORIGIN", "MOVEABLE", "POD", "SINCE")
STACK = ("STACK", "PHASE", "REASON", "NODE", "SINCE", "VIPAS")
STACK_WIDE = (*STACK, "ZONE", "POD", "JOIN", "MESSAGE")
ATTENTION = ("ATTENTION", "CONDITION", "REASON", "SINCE", "MESSAGE")

WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Draw again until Ctrl-C.")]
IntervalOption = Annotated[
    float, typer.Option("--interval", min=0.2, help="Seconds between two drawings with --watch.")
]


def status(
    given: Given,
    watch: WatchOption = False,
    interval: IntervalOption = 2.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the VIPAs and stacks of each Sysplex, and the conditions that need attention."""
    wide = output is Output.WIDE
    if watch:
        if given.files or output in (Output.JSON, Output.YAML):
            raise typer.BadParameter("--watch draws tables of the cluster: leave out -f and -o")
        _follow(given, interval, wide=wide)
        return
    found, now = source.take(given, leader=True)
    boards = board.boards(found, now)
    if output in (Output.JSON, Output.YAML):
        leader = {"leader": found.leader.as_json()} if found.leader is not None else {}
        value = {"now": found.now, **leader, "sysplexes": [board.as_json(one) for one in boards]}
        (render.show_json if output is Output.JSON else render.show_yaml)(value)
        return
    render.show(parts(found, boards, wide=wide))


def parts(found: Source, boards: list[Board], *, wide: bool) -> Iterator[RenderableType]:
    if found.leader is not None:
        yield found.leader.line(found.now)
    if not boards:
        where = "any namespace" if found.shown is None else f"namespace {found.shown}"
        yield f"There is no Sysplex, VIPA or stack in {where}."
    for one in boards:
        yield from _parts(one, wide=wide)


def _parts(one: Board, *, wide: bool) -> Iterator[RenderableType]:
    yield render.heading(one.title)
    if one.vipas:
        yield render.table(
            VIPA_WIDE if wide else VIPA,
            (line.cells(wide=wide) for line in one.vipas),
        )
    if one.stacks:
        yield render.table(
            STACK_WIDE if wide else STACK,
            (line.cells(wide=wide) for line in one.stacks),
        )
    if one.notes:
        yield render.table(ATTENTION, one.notes)


def _follow(given: Given, interval: float, *, wide: bool) -> None:
    """Redraw until Ctrl-C. A cluster that does not answer is said below the last drawing."""
    import asyncio  # noqa: PLC0415 - slow to import

    from rich.console import Group  # noqa: PLC0415 - needed here only
    from rich.live import Live  # noqa: PLC0415

    async def draw(live: Live) -> None:
        drawn: list[RenderableType] = []
        while True:
            try:
                found = await source.observe(given, leader=True)
                boards = board.boards(found, source.snapshot(found, None))
                drawn = [*parts(found, boards, wide=wide)]
                foot = f"{found.now}, again every {interval:g} s; Ctrl-C ends"
            except ProblemError as problem:
                if not drawn:
                    raise
                foot = f"not up to date: {problem}"
            live.update(Group(*render.spaced([*drawn, foot])), refresh=True)
            await asyncio.sleep(interval)

    try:
        with Live(auto_refresh=False, vertical_overflow="crop") as live:
            asyncio.run(draw(live))
    except KeyboardInterrupt:
        return
