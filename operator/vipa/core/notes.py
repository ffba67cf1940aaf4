"""What is found wrong while a document is read, and how a value is shown in a message."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from vipa.core.resources import Issue

# A condition message has a limit, and nobody reads the hundredth error of one object.
MOST_ISSUES = 20


def shown(value: object) -> str:
    """A value in a message: short, one line, ASCII."""
    if isinstance(value, str):
        return json.dumps(value[:40]) + ("..." if len(value) > 40 else "")
    if value is None or isinstance(value, bool | float):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a huge number"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"


class Notes:
    """What is found while one document is read."""

    def __init__(self) -> None:
        self.found: list[Issue] = []
        self.opened: list[Callable[[], Iterator[Issue]]] = []

    def add(self, path: str, message: str) -> None:
        if len(self.found) < MOST_ISSUES:
            self.found.append(Issue(path, message))

    @property
    def issues(self) -> tuple[Issue, ...]:
        return tuple(self.found)

    @property
    def unknown(self) -> tuple[Issue, ...]:
        """The fields that no reader asked for."""
        return tuple(issue for unknown in self.opened for issue in unknown())
