"""The names of a file and the names of the same things in a cluster that others use too."""

from __future__ import annotations

from typing import Any

from vipa.rehearsal.steps import CLUSTER_WIDE, Raw

NODE_NAME = "nodeName"


class Lens:
    """One run's names: everything of the file lives in the cluster under a prefix of its own.

    The prefix occurs nowhere else, so taking it out of a text turns that into the file's words.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._bytes = prefix.encode()

    def name(self, name: str) -> str:
        """Of a namespace or a node."""
        return self.prefix + name

    def outward(self, raw: Raw) -> dict[str, Any]:
        """An object as it is to be written."""
        found: dict[str, Any] = _renamed(dict(raw), self.prefix)
        meta = dict(found["metadata"])
        if raw["kind"] in CLUSTER_WIDE:
            meta["name"] = self.name(meta["name"])
        else:
            meta["namespace"] = self.name(meta["namespace"])
        return {**found, "metadata": meta}

    def inward(self, line: bytes) -> bytes | None:
        """A line in the words of the file; None if it has nothing to do with this run."""
        return line.replace(self._bytes, b"") if self._bytes in line else None

    def text(self, text: str) -> str:
        return text.replace(self.prefix, "")


def _renamed(value: Any, prefix: str) -> Any:
    if isinstance(value, dict):
        return {
            k: prefix + v if k == NODE_NAME and isinstance(v, str) and v else _renamed(v, prefix)
            for k, v in value.items()
        }
    return [_renamed(one, prefix) for one in value] if isinstance(value, list) else value
