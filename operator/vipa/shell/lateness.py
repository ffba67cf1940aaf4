"""Whether the operator itself is too slow to judge, by its own clock.

A loop that was stuck, or that has more to do than time to do it, finds the timeout of a probe
before it looks for the answer that has long been there: such a failure speaks of us. So it does not
count, and whose probes are late often is told so. Times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from vipa.core.cluster import Key
from vipa.core.resources import Monitor

# Below these a delay is a busy moment: of a start, whatever the interval, and of a look.
GRACE_S = 0.05
MOMENT_S = 0.005
# With hysteresis, over about the last four probes of each stack: one stall of the loop, or one
# round of garbage collection, is no trouble; a tenth of all probes late is.
BEHIND, IN_STEP = 0.1, 0.02
ROUNDS, FEWEST = 4, 20
TEXT = (
    "the operator cannot keep up with its probes: more than a tenth of them are late, and what "
    "late probes miss does not count; a longer interval, or more processor time, helps"
)


class Allowance(NamedTuple):
    """How late a probe may `start`, and how long the loop may be stuck, or fail to `notice` that
    the timeout is over, for a failure to count."""

    start: float
    notice: float


def allowance(monitor: Monitor) -> Allowance:
    """A target that answers within three quarters of its timeout is never blamed for our delays."""
    return Allowance(
        start=max(GRACE_S, monitor.interval / 4), notice=max(MOMENT_S, monitor.timeout / 4)
    )


class Stalls:
    """When the event loop was stuck, told by a timer that should have run at a known time."""

    def __init__(self) -> None:
        # In order of time, and each shorter than the one before: what a longer one followed will
        # never be asked for again.
        self._stalls: deque[tuple[float, float]] = deque()
        self._expected: float | None = None

    def ran(self, now: float) -> float:
        """The timer runs. How much too late."""
        late = 0.0 if self._expected is None else max(0.0, now - self._expected)
        self._expected = None
        if late > MOMENT_S:
            while self._stalls and self._stalls[-1][1] <= late:
                self._stalls.pop()
            self._stalls.append((now, late))
        return late

    def expect(self, at: float) -> None:
        """It is to run again at this time."""
        self._expected = at

    def longest(self, since: float, now: float) -> float:
        """The longest stall that ended after `since`; one that goes on counts as far as it got."""
        going_on = 0.0 if self._expected is None else max(0.0, now - self._expected)
        for at, length in self._stalls:
            if at >= since:
                return max(going_on, length)
        return going_on


class Lateness:
    """The share of late probes in each Sysplex; `behind` says in words which cannot keep up."""

    def __init__(self) -> None:
        self.behind: dict[Key, str] = {}
        self.on_behind: Callable[[Key, str | None], None] = lambda plex, text: None
        self._shares: dict[Key, float] = {}

    def count(self, plex: Key, late: bool, stacks: int) -> None:
        """One more probe in a Sysplex of so many stacks."""
        if not late and plex not in self._shares:
            return
        before = self._shares.get(plex, 0.0)
        weight = 1 / max(FEWEST, ROUNDS * stacks)
        share = before + (late - before) * weight
        self._shares[plex] = share
        if share > BEHIND and plex not in self.behind:
            self._tell(plex, TEXT)
        elif share < IN_STEP and plex in self.behind:
            self._tell(plex, None)
        elif share < weight / ROUNDS:
            del self._shares[plex]  # a last trace of one late probe, long ago

    def forget(self, plex: Key) -> None:
        """Nobody is asked there any more."""
        self._shares.pop(plex, None)
        if plex in self.behind:
            self._tell(plex, None)

    def _tell(self, plex: Key, text: str | None) -> None:
        if text is None:
            del self.behind[plex]
        else:
            self.behind[plex] = text
        self.on_behind(plex, text)
