"""Bounded waiting on a condition: the only way in which tests let time pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LOOK_EVERY_S = 0.02


def eventually(condition: Callable[[], T], within_s: float = 20.0) -> T:
    """The first true answer. An AssertionError is a "not yet", and the last one is the verdict."""
    until = time.monotonic() + within_s
    never = threading.Event()
    while True:
        complaint: AssertionError | None = None
        try:
            if found := condition():
                return found
        except AssertionError as error:
            complaint = error
        if time.monotonic() > until:
            raise complaint or AssertionError(f"not within {within_s} s")
        never.wait(LOOK_EVERY_S)
