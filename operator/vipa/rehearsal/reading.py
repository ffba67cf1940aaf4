"""YAML with line numbers: every mistake says where it is and what would be right.

Nodes are kept as PyYAML composes them, because the values that it constructs have forgotten their
lines. All mistakes of a file are collected, so that one run tells everything.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

BOOL = "tag:yaml.org,2002:bool"
NULL = "tag:yaml.org,2002:null"
STRING = "tag:yaml.org,2002:str"
INTEGER = "tag:yaml.org,2002:int"
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Mistake(NamedTuple):
    """What is wrong, where, and what would be right."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class Field(NamedTuple):
    """A key of a mapping with its value."""

    key: Node
    value: Node


class FileError(Exception):
    """A file is wrong; `mistakes` says where and what would be right."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(map(str, self.mistakes)))


def line_of(node: Node) -> int:
    return int(node.start_mark.line) + 1


def hint(word: str, known: Iterable[str]) -> str:
    """What was probably meant, else everything that there is."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean `{near[0]}`?" if near else f"there are {', '.join(names)}"


class Reader:
    """Reads the nodes of one file. A node that is wrong is reported once and read as empty."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.mistakes: list[Mistake] = []
        self._plain = yaml.constructor.SafeConstructor()
        self._flat: dict[int, Node] = {}

    def say(self, where: Node | int, message: str) -> None:
        line = where if isinstance(where, int) else line_of(where)
        mistake = Mistake(self.path, line, message)
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)

    def documents(self, text: str) -> list[Node]:
        """The documents of a file; a syntax error is a mistake like any other."""
        try:
            found = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark is not None else 1
            self.say(line, f"this is no YAML: {error.problem or error.context}")
            return []
        except yaml.YAMLError as error:
            self.say(1, f"this is no YAML: {error}")
            return []
        for node in found:
            for scalar in _scalars(node):
                if scalar.tag == BOOL and scalar.value.lower() not in ("true", "false"):
                    self._boolean(scalar)
        return found

    def _boolean(self, node: ScalarNode) -> None:
        self.say(
            node,
            f'YAML reads `{node.value}` as a boolean: write "{node.value}" if it is a name, '
            "else true or false",
        )

    def mapping(self, node: Node, what: str) -> dict[str, Field]:
        """The fields of a mapping by name; another node, or a key twice, is a mistake."""
        if not isinstance(node, MappingNode):
            self.say(node, f"{what} is to be a mapping, not {kind_of(node)}")
            return {}
        if id(node) not in self._flat:  # before merge keys, whose values are there to be replaced
            self._flat[id(node)] = node
            self._twice(node, what)
            self._plain.flatten_mapping(node)
        fields = [(self.name(key, f"a key of {what}"), key, value) for key, value in node.value]
        return {name: Field(key, value) for name, key, value in fields if name}

    def _twice(self, node: MappingNode, what: str) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, ScalarNode) and key.value in seen:
                self.say(key, f"`{key.value}` is there twice in {what}: keep one of them")
            seen.add(str(key.value))

    def known(self, node: Node, what: str, keys: Iterable[str]) -> dict[str, Field]:
        """A mapping that has these keys and no others."""
        found, allowed = self.mapping(node, what), set(keys)
        for name, field in found.items():
            if name not in allowed:
                self.say(field.key, f"unknown key `{name}` in {what}; {hint(name, allowed)}")
        return {name: field for name, field in found.items() if name in allowed}

    def items(self, node: Node, what: str) -> list[Node]:
        if not isinstance(node, SequenceNode):
            self.say(node, f"{what} is to be a list, not {kind_of(node)}")
            return []
        return list(node.value)

    def name(self, node: Node, what: str) -> str:
        """A string that is not empty; where YAML made something else of it, quotes are due."""
        if isinstance(node, ScalarNode):
            if node.tag == STRING and node.value:
                return str(node.value)
            if node.tag == BOOL:
                if node.value.lower() in ("true", "false"):  # the others were reported before
                    text = f"{what} is a name, and `{node.value}` is a boolean"
                    self.say(node, f'{text}: write "{node.value}"')
                return ""
            if node.tag != NULL and node.value:
                self.say(node, f'{what} is a name: write "{node.value}", in quotes')
                return ""
        self.say(node, f"{what} is to be a name, not {kind_of(node)}")
        return ""

    def names(self, node: Node, what: str) -> tuple[str, ...]:
        return tuple(name for item in self.items(node, what) if (name := self.name(item, what)))

    def label(self, node: Node, what: str) -> str:
        """A name that Kubernetes takes for a stack, a pod or a node."""
        name = self.name(node, what)
        if name and not all(LABEL.fullmatch(part) for part in name.split(".")):
            self.say(node, f"{what}: `{name}` is no DNS name: lower-case letters, digits, hyphens")
            return ""
        return name

    def integer(self, node: Node, what: str) -> int | None:
        if isinstance(node, ScalarNode) and node.tag == INTEGER:
            value = self.plain(node)
            if isinstance(value, int) and value >= 0:
                return value
        self.say(node, f"{what} is to be a number from 0, not {kind_of(node)}")
        return None

    def flag(self, node: Node, what: str) -> bool:
        if isinstance(node, ScalarNode) and node.tag == BOOL:
            return bool(self.plain(node))
        self.say(node, f"{what} is to be true or false, not {kind_of(node)}")
        return False

    def duration(self, node: Node, what: str) -> float | None:
        """Seconds, of a length of time as the API writes them."""
        text = self.name(node, what)
        match = DURATION.fullmatch(text)
        if match is None:
            if text:
                self.say(node, f"{what}: `{text}` is no duration: write 500ms, 2s or 1m")
            return None
        return float(match[1]) * UNITS[match[2]]

    def plain(self, node: Node) -> Any:
        """The value without its lines."""
        try:
            return self._plain.construct_document(node)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            self.say(mark.line + 1 if mark else node, f"this is no plain value: {error.problem}")
            return None

    def object(self, node: Node, what: str) -> Mapping[str, Any]:
        fields = self.mapping(node, what)
        value = self.plain(node) if fields else None
        return value if isinstance(value, dict) else {}


def kind_of(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return "nothing" if node.tag == NULL or not node.value else f"`{node.value}`"


def _scalars(node: Node) -> Iterator[ScalarNode]:
    """Every scalar below a node, keys included; an alias is followed once."""
    seen: set[int] = set()
    todo = [node]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, ScalarNode):
            yield one
        elif isinstance(one, MappingNode):
            for key, value in one.value:
                todo += (key, value)
        elif isinstance(one, SequenceNode):
            todo += one.value


def scalars(node: Node) -> set[str]:
    """Every word below a node: what a file names anywhere."""
    return {str(scalar.value) for scalar in _scalars(node)}


def text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError([Mistake(path, 1, f"cannot be read: {reason}")]) from error
