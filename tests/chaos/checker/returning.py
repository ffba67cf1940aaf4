"""How soon a primary that serves again has its address back."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checker.facts import Facts
from tests.chaos.checker.history import STOCK, Fault, Finding, History, at

# The monitor hears two answers half a second apart; then the write.
TAKES_BACK_S = 3.0


def taken_back(history: History) -> Iterator[Finding]:
    """Nobody else keeps an address for long once its primary is well and answers."""
    facts = Facts(history)
    for vipa, chain in history.chains.items():
        for fault in history.faults:
            since = _serves_again(history, facts, chain[0], fault)
            record = None if since is None else at(history.records(vipa), since)
            if since is None or record is None or record["owner"] == chain[0]:
                continue
            back = (
                line["t"]
                for line in history.records(vipa)
                if line["t"] > since and line["owner"] == chain[0]
            )
            ended = min(next(back, fault.over), fault.over)
            took = ended - since - history.gaps.lost_s(since, ended)
            if took > TAKES_BACK_S:
                text = f"{vipa}: {chain[0]} served again for {took:.1f} s and did not have it"
                yield Finding(ended, "taken back", text, since)


def _serves_again(history: History, facts: Facts, stack: str, fault: Fault) -> float | None:
    """From when on a stack was well until the fault was over, and answered.

    Its pod is asked through the stock Service all the time: what the API server shows alone may be
    of before the fault.
    """
    if fault.mended is None:
        return None
    since: float | None = None
    for moment in [fault.mended, *(t for t in facts.changes if fault.mended < t < fault.over)]:
        if not facts.well(stack, moment):
            since = None
        elif since is None:
            since = moment
    if since is None:
        return None
    pods = {line["pod"] for line in history.kinds["pod"] if line["stack"] == stack}
    heard = (
        max(line["t"], since)
        for line in history.kinds["answered"]
        if line["target"] == STOCK and line["pod"] in pods and line["until"] >= since
    )
    first = min(heard, default=None)
    return first if first is not None and first < fault.over else None
