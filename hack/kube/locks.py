"""Locks between processes, so that two commands at once never share a port or a build.

The kernel drops a flock when its holder dies, however it dies: a lock file that is left
behind can therefore never block anybody, unlike a file that means "locked" by existing.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .outcome import say


@contextmanager
def held(path: Path, *, waiting: str) -> Iterator[None]:
    """Hold the lock of this path; say `waiting` once if somebody else has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
