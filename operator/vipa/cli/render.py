"""Tables as kubectl prints them: aligned columns, upper-case headers, no boxes; JSON and YAML."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from vipa.core.forms import seconds

if TYPE_CHECKING:
    from rich.console import RenderableType

NONE = "-"
# Not a terminal: whoever reads the output cuts and wraps it, as with kubectl.
ENDLESS = 100_000
UNITS = ((86400, "d"), (3600, "h"), (60, "m"))

# What stands out in a terminal; elsewhere there are no colours.
STYLES = {
    "Active": "green",
    "ACTIVE": "green",
    "Eligible": "green",
    "Inactive": "red",
    "Rejected": "red",
    "Failed": "red",
    "Pending": "yellow",
    "Left": "yellow",
    "Absent": "yellow",
    "False": "red",
}


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> RenderableType:
    """A table; empty cells show `-`."""
    from rich.table import Table  # noqa: PLC0415 - not needed for JSON
    from rich.text import Text  # noqa: PLC0415

    found = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    last = len(header) - 1
    for index, name in enumerate(header):
        # The last column holds sentences: they may be folded where a terminal ends, names may not.
        found.add_column(name, no_wrap=index != last, overflow="fold")
    for row in rows:
        cells = [cell(one) for one in row]
        found.add_row(*(Text(one, style=STYLES.get(one, "")) for one in cells))
    return found


def cell(value: Any) -> str:
    """A value in a table, on one line."""
    if value is None or value in ("", (), []):
        return NONE
    if type(value) in (tuple, list):  # a key is a tuple too, and has its own spelling
        return ", ".join(map(str, value))
    return " ".join(str(value).split())


def heading(text: str) -> RenderableType:
    from rich.text import Text  # noqa: PLC0415

    return Text(text, style="bold")


def show(parts: Iterable[RenderableType]) -> None:
    """Print parts one below the other, with an empty line between."""
    from rich.console import Console  # noqa: PLC0415

    terminal = sys.stdout.isatty()
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        force_terminal=terminal or None,
        width=None if terminal else ENDLESS,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in spaced(parts):
        console.print(part)
    lines = (line.rstrip() for line in buffer.getvalue().splitlines())
    typer.echo("\n".join(lines))


def spaced(parts: Iterable[RenderableType]) -> Iterator[RenderableType]:
    for index, part in enumerate(parts):
        if index:
            yield ""
        yield part


def show_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def yaml_text(value: Any) -> str:
    """YAML in the order given, without aliases, which kubectl users take for errors."""
    import yaml  # noqa: PLC0415 - slow enough to be imported where it is needed

    class Plain(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        def ignore_aliases(self, data: object) -> bool:
            return True

    plain = json.loads(json.dumps(value))  # words of an enum are words
    return str(yaml.dump(plain, Dumper=Plain, sort_keys=False, allow_unicode=True, width=4096))


def show_yaml(value: Any) -> None:
    typer.echo(yaml_text(value), nl=False)


def age(since: str, now: str) -> str:
    """How long ago, as kubectl says it: the largest unit alone, `5m`, `3h`, `12d`."""
    start, end = seconds(since), seconds(now)
    if start is None or end is None:
        return ""
    span = max(0, end - start)
    for size, unit in UNITS:
        if span >= 2 * size:
            return f"{span // size}{unit}"
    return f"{span}s"
