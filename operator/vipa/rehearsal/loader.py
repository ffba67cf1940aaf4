"""Rehearsal files: read, checked as a whole, turned into values.

A file that is wrong runs nowhere: all its mistakes are reported with their lines (exit 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from yaml.nodes import Node

from vipa.rehearsal import given, naming, verbs, wants
from vipa.rehearsal.reading import FileError, Mistake, Reader, line_of, scalars, text
from vipa.rehearsal.steps import ENGINES, MODEL, Given, Rehearsal, Step, Wait

# Where time is real nobody waits for minutes on every run of a CI.
WAITED_S = 60.0
KEYS = ("rehearsal", "about", "source", "engines", "given", "steps")


def files(paths: Iterable[str]) -> list[str]:
    """The files meant: folders are walked for *.yaml, in order of name."""
    found: list[str] = []
    for path in paths:
        place = Path(path)
        if place.is_dir():
            inside = sorted(str(one) for one in place.rglob("*.yaml"))
            if not inside:
                raise FileError([Mistake(path, 1, "the folder holds no rehearsal (*.yaml)")])
            found += inside
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def load(path: str) -> Rehearsal:
    """One rehearsal from its file. Raises FileError with everything that is wrong."""
    return loads(text(path), path)


def load_all(paths: Iterable[str]) -> list[Rehearsal]:
    """Every rehearsal of these files and folders; the mistakes of all files come together."""
    found: list[Rehearsal] = []
    mistakes: list[Mistake] = []
    for path in files(paths):
        try:
            found.append(load(path))
        except FileError as error:
            mistakes += error.mistakes
    names: dict[tuple[Path, str], Rehearsal] = {}
    for one in found:
        first = names.setdefault((Path(one.path).parent, one.name), one)
        if first is not one:
            why = f"rehearsal `{one.name}` has the name of {first.path}: names are unique here"
            mistakes.append(Mistake(one.path, one.line, why))
    if mistakes:
        raise FileError(mistakes)
    return found


def loads(written: str, path: str = "rehearsal.yaml") -> Rehearsal:
    """One rehearsal from its text; `files:` in it are looked up beside `path`."""
    reader = Reader(path)
    documents = reader.documents(written)
    if not documents and not reader.mistakes:
        reader.say(1, "the file is empty: write `rehearsal: NAME`, `given:` and `steps:`")
    if len(documents) > 1:
        reader.say(documents[1], "one rehearsal a file: put the second document into its own")
    found = _rehearsal(reader, documents[0]) if documents else None
    if reader.mistakes or found is None:
        raise FileError(reader.mistakes)
    return found


def _rehearsal(reader: Reader, node: Node) -> Rehearsal:
    fields = reader.known(node, "a rehearsal", KEYS)
    for key in ("rehearsal", "steps"):
        if key not in fields:
            reader.say(node, f"a rehearsal needs `{key}`")
    values: dict[str, Any] = {}
    words: set[str] = set()
    for key, (_, value) in fields.items():
        match key:
            case "rehearsal":
                values["name"] = reader.name(value, "rehearsal")
            case "about":
                values["about"] = reader.name(value, "about").strip()
            case "source":
                values["source"] = reader.names(value, "source")
            case "engines":
                values["engines"] = _engines(reader, value)
            case "given":
                values["given"] = given.read(reader, value)
                words |= scalars(value)
            case "steps":
                values["steps"] = _steps(reader, value, words)
    found: Given = values.get("given", Given())
    naming.check(reader, found, values.get("steps", ()), words)
    if values.get("engines", ENGINES) != (MODEL,):
        _bounded(reader, values.get("steps", ()))
    values["given"] = given.with_sysplex(found)
    return Rehearsal(path=reader.path, line=line_of(node), **{"name": "", **values})


def _bounded(reader: Reader, steps: tuple[Step, ...]) -> None:
    """Time is real in some of the engines that this file is for."""
    total = 0.0
    for verb in (verb for step in steps for verb in step.do if isinstance(verb, Wait)):
        total += verb.seconds
        if total > WAITED_S:
            text = f"the waits add up to more than {WAITED_S:g} s, which are real in a cluster"
            reader.say(verb.line, f"{text}: write `engines: [{MODEL}]`, or wait less")
            return


def _engines(reader: Reader, node: Node) -> tuple[str, ...]:
    names = reader.names(node, "engines")
    for name in names:
        if name not in ENGINES:
            reader.say(node, f"engines: unknown engine `{name}`; there are {', '.join(ENGINES)}")
    return names


def _steps(reader: Reader, node: Node, words: set[str]) -> tuple[Step, ...]:
    items = reader.items(node, "steps")
    if not items and not reader.mistakes:
        reader.say(node, "steps is empty: a rehearsal without a step shows nothing")
    return tuple(_step(reader, item, number, words) for number, item in enumerate(items, 1))


def _step(reader: Reader, node: Node, number: int, words: set[str]) -> Step:
    fields = reader.known(node, f"step {number}", ("do", "expect", "live"))
    if "do" not in fields and "expect" not in fields:
        reader.say(node, f"step {number} has neither do nor expect: it would show nothing")
    values: dict[str, Any] = {}
    if "do" in fields:
        values["do"] = verbs.read(reader, fields["do"].value)
        words |= scalars(fields["do"].value)
        words |= {word for verb in values["do"] for word in str(verb).split()}
    if "live" in fields:
        values["live"] = reader.flag(fields["live"].value, "live")
        if "do" not in fields:
            reader.say(fields["live"].key, "live says how do is carried out: there is no do")
    if "expect" in fields:
        first = number == 1 and "do" not in fields
        values["expect"] = wants.read(reader, fields["expect"].value, first=first)
    return Step(number=number, line=line_of(node), **values)
