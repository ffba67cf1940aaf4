"""When the machine stood still, or nobody could see: what is found then, nobody can be held to.

The control, a server at the client's own loopback, is asked like every target and needs neither
cluster nor network. The API server is asked for anything at all twice a second. When one of them
is not heard, a promise with a time in it says something about the machine. Safety is promised
however slow the machine is: its rules never ask here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Gap(NamedTuple):
    start: float
    end: float


STOOD_STILL_S = 0.5  # a hundred connects in a row that were not even begun
UNSEEN_S = 2.0
UNKNOWN_S = 4.0  # unseen so long: all may have moved and come back
# A connect that fails in a standstill may have begun before it, by the client's patience.
EARLIER_S = 1.0


def missing(spans: Iterable[tuple[float, float]], longest: float) -> list[Gap]:
    """What these leave out between the first and the last of them."""
    found: list[Gap] = []
    reached: float | None = None
    for first, last in sorted(spans):
        if reached is not None and first - reached > longest:
            found.append(Gap(reached, first))
        reached = max(reached or last, last)
    return found


def merged(gaps: Iterable[tuple[float, float]]) -> list[Gap]:
    """Each moment once, in order."""
    found: list[Gap] = []
    for start, end in sorted(gaps):
        if found and start <= found[-1].end:
            found[-1] = Gap(found[-1].start, max(found[-1].end, end))
        else:
            found.append(Gap(start, end))
    return found


def overlap_s(gaps: Sequence[Gap], since: float, until: float) -> float:
    return sum(max(0.0, min(until, gap.end) - max(since, gap.start)) for gap in gaps)


class Gaps:
    """`still`: of the machine of the clients. `unseen`: nobody was told what happened."""

    def __init__(
        self, still: Iterable[tuple[float, float]], unseen: Iterable[tuple[float, float]]
    ) -> None:
        self.still, self.unseen = merged(still), merged(unseen)
        self._either = merged([*self.still, *self.unseen])
        self._around = merged((g.start - EARLIER_S, g.end + EARLIER_S) for g in self.still)
        self._silent = merged([*self._around, *self.unseen])

    def still_s(self, since: float, until: float) -> float:
        return overlap_s(self.still, since, until)

    def unseen_s(self, since: float, until: float) -> float:
        return overlap_s(self.unseen, since, until)

    def lost_s(self, since: float, until: float) -> float:
        """How much of this time does not count."""
        return overlap_s(self._either, since, until)

    def unsaid_s(self, since: float, until: float) -> float:
        """Of how much of this time connects say nothing."""
        return overlap_s(self._around, since, until)

    def silent_s(self, since: float, until: float) -> float:
        """Of how much of this time connects say nothing, or nobody could see."""
        return overlap_s(self._silent, since, until)

    def stood_still(self, moment: float, echo_s: float = EARLIER_S) -> bool:
        """`echo_s`: how long afterwards it may still be the reason of what is seen."""
        return any(g.start - EARLIER_S <= moment <= g.end + echo_s for g in self.still)

    def was_unseen(self, moment: float, echo_s: float = EARLIER_S) -> bool:
        return any(g.start <= moment <= g.end + echo_s for g in self.unseen)

    def unknown(self, since: float, until: float) -> bool:
        """So much of this time was unseen that what was seen of it means nothing."""
        return any(
            g.end - g.start > UNKNOWN_S and g.start <= until and since <= g.end for g in self.unseen
        )
