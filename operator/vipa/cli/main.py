"""`vipa`, also found by kubectl as `kubectl vipa`."""

from __future__ import annotations

from typing import Annotated

import typer

import vipa
from vipa.cli.doctor import doctor
from vipa.cli.explain import explain
from vipa.cli.lint import lint
from vipa.cli.member import join, leave
from vipa.cli.move import move, unpin
from vipa.cli.operate import operator
from vipa.cli.options import command
from vipa.cli.plan import plan
from vipa.cli.rehearse import rehearse
from vipa.cli.remove import remove_everything
from vipa.cli.simulate import simulate
from vipa.cli.snapshot import snapshot
from vipa.cli.status import status

# In the order of the help. What is not here does not exist yet; typer says so with exit code 2.
COMMANDS = (
    status,
    explain,
    plan,
    simulate,
    move,
    unpin,
    join,
    leave,
    rehearse,
    lint,
    snapshot,
    doctor,
    operator,
)

# Plain help: rich would take as long to import as everything else together.
app = typer.Typer(
    name="vipa",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for one in COMMANDS:
    app.command(one.__name__)(command(one))
app.command("remove-everything", hidden=True)(command(remove_everything))


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"vipa {vipa.__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
]


@app.callback()
def sysplex(version: VersionOption = False) -> None:
    """Sysplex VIPA: an address that belongs to one healthy stack at a time.

    Exit codes: 0 all is well, 1 a problem was found, 2 the command was not understood.
    """


def main() -> None:
    app()
