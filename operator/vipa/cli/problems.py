"""What may go wrong in a command, as one line: what, where, and what would be right."""

from __future__ import annotations

from typing import NoReturn

import typer

OK, FOUND, WRONG = 0, 1, 2


class ProblemError(Exception):
    """Expected, and said in one line; `code` is the exit code of the command."""

    code = FOUND


class MisuseError(ProblemError):
    """The command was given something that it cannot work with."""

    code = WRONG


def say(text: str) -> None:
    """A line on stderr, where it spoils no output that another program reads."""
    typer.echo(text, err=True)


def end(problem: ProblemError) -> NoReturn:
    lines = " ".join(str(problem).split())
    say(f"error: {lines}")
    raise typer.Exit(problem.code)


def tell(text: str) -> None:
    """A line about what was done."""
    typer.echo(text)
