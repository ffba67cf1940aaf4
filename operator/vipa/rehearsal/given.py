"""The `given` of a rehearsal: nodes, stacks by their shorthand, and objects made complete."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yaml.nodes import Node

from vipa.rehearsal import objects
from vipa.rehearsal import steps as do
from vipa.rehearsal.reading import FileError, Reader, text
from vipa.rehearsal.steps import SYSPLEX, Given, GivenStack


def read(reader: Reader, node: Node) -> Given:
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
            found += _object(reader, item)
    if "files" in fields:
        for item in reader.items(fields["files"].value, "given.files"):
            found += _file(reader, item)
    named = {raw["metadata"]["name"] for raw in found if raw["kind"] == "Node"}
    for stack in stacks:
        if stack.node not in named:
            nodes.setdefault(stack.node, "")
    return Given(nodes=nodes, stacks=tuple(stacks), objects=tuple(found))


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
        documents = inner.documents(text(place))
    except FileError as error:
        reader.say(node, f"given.files: {name} {error.mistakes[0].message}")
        return []
    found = [raw for one in documents for raw in _object(inner, one)]
    reader.mistakes += inner.mistakes
    return found


def _object(reader: Reader, node: Node) -> list[do.Raw]:
    """An object as it is created; what the API server would refuse is a mistake of the file."""
    raw = objects.read(reader, node, "an object")
    if raw is None:
        return []
    new = objects.created(raw)
    if wrong := objects.issues(None, new):
        reader.say(node, f"{new['kind']} {new['metadata']['name']} would be refused: {wrong}")
    return [new]


def in_two(given: Given) -> tuple[Given, tuple[do.Raw, ...]]:
    """What has to settle before there are VIPAs, and what comes then, where there is a difference.

    Stacks that answer a monitor or wait for a delay become Active one by one where time is real,
    and a VIPA that is there already would go to the first of them.
    """
    if not any(_takes_time(raw) for raw in given.objects):
        return given, ()
    later = tuple(raw for raw in given.objects if raw["kind"] in ("VIPA", "VIPABackup"))
    first = tuple(raw for raw in given.objects if raw not in later)
    return replace(given, objects=first), later


def _takes_time(raw: do.Raw) -> bool:
    fields = raw.get("spec") or {}
    return raw["kind"] == "Sysplex" and bool(fields.get("monitor") or fields.get("joinDelay"))


def with_sysplex(given: Given) -> Given:
    if any(raw["kind"] == "Sysplex" for raw in given.objects):
        return given
    plex = {
        "apiVersion": objects.GROUP,
        "kind": "Sysplex",
        "metadata": {"name": SYSPLEX, "namespace": do.NAMESPACE},
        "spec": {},
    }
    return Given(nodes=given.nodes, stacks=given.stacks, objects=(plex, *given.objects))
