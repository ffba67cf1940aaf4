"""What `vipa lint` finds: in each object alone, and between the objects of the same files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from yaml.nodes import MappingNode, Node, SequenceNode

from vipa.cli import source
from vipa.cli.files import Document, value_of
from vipa.cli.options import Place
from vipa.core import acceptance, spec
from vipa.core.cluster import Key
from vipa.core.inventory import Inventory
from vipa.core.reasons import Acceptance
from vipa.core.resources import Backup, Issue, Stack, Sysplex, Vipa
from vipa.core.snapshot import Allowed, Snapshot
from vipa.k8s import decode, names

Raw = Mapping[str, Any]
Ours = Sysplex | Stack | Vipa | Backup

KINDS = ("Sysplex", "Stack", "VIPA", "VIPABackup")
LATER = ("VIPADistribution", "VIPARange", "VIPAClaim")
OURS = f"group {names.GROUP}"
STEP = re.compile(r"[^.\[\]]+|\[\d+\]")
WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet")


class Finding(NamedTuple):
    """Something to be changed: where, and what would be right."""

    file: str
    line: int
    object: str
    path: str
    message: str
    error: bool

    def __str__(self) -> str:
        path = f" {self.path}" if self.path else ""
        word = "error" if self.error else "warning"
        return f"{self.file}:{self.line}: {word}: {self.object}{path}: {self.message}"


class Placed(NamedTuple):
    """An object of ours with the place where it stands."""

    value: Ours
    document: Document
    name: str

    def finding(self, issue: Issue, *, error: bool) -> Finding:
        document = self.document
        line = line_of(document.node, issue.path)
        return Finding(document.file, line, self.name, issue.path, issue.message, error)


def is_ours(raw: Raw) -> bool:
    version = raw.get("apiVersion")
    return isinstance(version, str) and names.is_ours(version)


def find(
    documents: Iterable[Document], place: Place, allowed: list[Allowed] | None
) -> Iterator[Finding]:
    """Everything that is to be said about these documents, in no particular order."""
    documents = list(documents)
    ours: list[Placed] = []
    for one in documents:
        if not is_ours(one.raw):
            continue
        yield from _twice(one, one.node)
        kind = one.raw.get("kind")
        if kind not in KINDS:
            yield _unknown_kind(one)
            continue
        placed = _placed(one, place)
        if isinstance(placed, Finding):
            yield placed
            continue
        ours.append(placed)
        for issue in placed.value.issues:
            yield placed.finding(issue, error=True)
        for issue in spec.unknown_fields(one.raw):
            yield placed.finding(issue, error=True)
    now = _snapshot(documents, place, allowed)
    yield from _same(ours)
    yield from _addresses(now, ours)
    yield from _names(now.world, ours, _stacks(documents, now.world, place))


def _unknown_kind(one: Document) -> Finding:
    kind = str(one.raw.get("kind"))
    text = f"there is no kind {kind}: write one of {', '.join(KINDS)}"
    if kind in LATER:
        text = f"kind {kind} is not supported by this version: remove it"
    return Finding(one.file, line_of(one.node, "kind"), kind, "kind", text, True)


def _placed(one: Document, place: Place) -> Placed | Finding:
    kind, meta = str(one.raw["kind"]), one.raw.get("metadata")
    name = meta.get("name") if isinstance(meta, dict) else None
    if one.raw["apiVersion"] != names.API_VERSION:
        text = f"write {names.API_VERSION}"
        return Finding(one.file, line_of(one.node, "apiVersion"), kind, "apiVersion", text, True)
    if not isinstance(name, str) or not name:
        text = "write a name: there is none that could be read"
        where = line_of(one.node, "metadata.name")
        return Finding(one.file, where, kind, "metadata.name", text, True)
    value = decode.decode(kind, source.complete(one.raw, str(place.namespace), one.file))
    assert isinstance(value, Sysplex | Stack | Vipa | Backup)
    return Placed(value, one, f"{kind.lower()}/{name}")


def _snapshot(documents: list[Document], place: Place, allowed: list[Allowed] | None) -> Snapshot:
    """The objects of the files that have a name, as one world."""
    home = str(place.namespace)
    raws = [
        source.complete(one.raw, home, one.file)
        for one in documents
        if source.known(one.raw) and _named(one.raw)
    ]
    found = source.Source(raws=tuple(raws), now="1970-01-01T00:00:00Z", home=home, shown=None)
    return source.snapshot(found, allowed)


def _named(raw: Raw) -> bool:
    meta = raw.get("metadata")
    return isinstance(meta, dict) and isinstance(meta.get("name"), str)


def _same(ours: list[Placed]) -> Iterator[Finding]:
    """The same object twice: the second would overwrite the first."""
    seen: dict[tuple[str, Key], Placed] = {}
    for one in ours:
        first = seen.setdefault((type(one.value).__name__, one.value.key), one)
        if first is not one:
            text = f"stands in {first.document.file}:{first.document.line} already: keep one"
            yield one.finding(Issue("metadata.name", text), error=True)


def _addresses(now: Snapshot, ours: list[Placed]) -> Iterator[Finding]:
    """Addresses that the operator would refuse."""
    for one in ours:
        if isinstance(one.value, Vipa) and now.world.vipas.get(one.value.key) == one.value:
            answer = acceptance.answer(now, one.value)
            if answer.reason in (Acceptance.ADDRESS_IN_USE, Acceptance.ADDRESS_NOT_ALLOWED):
                yield one.finding(Issue("spec.address", answer.message), error=True)


def _names(world: Inventory, ours: list[Placed], stacks: set[Key]) -> Iterator[Finding]:
    """Names that nothing among the files has. The cluster may have them: warnings."""
    for one in ours:
        ns = one.value.key.namespace
        for issue, known in _named_by(world, one.value, {k.name for k in stacks if k[0] == ns}):
            if not known:
                yield one.finding(issue, error=False)


def _named_by(world: Inventory, value: Ours, stacks: set[str]) -> Iterator[tuple[Issue, bool]]:
    ns = value.key.namespace

    def stack(path: str, name: str) -> tuple[Issue, bool]:
        text = f"no Stack or pod of these files is stack {name} in namespace {ns}"
        return Issue(path, text), not name or name in stacks

    match value:
        case Vipa():
            yield _plex(world, ns, value.spec.sysplex)
            yield stack("spec.primary", value.spec.primary)
            for index, rank in enumerate(value.spec.backups):
                yield stack(f"spec.backups[{index}].stack", rank.stack)
            yield stack("spec.move.to", value.spec.move_to)
        case Backup():
            yield _plex(world, ns, value.sysplex)
            for index, rank in enumerate(value.ranking):
                yield stack(f"spec.ranking[{index}].stack", rank.stack)
            for name in sorted(value.vipas):
                text = f"no VIPA of these files is named {name} in namespace {ns}"
                yield Issue("spec.vipas", text), Key(ns, name) in world.vipas
        case Stack():
            yield _plex(world, ns, value.sysplex)


def _plex(world: Inventory, ns: str, name: str) -> tuple[Issue, bool]:
    text = f"no Sysplex of these files is named {name} in namespace {ns}"
    return Issue("spec.sysplex", text), not name or Key(ns, name) in world.sysplexes


def _stacks(documents: list[Document], world: Inventory, place: Place) -> set[Key]:
    """The stacks of the files: Stack objects, pods, and the pods that workloads will make."""
    found = {*world.stacks, *world.pods_by_stack}
    for one in documents:
        if one.raw.get("kind") in WORKLOADS and _named(one.raw):
            meta = one.raw["metadata"]
            ns = str(meta.get("namespace") or place.namespace)
            found |= {Key(ns, name) for name in _made(one.raw, meta["name"])}
    return found


def _made(raw: Raw, name: str) -> Iterator[str]:
    """A stack label names the stack; without one the pods of a StatefulSet are named by number."""
    asked = raw.get("spec")
    asked = asked if isinstance(asked, dict) else {}
    template = asked.get("template")
    meta = template.get("metadata") if isinstance(template, dict) else None
    labels = meta.get("labels") if isinstance(meta, dict) else None
    plex, stack, _ = spec.pod_stack(labels, f"{name}-0")
    if not plex or not stack:
        return
    replicas = asked.get("replicas", 1)
    numbered = raw["kind"] == "StatefulSet" and names.STACK not in (labels or {})
    if numbered and isinstance(replicas, int):
        yield from (f"{name}-{number}" for number in range(min(replicas, 1000)))
    else:
        yield stack


def line_of(node: Node, path: str) -> int:
    """The line of the field at a path, or of the nearest thing around it that is there."""
    for step in STEP.findall(path):
        inner = None
        if step.startswith("["):
            index = int(step[1:-1])
            if isinstance(node, SequenceNode) and index < len(node.value):
                inner = node.value[index]
        else:
            inner = value_of(node, step)
        if inner is None:
            break
        node = inner
    return int(node.start_mark.line) + 1


def _twice(one: Document, node: Node, path: str = "") -> Iterator[Finding]:
    """A key twice in a mapping: YAML readers take the last, and nobody is told."""
    if isinstance(node, SequenceNode):
        for index, inner in enumerate(node.value):
            yield from _twice(one, inner, f"{path}[{index}]")
    if not isinstance(node, MappingNode):
        return
    seen: set[str] = set()
    for key, inner in node.value:
        here = f"{path}.{key.value}" if path else str(key.value)
        if str(key.value) in seen and key.value != "<<":
            line = int(key.start_mark.line) + 1
            text = f"{key.value} stands twice in this object: keep one"
            yield Finding(one.file, line, str(one.raw.get("kind")), here, text, True)
        seen.add(str(key.value))
        yield from _twice(one, inner, here)
