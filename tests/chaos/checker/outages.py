"""What connects cost: outages, and which of the failed connects are not the address's.

A connect of the stock Service ends at one of the same pods. Where those fail, too, at the moment in
which ours do, the pod could not answer, or the machine.
"""

from __future__ import annotations

import bisect

from tests.chaos.checker.history import STOCK, Fault, History, Line, at

EVERY_S = 0.005
SAME_MOMENT_S = 0.3
# Stock asks one pod every 15 ms on average; so long a silence of one is no chance.
HEARD_S = 0.1


def outage(history: History, target: str, fault: Fault) -> tuple[float, float] | None:
    """First and last failed connect in the time of this fault.

    What was answered in between ends nothing: an address that fails for a moment again and again,
    or once more when it comes home, has not been well since the first one.
    """
    found = [line["t"] for line in own(history, target, fault)]
    return (min(found), max(found)) if found else None


def own(history: History, target: str, fault: Fault) -> list[Line]:
    """The failed connects in the time of this fault that are nobody else's."""
    found = [line for line in history.failures(target) if fault.spans(line["t"])]
    if fault.bound.moves or target not in history.chains:
        return found
    return [line for line in found if not shared(history, target, line["t"])]


def shared(history: History, vipa: str, moment: float) -> bool:
    """Stock failed in the same moment, and not at another pod than the owner's.

    Asked only where nothing shall move: after a move the owner's pod and that of stock that fails
    are the same one, and how long ours stays there is what is to be measured.
    """
    fails = [line["t"] for line in history.failures(STOCK)]
    near = bisect.bisect_left(fails, moment - SAME_MOMENT_S)
    if near == len(fails) or fails[near] > moment + SAME_MOMENT_S:
        return False
    record = at(history.records(vipa), moment)
    holder = record["ready"][0]["pod"] if record is not None and record["ready"] else ""
    silent = _silent(history, moment)
    return not silent or holder in silent


def _silent(history: History, moment: float) -> set[str]:
    """Pods that stock asked before and after, and of which it heard nothing then."""
    answers = [line for line in history.kinds["answered"] if line["target"] == STOCK]
    near = [line for line in answers if line["t"] - 30.0 <= moment <= line["until"] + 30.0]
    heard = {
        line["pod"] for line in near if line["t"] - HEARD_S <= moment <= line["until"] + HEARD_S
    }
    return {line["pod"] for line in near} - heard
