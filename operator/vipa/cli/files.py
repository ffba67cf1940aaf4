"""Objects from YAML files: documents, Lists, folders, stdin; every object knows its line."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from vipa.cli.problems import MisuseError

Raw = Mapping[str, Any]

TIMESTAMP = "tag:yaml.org,2002:timestamp"
STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")
# libyaml where PyYAML has it: a snapshot of a large cluster takes seconds instead of a minute.
_Fast: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_Fast):  # type: ignore[misc]
    """YAML as Kubernetes reads it: a time is a string like any other."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own spelling
        first: [pair for pair in pairs if pair[0] != TIMESTAMP]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One object and where it stands."""

    raw: Raw
    file: str
    line: int
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The objects of some files, and the annotations of the Lists around them."""

    documents: tuple[Document, ...]
    notes: Mapping[str, str]


def read(paths: Iterable[str]) -> Read:
    """All objects of these files and folders. Raises MisuseError for what cannot be read."""
    documents: list[Document] = []
    notes: dict[str, str] = {}
    for path in _files(paths):
        for raw, node in _parsed(path):
            documents += _objects(raw, node, path, notes)
    return Read(documents=tuple(documents), notes=notes)


def _files(paths: Iterable[str]) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        place = Path(path)
        if path == STDIN or not place.is_dir():
            yield path
            continue
        inside = sorted(str(one) for one in place.rglob("*") if one.suffix in SUFFIXES)
        if not inside:
            raise MisuseError(f"{path}: the folder holds no file named *{', *'.join(SUFFIXES)}")
        yield from inside


def _text(path: str) -> str:
    try:
        if path == STDIN:
            return sys.stdin.read()
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise MisuseError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise MisuseError(
            f"{path}: is no UTF-8 text: {error.reason} at byte {error.start}"
        ) from error


def _parsed(path: str) -> Iterator[tuple[object, Node]]:
    loader = None
    try:
        loader = Loader(_text(path))
        while loader.check_node():
            node = loader.get_node()
            yield loader.construct_document(node), node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        what = error.problem or error.context
        raise MisuseError(f"{path}:{line}: is no YAML: {what}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MisuseError(f"{path}: is no YAML: {error}") from error
    finally:
        if loader is not None:
            loader.dispose()


def _objects(raw: object, node: Node, path: str, notes: dict[str, str]) -> Iterator[Document]:
    """The object, or those of a List; of an empty document none."""
    line = int(node.start_mark.line) + 1
    if raw is None:
        return
    if not isinstance(raw, dict):
        text = "is no Kubernetes object: write a mapping with apiVersion, kind and metadata"
        raise MisuseError(f"{path}:{line}: {text}")
    kind, items = raw.get("kind"), raw.get("items")
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, list)):
        yield Document(raw=raw, file=path, line=line, node=node)
        return
    meta = raw.get("metadata")
    given = meta.get("annotations") if isinstance(meta, dict) else None
    notes.update({k: v for k, v in (given or {}).items() if isinstance(v, str)})
    for item, inner in zip(items, _items(node), strict=True):
        typed = item
        if isinstance(item, dict) and kind != "List":
            # A list of one kind, as the API gives it: its items do not repeat the kind.
            head = {"apiVersion": raw.get("apiVersion"), "kind": kind.removesuffix("List")}
            typed = {**head, **item}
        yield from _objects(typed, inner, path, notes)


def _items(node: Node) -> list[Node]:
    found = value_of(node, "items")
    return list(found.value) if isinstance(found, SequenceNode) else []


def value_of(node: Node, name: str) -> Node | None:
    """The node under a key of a mapping."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == name and isinstance(value, Node):
                return value
    return None
