"""What the monitor's probes say of one pod: answers in, a verdict with its evidence out.

I4  A verdict outlasts whoever found it. A tally begins with the verdict that the API shows, and
    only the full threshold of own answers overturns that: neither "healthy" nor "unknown" is a
    place to start from.
"""

from __future__ import annotations

from typing import NamedTuple

from vipa.core.resources import Monitor

ERRORS_KEPT = 3


class Answer(NamedTuple):
    """One probe. `started` on the observer's monotonic clock, in seconds; `error` empty: it was
    answered, else what went wrong, for people."""

    started: float
    error: str = ""


class Lapse(NamedTuple):
    """A row of unanswered probes: when the first of them started, and the answered one after it."""

    began: float
    over: float


class Tally(NamedTuple):
    """The count for one pod. All times are seconds on the observer's monotonic clock.

    `needs`: answers in a row that a silent pod has to give. `missed`: when the first unanswered
    probe of the present row started. `answered`: when the last answered probe started. `latest`:
    when the last unanswered ones of the present row started, as many as the threshold. `lapse`: the
    last row that ended by an answer. `turned`: when this observer found the pod silent, None for a
    verdict that it adopted. `confirmed`: this observer has had a full threshold of evidence of its
    own. `adopted`: what the API said of a silent pod, for people, until then.
    """

    silent: bool
    needs: int = 1
    misses: int = 0
    answers: int = 0
    missed: float | None = None
    answered: float | None = None
    latest: tuple[float, ...] = ()
    lapse: Lapse | None = None
    turned: float | None = None
    confirmed: bool = False
    errors: tuple[str, ...] = ()
    adopted: str = ""

    @property
    def message(self) -> str:
        """The last errors in words, the newest first, each once."""
        return "; ".join(dict.fromkeys(self.errors))


def anew(tally: Tally) -> Tally:
    """The verdict without any row: what was counted so far is of another time."""
    return tally._replace(misses=0, answers=0, missed=None, latest=(), lapse=None)


def heard(tally: Tally, monitor: Monitor, answer: Answer, at: float) -> Tally:
    """The tally after one more answer, which arrived `at` this time."""
    if answer.error:
        return _missed(tally, monitor, answer, at)
    answers = tally.answers + 1
    back = tally.silent and answers >= tally.needs
    return tally._replace(
        silent=tally.silent and not back,
        answers=answers,
        misses=0,
        missed=None,
        answered=answer.started,
        latest=(),
        lapse=tally.lapse if tally.missed is None else Lapse(tally.missed, answer.started),
        turned=None if back else tally.turned,
        confirmed=tally.confirmed or back or not tally.silent,
        errors=() if back or not tally.silent else tally.errors,
    )


def missed_since(tally: Tally, moment: float, monitor: Monitor) -> bool:
    """Whether a full row of probes, as the threshold asks, started later and went unanswered."""
    full = len(tally.latest) >= monitor.failure_threshold
    return full and tally.latest[-monitor.failure_threshold] >= moment


def _missed(tally: Tally, monitor: Monitor, answer: Answer, at: float) -> Tally:
    misses = tally.misses + 1
    enough = misses >= monitor.failure_threshold
    turns = enough and not tally.silent
    return tally._replace(
        silent=tally.silent or enough,
        # Who has been silent answers as often as the spec asks; who never answered, once.
        needs=monitor.success_threshold if turns else tally.needs,
        misses=misses,
        answers=0,
        missed=answer.started if tally.missed is None else tally.missed,
        latest=(*tally.latest, answer.started)[-monitor.failure_threshold :],
        turned=at if turns else tally.turned,
        confirmed=tally.confirmed or enough,
        errors=(answer.error, *tally.errors)[:ERRORS_KEPT],
    )
