"""Bounded waiting: the only way in which tests let time pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
WITHIN_S = 20.0
LOOK_EVERY_S = 0.02
NEVER = threading.Event()


def pause(seconds: float = LOOK_EVERY_S) -> None:
    """Between two looks."""
    NEVER.wait(seconds)


def eventually(condition: Callable[[], T], within_s: float = WITHIN_S) -> T:
    """The first true answer. An AssertionError is a "not yet", and the last one is the verdict."""
    until = time.monotonic() + within_s
    while True:
        complaint: AssertionError | None = None
        try:
            found = condition()
            if found:
                return found
        except AssertionError as error:
            complaint, found = error, None  # type: ignore[assignment]
        if time.monotonic() > until:
            raise complaint or AssertionError(f"not within {within_s} s; at the end: {found!r}")
        pause()


def becomes(probe: Callable[[], T], wanted: T, within_s: float = WITHIN_S) -> None:
    """The probe gives this value in the end."""

    def same() -> bool:
        found = probe()
        assert found == wanted
        return True

    eventually(same, within_s)


def stays(probe: Callable[[], T], for_s: float) -> T:
    """The probe gives one and the same value all the time."""
    first, deadline = probe(), time.monotonic() + for_s
    while time.monotonic() < deadline:
        pause()
        assert probe() == first
    return first
