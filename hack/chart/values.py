"""Values and their descriptions: the comment above a key in values.yaml is the only text of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

KEY = re.compile(r"^( *)([A-Za-z][A-Za-z0-9]*):(.*)$")
BEGIN, END = "<!-- generated: values -->", "<!-- end: values -->"


class Value(NamedTuple):
    """`path`: with dots, as `--set` takes it."""

    path: str
    default: Any
    description: str


def read(path: Path) -> list[Value]:
    """All values in order. A value without a comment above it ends the script."""
    text = path.read_text()
    known = yaml.safe_load(text)
    found: list[Value] = []
    comment: list[str] = []
    above: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.lstrip("# "))
            continue
        match = KEY.match(line)
        if match:
            depth = len(match[1]) // 2
            above = [*above[:depth], match[2]]
            if comment:
                found.append(Value(".".join(above), _at(known, above), " ".join(comment)))
        comment = []
    told = [one.path for one in found]
    missing = [leaf for leaf in _leaves(known) if not any(_covers(path, leaf) for path in told)]
    if missing:
        raise SystemExit(f"values.yaml: say above each what it is: {', '.join(missing)}")
    return found


def _at(values: Any, path: list[str]) -> Any:
    for part in path:
        values = values[part]
    return values


def _leaves(values: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, value in values.items():
        path = f"{prefix}{key}"
        deeper = _leaves(value, f"{path}.") if isinstance(value, dict) and value else [path]
        found += deeper
    return found


def _covers(path: str, leaf: str) -> bool:
    return leaf == path or leaf.startswith(f"{path}.")


def with_descriptions(schema: str, described: list[Value]) -> str:
    """The schema with the description of every value. Both must know the same values."""
    tree = json.loads(schema)
    for one in described:
        place = tree
        for part in one.path.split("."):
            place = place.get("properties", {}).get(part)
            if place is None:
                raise SystemExit(f"values.schema.json: has no {one.path}")
        rest = {key: value for key, value in place.items() if key != "description"}
        place.clear()
        place.update({"description": one.description, **rest})
    unknown = [path for path in _properties(tree) if not _told(path, described)]
    if unknown:
        raise SystemExit(f"values.schema.json: not in values.yaml: {', '.join(unknown)}")
    return json.dumps(tree, indent=2) + "\n"


def _properties(tree: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, value in tree.get("properties", {}).items():
        found += _properties(value, f"{prefix}{key}.") or [f"{prefix}{key}"]
    return found


def _told(path: str, described: list[Value]) -> bool:
    return any(_covers(one.path, path) for one in described)


def with_table(page: str, described: list[Value]) -> str:
    """The page with the table of values between its markers."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise SystemExit(f"README.md of the chart needs {BEGIN} and {END} once")
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    rows = ["| value | default | meaning |", "| --- | --- | --- |"]
    for one in described:
        default = json.dumps(one.default)
        shown = default if len(default) <= 60 else "see values.yaml"
        shown = f"`{shown}`" if shown is default else shown
        rows.append(f"| `{one.path}` | {shown} | {one.description.replace('|', chr(92) + '|')} |")
    table = "\n".join(rows)
    return f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}"
