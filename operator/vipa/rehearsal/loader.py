"""Rehearsal files: read, checked as a whole, turned into values.

A file that is wrong runs nowhere: all its mistakes are reported with their lines (exit 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from yaml.nodes import Node

from vipa.core.cluster import Key
from vipa.rehearsal import objects, verbs, wants
from vipa.rehearsal import steps as do
from vipa.rehearsal.reading import Mistake, Reader, line_of, scalars
from vipa.rehearsal.steps import ENGINES, SYSPLEX, Given, GivenStack, Rehearsal, Step

KEYS = ("rehearsal", "about", "source", "engines", "given", "steps")


class FileError(Exception):
    """A file is wrong; `mistakes` says where and what would be right."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(map(str, self.mistakes)))


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
    return loads(_text(path), path)


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
            text = f"rehearsal `{one.name}` has the name of {first.path}: names are unique here"
            mistakes.append(Mistake(one.path, one.line, text))
    if mistakes:
        raise FileError(mistakes)
    return found


def loads(text: str, path: str = "rehearsal.yaml") -> Rehearsal:
    """One rehearsal from its text; `files:` in it are looked up beside `path`."""
    reader = Reader(path)
    documents = reader.documents(text)
    if not documents and not reader.mistakes:
        reader.say(1, "the file is empty: write `rehearsal: NAME`, `given:` and `steps:`")
    if len(documents) > 1:
        reader.say(documents[1], "one rehearsal a file: put the second document into its own")
    found = _rehearsal(reader, documents[0]) if documents else None
    if reader.mistakes or found is None:
        raise FileError(reader.mistakes)
    return found


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError([Mistake(path, 1, f"cannot be read: {reason}")]) from error


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
                values["given"] = _given(reader, value)
                words |= scalars(value)
            case "steps":
                values["steps"] = _steps(reader, value, words)
    given: Given = values.get("given", Given())
    _names(reader, given, values.get("steps", ()), words)
    values["given"] = _with_sysplex(given)
    return Rehearsal(path=reader.path, line=line_of(node), **{"name": "", **values})


def _engines(reader: Reader, node: Node) -> tuple[str, ...]:
    names = reader.names(node, "engines")
    for name in names:
        if name not in ENGINES:
            reader.say(node, f"engines: unknown engine `{name}`; there are {', '.join(ENGINES)}")
    return names


def _given(reader: Reader, node: Node) -> Given:
    fields = reader.known(node, "given", ("nodes", "stacks", "objects", "files"))
    nodes: dict[str, str] = {}
    stacks: list[GivenStack] = []
    found: list[do.Raw] = []
    if "nodes" in fields:
        for name, (key, value) in reader.mapping(fields["nodes"].value, "given.nodes").items():
            reader.label(key, "given.nodes")
            inner = reader.known(value, f"node {name}", ("zone",))
            zone = reader.label(inner["zone"].value, "zone") if "zone" in inner else ""
            nodes[name] = zone
    if "stacks" in fields:
        for name, (key, value) in reader.mapping(fields["stacks"].value, "given.stacks").items():
            reader.label(key, "given.stacks")
            stacks += _stack(reader, name, value)
    if "objects" in fields:
        for item in reader.items(fields["objects"].value, "given.objects"):
            found += [raw] if (raw := objects.read(reader, item, "an object")) else []
    if "files" in fields:
        for item in reader.items(fields["files"].value, "given.files"):
            found += _file(reader, item)
    named = {raw["metadata"]["name"] for raw in found if raw["kind"] == "Node"}
    for stack in stacks:
        if stack.node not in named:
            nodes.setdefault(stack.node, "")
    return Given(nodes=nodes, stacks=tuple(stacks), objects=tuple(map(objects.created, found)))


def _stack(reader: Reader, name: str, node: Node) -> list[GivenStack]:
    fields = reader.known(node, f"stack {name}", ("node", "started"))
    if "node" not in fields:
        reader.say(node, f"stack {name} needs a node: {{node: n1}}")
        return []
    where = reader.label(fields["node"].value, f"stack {name}: node")
    started = "started" not in fields or reader.flag(fields["started"].value, "started")
    return [GivenStack(name=name, node=where, started=started)]


def _file(reader: Reader, node: Node) -> list[do.Raw]:
    """The objects of a file beside the rehearsal; its mistakes carry its own name and lines."""
    name = reader.name(node, "given.files")
    if not name:
        return []
    place = str(Path(reader.path).parent / name)
    inner = Reader(place)
    try:
        documents = inner.documents(_text(place))
    except FileError as error:
        reader.say(node, f"given.files: {name} {error.mistakes[0].message}")
        return []
    found = [raw for one in documents if (raw := objects.read(inner, one, "an object"))]
    reader.mistakes += inner.mistakes
    return found


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


def _names(reader: Reader, given: Given, steps: tuple[Step, ...], words: set[str]) -> None:
    """Names that an expectation or a verb uses and that nothing else in the file knows.

    A name that is misspelt in an `expect` would otherwise be an object that never exists, and
    `exists: false` or `absent` would hold for ever.
    """
    applied = [verb for step in steps for verb in step.do if isinstance(verb, do.Apply)]
    every = [(r["kind"], do.key_of(r)) for r in (*given.objects, *(a.object for a in applied))]
    vipas = {key for kind, key in every if kind == "VIPA"}
    for step in steps:
        expect = step.expect or do.Expect()
        for key, wanted in expect.vipas.items():
            line = wanted[0].line if wanted else expect.line
            if key not in vipas:
                known = ", ".join(sorted(map(do.shown, vipas))) or "none"
                text = f"expect: no object of this file makes VIPA {do.shown(key)}; there are"
                reader.say(line, f"{text} {known}")
            for want in wanted:
                _known_stacks(reader, want, words)
        for key, wanted in expect.stacks.items():
            if key.name not in words:
                line = wanted[0].line if wanted else expect.line
                reader.say(line, f"expect: nothing in this file names stack {do.shown(key)}")
    _places(reader, given, steps, {key.name for kind, key in every if kind == "Node"})


def _known_stacks(reader: Reader, want: do.Want, words: set[str]) -> None:
    if want.key == "chain":
        names = list(want.value)
    elif want.key == "owner":
        names = [want.value]
    else:
        names = [want.key] if want.key not in wants.VIPA else []
    for name in names:
        if name != wants.NONE and name not in words:
            reader.say(want.line, f"expect: nothing in this file names stack {name}")


def _places(reader: Reader, given: Given, steps: tuple[Step, ...], others: set[str]) -> None:
    """A pod starts on a node that there is, or was: by its stack's shorthand or by the verb."""
    nodes = set(given.nodes) | others
    home = {stack.name for stack in given.stacks}
    for step in steps:
        for verb in step.do:
            if isinstance(verb, do.Start):
                if verb.node and verb.node not in nodes:
                    known = ", ".join(sorted(nodes)) or "none"
                    text = f"start: node {verb.node} is not given; there are {known}"
                    reader.say(verb.line, text)
                if not verb.node and verb.stack not in home:
                    text = f"start: stack {verb.stack} is not in given.stacks: say on which node"
                    reader.say(verb.line, f"{text}, {{stack: {verb.stack}, node: N}}")


def _with_sysplex(given: Given) -> Given:
    if any(raw["kind"] == "Sysplex" for raw in given.objects):
        return given
    plex = {
        "apiVersion": objects.GROUP,
        "kind": "Sysplex",
        "metadata": {"name": SYSPLEX, "namespace": do.NAMESPACE},
        "spec": {},
    }
    return Given(nodes=given.nodes, stacks=given.stacks, objects=(plex, *given.objects))


