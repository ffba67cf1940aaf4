"""Options that several commands share, and how a command takes them.

A command names a group of options as one parameter, typed with a dataclass of this module;
`command` spreads its fields into options of their own, as typer wants them.
"""

from __future__ import annotations

import functools
import inspect
import os
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from vipa.cli.problems import ProblemError, end
from vipa.core.snapshot import Allowed, parse_allowed

KEYWORD = inspect.Parameter.KEYWORD_ONLY


class Output(StrEnum):
    """How a command prints what it found."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="table, wide, json or yaml.", show_choices=False)
]


def _allowed(text: str) -> Allowed:
    try:
        return parse_allowed(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


AllowedOption = Annotated[
    list[Allowed] | None,
    typer.Option(
        "--allowed-cidr",
        parser=_allowed,
        metavar="CIDR[=NS,...]",
        help="Addresses that VIPAs may have, here or in these namespaces; repeated.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which cluster, and which namespace of it, as kubectl takes them."""

    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Namespace."),
    ] = None
    all_namespaces: Annotated[
        bool,
        typer.Option("--all-namespaces", "-A", help="All namespaces."),
    ] = False
    context: Annotated[
        str | None,
        typer.Option("--context", help="Context of the kubeconfig."),
    ] = None
    kubeconfig: Annotated[
        str | None,
        typer.Option("--kubeconfig", help="Path of the kubeconfig."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Given(Place):
    """A place, or files that stand for one."""

    files: Annotated[
        list[str] | None,
        typer.Option(
            "--filename",
            "-f",
            metavar="FILE",
            help="A snapshot or manifests instead of the cluster: a file, a folder, - for stdin; "
            "repeated.",
        ),
    ] = None
    allowed: AllowedOption = None


def named(text: str, kind: str) -> str:
    """The name in `web`, `vipa/web` or `vipas/web`. Anything else is a usage error."""
    prefix, slash, name = text.rpartition("/")
    words = {kind, f"{kind}s", f"{kind}.sysplex.dev", f"{kind}s.sysplex.dev"}
    if not name or (slash and prefix.lower() not in words):
        raise typer.BadParameter(f"{text!r}: write the name of a {kind}, as NAME or {kind}/NAME")
    return name


def check_kubeconfig(path: str | None) -> None:
    """A path that was given is to be a file; the client would only miss a context in it."""
    if path is not None and not os.path.isfile(path):
        raise ProblemError(f"--kubeconfig {path}: there is no such file")


def vipa_name(text: str) -> str:
    return named(text, "vipa")


def stack_name(text: str) -> str:
    return named(text, "stack")


VipaArgument = Annotated[
    str, typer.Argument(metavar="VIPA", parser=vipa_name, help="Name of a VIPA.")
]


def _spread(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    group = parameter.annotation
    if not is_dataclass(group):
        yield parameter
        return
    hints = typing.get_type_hints(group, include_extras=True)
    for one in fields(group):
        yield parameter.replace(name=one.name, annotation=hints[one.name], default=one.default)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """A typer command of a function whose groups of options are spread, and whose Problems end it
    with one line."""
    signature = inspect.signature(function, eval_str=True)
    groups: dict[str, Any] = {
        name: one.annotation
        for name, one in signature.parameters.items()
        if is_dataclass(one.annotation)
    }
    spread = [
        part.replace(kind=KEYWORD) for one in signature.parameters.values() for part in _spread(one)
    ]

    @functools.wraps(function)
    def wrapper(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{one.name: given.pop(one.name) for one in fields(group)})
        try:
            function(**given)
        except ProblemError as problem:
            end(problem)

    wrapper.__signature__ = inspect.Signature(spread)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {one.name: one.annotation for one in spread}
    return wrapper
