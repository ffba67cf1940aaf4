"""`vipa rehearse`: run failures that stand in files, and say whether what was expected holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from vipa.cli.options import AllowedOption, Place, check_kubeconfig
from vipa.cli.problems import FOUND, OK, MisuseError, say
from vipa.core.snapshot import Allowed, Settings

if TYPE_CHECKING:
    from vipa.rehearsal import cluster
    from vipa.rehearsal.engine import Engine
    from vipa.rehearsal.run import Outcome


class EngineName(StrEnum):
    MODEL = "model"
    CLUSTER = "cluster"
    KIND = "kind"


class Report(StrEnum):
    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


FilesArgument = Annotated[list[str], typer.Argument(metavar="FILE|FOLDER...", help="Rehearsals.")]
EngineOption = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        "-e",
        help="model: in memory, no cluster. cluster: a real API server. kind: real kubelets, too.",
    ),
]
ReportOption = Annotated[Report, typer.Option("--output", "-o", help="text, json or junit.")]
OperatorOption = Annotated[
    str | None,
    typer.Option(
        "--operator-kubeconfig",
        help="cluster: kubeconfig of the operator's account; else operator.kubeconfig beside the "
        "other, else that.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where rehearsals are run, and which addresses are allowed there."""

    engine: EngineOption = EngineName.MODEL
    operator_kubeconfig: OperatorOption = None
    allowed: AllowedOption = None


QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Tell the steps of what did not hold only.")
]
NoSkipsOption = Annotated[
    bool, typer.Option("--no-skips", help="Exit code 1 also if the engine had to skip a file.")
]


def rehearse(
    files: FilesArgument,
    place: Place,
    stage: Stage,
    output: ReportOption = Report.TEXT,
    quiet: QuietOption = False,
    no_skips: NoSkipsOption = False,
) -> None:
    """Run rehearsals: given these objects, when this fails, then this holds.

    Exit code 0: all held. 1: something did not. 2: a file is wrong.
    """
    from vipa.rehearsal import run  # noqa: PLC0415 - needed here only

    if stage.engine is EngineName.MODEL:
        outcome = run.run_files(files, _model(stage))
    else:
        outcome = _on_cluster(files, place, stage)
    if outcome.mistakes:
        for mistake in outcome.mistakes:
            say(f"error: {mistake}")
    elif output is Report.TEXT:
        typer.echo(outcome.text(verbose=not quiet), nl=False)
    else:
        typer.echo(outcome.json() if output is Report.JSON else outcome.junit())
    # A list of files that an engine is meant to run would else shrink without anybody noticing.
    skipped = sum(bool(result.skipped) for result in outcome.results) if no_skips else 0
    if skipped:
        say(f"error: {skipped} skipped, and --no-skips allows none")
    raise typer.Exit(outcome.exit_code or (FOUND if skipped else OK))


def _model(stage: Stage) -> Engine:
    from vipa.rehearsal.model import Model  # noqa: PLC0415

    allowed = tuple(stage.allowed) if stage.allowed else None
    return Model(settings=Settings(allowed=allowed))


def _on_cluster(files: list[str], place: Place, stage: Stage) -> Outcome:
    from vipa.rehearsal import cluster, run  # noqa: PLC0415 - slow to import

    check_kubeconfig(place.kubeconfig)
    written = tuple(one.network.compressed + _spaces(one) for one in stage.allowed or ())
    where = cluster.Place(
        kubeconfig=place.kubeconfig,
        context=place.context,
        operator_kubeconfig=stage.operator_kubeconfig,
        allowed=written or cluster.EVERYWHERE,
    )
    try:
        engine = _kind(where) if stage.engine is EngineName.KIND else cluster.Cluster(where)
        try:
            return run.run_files(files, engine)
        finally:
            engine.close()
    except cluster.UnusableError as error:
        raise MisuseError(str(error)) from error


def _kind(where: cluster.Place) -> Engine:
    from vipa.rehearsal import kind  # noqa: PLC0415 - slow to import

    return kind.Kind(where)


def _spaces(rule: Allowed) -> str:
    """The namespaces of a rule, as --allowed-cidr has them."""
    return "=" + ",".join(sorted(rule.namespaces)) if rule.namespaces else ""
