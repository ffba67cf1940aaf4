"""Moments, written down by the process that lives them and read by the one that counts.

`perf_counter` is the monotonic clock, which all processes of a Linux machine share.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Stamp(NamedTuple):
    """`what` happened to the version of an object that is named."""

    at: float
    what: str
    name: str
    version: str


class Stamps:
    """Written at once and without buffer: nothing is lost, and both sides pay the same for it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def mark(self, what: str, raw: Mapping[str, Any]) -> None:
        at = time.perf_counter()
        meta = raw["metadata"]
        line = f"{at:.7f} {what} {meta['name']} {meta.get('resourceVersion', '-')}\n"
        os.write(self._file, line.encode())


class Story:
    """What one process wrote down."""

    def __init__(self, path: Path) -> None:
        self.stamps: list[Stamp] = []
        if path.exists():
            for line in path.read_text().splitlines():
                at, what, name, version = line.split(" ")
                self.stamps.append(Stamp(float(at), what, name, version))
        self._times = [stamp.at for stamp in self.stamps]
        self._seen = {(s.name, s.version): s.at for s in reversed(self.stamps) if s.what == "seen"}

    def seen(self, name: str, version: str) -> float | None:
        """When this version of a pod first came to the handler."""
        return self._seen.get((name, version))

    def between(self, start: float, end: float) -> dict[str, float]:
        """The first moment of each sort in a span of time."""
        found: dict[str, float] = {}
        for stamp in self.stamps[bisect_left(self._times, start) :]:
            if stamp.at > end:
                break
            found.setdefault(stamp.what, stamp.at)
        return found
