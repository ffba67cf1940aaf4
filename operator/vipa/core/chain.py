"""The chain of a VIPA: its candidates in order.

Order: the pin while it is eligible, the primary (255), then rank, then the order of joining, then
name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from vipa.core import candidate
from vipa.core.candidate import UNJOINED, Entry, Question, Ranked
from vipa.core.inventory import Inventory
from vipa.core.judgement import Judgement
from vipa.core.reasons import Candidate
from vipa.core.resources import Vipa

PRIMARY_RANK = 255


def entries(world: Inventory, vipa: Vipa) -> dict[str, Entry]:
    """Every stack that the primary or a ranking names, once: the highest rank counts."""
    spec = vipa.spec
    found: dict[str, Entry] = {}
    if spec.primary:
        found[spec.primary] = Entry(spec.primary, PRIMARY_RANK, True)
    if spec.static:
        return found
    lists = [(spec.backups, True)]
    lists += [(backup.ranking, backup.activate) for backup in world.rankings(vipa)]
    for ranking, activate in lists:
        for stack, rank in ranking:
            had = found.get(stack)
            if had is None:
                found[stack] = Entry(stack, rank, activate)
            else:
                top = max(had.rank, rank)
                found[stack] = Entry(stack, top, had.activate or activate, overlaps=True)
    return found


class Chain:
    """Iterates over all candidates in order, each judged when it is first asked for.

    An owner follows from the first that is eligible; the verdicts on all behind it are for readers,
    and must not delay a takeover. Valid as long as the snapshot that it was made from.
    """

    def __init__(
        self, ask: Question, judged: Mapping[str, Judgement], named: Mapping[str, Entry]
    ) -> None:
        self._ask = ask
        self._judged = judged
        self._named = named
        self._found: dict[str, Ranked] = {}

        def place(stack: str) -> tuple[int, int, str]:
            verdict = judged[stack]
            joined = verdict.join_number if verdict.active else UNJOINED
            return -named[stack].rank, joined or UNJOINED, stack

        self._order = sorted(named, key=place)

    def of(self, stack: str) -> Ranked | None:
        """What was found about a stack; None for one that is not named.

        A pin alone makes no short-form stack eligible for a VIPA that was never active; if another
        stack could activate it in the same snapshot the pin counts from the beginning.
        """
        if stack not in self._named:
            return None
        if stack not in self._found:
            found = self._check(self._ask, stack)
            short = found.verdict.reason is Candidate.SHORT_FORM
            if short and stack == self._ask.vipa.spec.move_to and self._others_activate(stack):
                found = self._check(replace(self._ask, ever_active=True), stack)
            self._found[stack] = found
        return self._found[stack]

    def _check(self, ask: Question, stack: str) -> Ranked:
        return candidate.check(ask, self._named[stack], self._judged[stack])

    def _others_activate(self, pin: str) -> bool:
        return any(self._check(self._ask, one).eligible for one in self._order if one != pin)

    def __iter__(self) -> Iterator[Ranked]:
        """The pin first while it is eligible: so a forgotten one acts later."""
        pinned = self.of(self._ask.vipa.spec.move_to)
        first = pinned if pinned is not None and pinned.eligible else None
        if first is not None:
            yield first
        for stack in self._order:
            found = self.of(stack)
            if found is not None and found is not first:
                yield found

    @property
    def head(self) -> Ranked | None:
        """The first that is eligible."""
        return next((ranked for ranked in self if ranked.eligible), None)
