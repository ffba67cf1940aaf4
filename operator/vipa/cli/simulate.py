"""`vipa simulate`: which addresses would move, and which would have no owner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vipa.cli import render, source
from vipa.cli.options import Given, Output, OutputOption
from vipa.cli.plan import MoreFiles, with_more
from vipa.cli.problems import FOUND, MisuseError
from vipa.core import simulate as simulating
from vipa.core.inventory import Inventory
from vipa.core.simulate import Failure, Fate

if TYPE_CHECKING:
    from rich.console import RenderableType

MOVED = ("VIPA", "ADDRESS", "FROM", "TO", "EPOCH", "NEXT", "REASON", "MESSAGE")
LOST = ("NO OWNER", "ADDRESS", "WAS", "MESSAGE")
STAYS = ("STAYS", "ADDRESS", "OWNER", "NEXT")


def parse_failure(text: str) -> Failure:
    found = simulating.parse(text)
    if found is None:
        raise typer.BadParameter(
            f"{text!r}: write node/NAME, zone/NAME, stack/NAME or stack/NAMESPACE/NAME"
        )
    return found


FailOption = Annotated[
    list[Failure],
    typer.Option(
        "--fail",
        parser=parse_failure,
        metavar="WHAT/NAME",
        help="What fails: node/N (stops reporting), zone/Z (all its nodes), stack/S (its pods are "
        "no longer Ready); repeated: all at once.",
    ),
]


def simulate(
    given: Given,
    fail: FailOption,
    more: MoreFiles = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what would become of the addresses if nodes, zones or stacks failed.

    Exit code 1 if a VIPA would have nobody to serve it. Nothing is written and nothing fails.
    """
    found, now = source.take(with_more(given, more))
    failures = [_placed(now.world, one, found) for one in fail]
    fates = [one for one in simulating.fates(now, failures) if found.shows(one.vipa)]
    lost = [one for one in fates if one.lost]
    if output in (Output.JSON, Output.YAML):
        value = as_json(failures, fates)
        (render.show_json if output is Output.JSON else render.show_yaml)(value)
    else:
        render.show(_tables(failures, fates, wide=output is Output.WIDE))
    if lost:
        raise typer.Exit(FOUND)


def _placed(world: Inventory, failure: Failure, found: source.Source) -> Failure:
    """A stack that names no namespace is one of the namespace that is looked at."""
    if failure.kind == "stack" and not failure.namespace:
        failure = failure._replace(namespace=found.shown or "")
    text = simulating.unknown(world, failure)
    if text:
        raise MisuseError(f"--fail {failure}: {text}")
    return failure


def _tables(
    failures: Sequence[Failure], fates: Sequence[Fate], *, wide: bool
) -> Iterator[RenderableType]:
    moved = [one for one in fates if one.moves and not one.lost]
    lost = [one for one in fates if one.lost]
    stays = [one for one in fates if not one.moves and not one.lost]
    yield (
        f"If {', '.join(map(str, failures))} failed: {len(moved)} of {len(fates)} VIPAs would "
        f"move, {len(lost)} would have no owner that serves, {len(stays)} would stay."
    )
    if moved:
        yield render.table(MOVED, ((*_place(one), one.reason, one.why) for one in moved))
    if lost:
        yield render.table(LOST, map(_lost, lost))
    if wide and stays:
        rows = ((one.vipa, one.address, one.to, one.successors or "nobody") for one in stays)
        yield render.table(STAYS, rows)


def _place(one: Fate) -> tuple[object, ...]:
    next_ = one.successors or "nobody"
    return one.vipa, one.address, one.source, one.to, one.epoch, next_


def _lost(one: Fate) -> tuple[object, ...]:
    also = "; without the failure too" if one.before_lost else ""
    return one.vipa, one.address, one.source, one.why + also


def as_json(failures: Sequence[Failure], fates: Sequence[Fate]) -> dict[str, Any]:
    return {
        "failures": [str(one) for one in failures],
        "moves": [_json(one) for one in fates if one.moves and not one.lost],
        "withoutOwner": [_json(one) for one in fates if one.lost],
        "stays": [_json(one) for one in fates if not one.moves and not one.lost],
    }


def _json(one: Fate) -> dict[str, Any]:
    return {
        "vipa": str(one.vipa),
        "address": one.address,
        "from": one.source,
        "to": one.to,
        "epoch": one.epoch,
        "reason": one.reason,
        "message": one.why,
        "next": list(one.successors),
        "lostBefore": one.before_lost,
    }
