"""`vipa rehearse`: run failures that stand in files, and say whether what was expected holds."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from vipa.cli.options import Place
from vipa.cli.problems import MisuseError, say

if TYPE_CHECKING:
    from vipa.rehearsal.engine import Engine


class EngineName(StrEnum):
    MODEL = "model"
    CLUSTER = "cluster"


class Report(StrEnum):
    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


FilesArgument = Annotated[list[str], typer.Argument(metavar="FILE|FOLDER...", help="Rehearsals.")]
EngineOption = Annotated[
    EngineName,
    typer.Option(
        "--engine", "-e", help="model: in memory, no cluster. cluster: a real API server."
    ),
]
ReportOption = Annotated[Report, typer.Option("--output", "-o", help="text, json or junit.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Tell the steps of what did not hold only.")
]


def rehearse(
    files: FilesArgument,
    place: Place,
    engine: EngineOption = EngineName.MODEL,
    output: ReportOption = Report.TEXT,
    quiet: QuietOption = False,
) -> None:
    """Run rehearsals: given these objects, when this fails, then this holds.

    Exit code 0: all held. 1: something did not. 2: a file is wrong.
    """
    from vipa.rehearsal import run  # noqa: PLC0415 - needed here only

    chosen = _engine(engine, place)
    try:
        outcome = run.run_files(files, chosen)
    finally:
        chosen.close()
    if outcome.mistakes:
        for mistake in outcome.mistakes:
            say(f"error: {mistake}")
    elif output is Report.TEXT:
        typer.echo(outcome.text(verbose=not quiet), nl=False)
    else:
        typer.echo(outcome.json() if output is Report.JSON else outcome.junit())
    raise typer.Exit(outcome.exit_code)


def _engine(name: EngineName, place: Place) -> Engine:
    from vipa.rehearsal.model import Model  # noqa: PLC0415

    if name is EngineName.MODEL:
        return Model()
    raise MisuseError("--engine cluster: this version has the engine model only")
