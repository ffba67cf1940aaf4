"""`vipa lint`: what is wrong with manifests, before anybody applies them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from vipa.cli import render, source
from vipa.cli.options import AllowedOption, Place
from vipa.cli.problems import FOUND, MisuseError


class Report(StrEnum):
    TEXT = "text"
    JSON = "json"


FilesArgument = Annotated[
    list[str], typer.Argument(metavar="FILE|FOLDER...", help="Manifests; - for stdin.")
]
NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="Namespace of objects that name none.")
]
ReportOption = Annotated[Report, typer.Option("--output", "-o", help="text or json.")]


def lint(
    files: FilesArgument,
    namespace: NamespaceOption = source.DEFAULT,
    allowed: AllowedOption = None,
    output: ReportOption = Report.TEXT,
) -> None:
    """Check manifests as the API server and the operator would.

    Errors are what they would refuse or drop (exit code 1); warnings are names that nothing among
    the files has (exit code 0). A file that is no YAML: exit code 2.
    """
    from vipa.cli import files as reading  # noqa: PLC0415 - yaml is slow to import
    from vipa.cli import findings  # noqa: PLC0415

    documents = reading.read(files).documents
    ours = [one for one in documents if findings.is_ours(one.raw)]
    if not ours:
        raise MisuseError(f"{', '.join(files)}: no object of {findings.OURS}")
    place = Place(namespace=namespace)
    found = sorted(findings.find(documents, place, allowed))
    errors = sum(one.error for one in found)
    if output is Report.JSON:
        render.show_json([one._asdict() for one in found])
    else:
        for one in found:
            typer.echo(str(one))
        warnings = len(found) - errors
        typer.echo(f"{len(ours)} objects: {errors} errors, {warnings} warnings")
    if errors:
        raise typer.Exit(FOUND)
