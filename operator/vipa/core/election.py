"""Who may write: the elector of a Lease, as a pure step.

E1  One leader: at no time may two candidates write, whatever is delayed, lost or answered late, as
    long as their clocks run at rates that differ from true time by at most `DRIFT`.
E2  Terms: each holder writes under a number (leaseTransitions) that is higher than that of every
    former one, and than any that a record carries (`floor`).

A leader may write until `duration - margin` after it *began* the last renewal that is known to have
arrived. A follower takes only what it has seen unchanged for `duration` since that version reached
it. Both count on their own monotonic clock, from moments that can only be on the safe side: a
renewal arrives after it was begun, and is seen after it arrived. Nobody compares clocks.

Whatever is written is guarded by the version that was seen, so an old request that arrives late
changes nothing. A request without an answer may have arrived: that is known only when its own mark
is seen in the Lease, in the answer, by the watch, or when it is read again.

Times are seconds on the monotonic clock of whoever calls. `tests/core/test_election_model.py`
explores all interleavings of this code and holds E1 and E2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

# In a true second a candidate's clock counts between 1 - DRIFT and 1 + DRIFT. That is far more than
# a crystal errs by, and leaves room for a virtual machine whose clock is being slewed.
DRIFT = 0.1
NEVER = -math.inf
FOR_EVER = math.inf


class Rules(NamedTuple):
    """Seconds; the Lease itself counts its duration in whole ones."""

    duration: float = 4.0
    renew: float = 1.0
    margin: float = 1.0

    @property
    def valid(self) -> float:
        """For how long a leader writes after the beginning of a renewal."""
        return self.duration - self.margin

    @property
    def attempt(self) -> float:
        """The longest that one request is waited for: two of them fit before the end."""
        return (self.valid - self.renew) / 2


def complaint(rules: Rules) -> str | None:
    """What is wrong with these rules and what would be right, or None."""
    duration, renew, margin = rules
    if duration < 1 or duration != int(duration):
        return f"the lease duration is {duration:g}s: a Lease counts whole seconds, at least 1s"
    least = duration * 2 * DRIFT / (1 + DRIFT)
    if margin < least:
        return (
            f"the lease margin is {margin:g}s: at least {math.ceil(least * 100) / 100:g}s for a "
            f"duration of {duration:g}s, because clocks may run at rates {DRIFT:.0%} off"
        )
    if not 0 < renew * 2 <= rules.valid:
        return (
            f"the lease renew interval is {renew:g}s: more than 0s and at most half of duration "
            f"less margin ({rules.valid / 2:g}s), so that one renewal may fail"
        )
    return None


class Lease(NamedTuple):
    """A Lease as it was seen. `version`: of the object, or of the list that does not have it.

    `mark` is what its last writer put there to know the write again. `uid`: a PUT of a Lease that
    is gone would make it anew, whatever version it is guarded by; its uid it cannot have again.
    `carried`: what others wrote there, which every write of ours takes along.
    """

    version: int
    uid: str = ""
    holder: str = ""
    duration: float = 0.0
    transitions: int = 0
    mark: str = ""
    exists: bool = True
    carried: str = ""


class Asked(NamedTuple):
    """A write that was begun and has not been seen to arrive."""

    mark: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What one candidate knows.

    `term` is of its own leadership, which is over at `until`; `begun` is when the last renewal was
    begun. `seen_at` is when `lease` first reached it. `stale`: what it knows may be out of date.
    `resigned`: it gives up what it has and takes nothing any more.
    """

    me: str
    rules: Rules
    lease: Lease | None = None
    seen_at: float = NEVER
    stale: bool = True
    term: int = 0
    until: float = NEVER
    begun: float = NEVER
    asked: Asked | None = None
    highest: int = 0
    again_at: float = NEVER
    resigned: bool = False


class Wait(NamedTuple):
    """Nothing to do before this time, unless something is seen."""

    until: float


class Read(NamedTuple):
    """Read the Lease, and give up at `deadline`."""

    deadline: float


class Ask(NamedTuple):
    """Write the Lease: guarded by `version` and `uid`, or made anew where that is 0.

    `anew`: not a renewal, a term begins with it (or, without a holder, ends).
    """

    holder: str
    transitions: int
    version: int
    uid: str
    anew: bool
    deadline: float
    carried: str = ""


Intent = Wait | Read | Ask


def leads(state: State, now: float) -> bool:
    """Whether this candidate may write at this time."""
    return state.term > 0 and now < state.until


def step(state: State, now: float, floor: int | None) -> Intent:
    """What to do now. `floor`: the highest term in a record; None: no candidate yet, only look."""
    if now < state.again_at:
        return Wait(state.again_at)
    give_up = now + state.rules.attempt
    lease = state.lease
    # A leader whose time ran out, because it was frozen for one, looks before it asks.
    lapsed = state.term > 0 and not leads(state, now)
    if state.resigned and not _may_hold(state):
        return Wait(FOR_EVER)
    if lease is None or state.stale or lapsed:
        return Read(give_up)
    if state.resigned:
        version, uid = lease.version, lease.uid
        return Ask("", lease.transitions, version, uid, True, give_up, lease.carried)
    higher = max(state.highest, lease.transitions, floor or 0) + 1
    version, uid = (lease.version, lease.uid) if lease.exists else (0, "")
    anew = Ask(state.me, higher, version, uid, True, give_up, lease.carried)
    if leads(state, now):
        # Deleted under us, or a record has a higher term than ours: the API server would refuse
        # all that we write. Nobody else can have begun a term, so we go on under a new one.
        if not lease.exists or (floor or 0) > state.term:
            return anew
        if now < state.begun + state.rules.renew:
            return Wait(state.begun + state.rules.renew)
        until = min(give_up, state.until)
        return Ask(state.me, state.term, version, uid, False, until, lease.carried)
    if floor is None:
        return Wait(FOR_EVER)
    # Released, or ours: then nobody has it, and what we did not hear of in time is a new term.
    if lease.exists and lease.holder in ("", state.me):
        return anew
    # A Lease that is gone may have been deleted under a leader who has not noticed: wait as long.
    free_at = state.seen_at + (lease.duration or state.rules.duration)
    return anew if now >= free_at else Wait(free_at)


def _may_hold(state: State) -> bool:
    """Whether the Lease is ours as far as we know, or will be by what we have asked for."""
    lease = state.lease
    ours = lease is not None and lease.exists and lease.holder == state.me
    return ours or state.asked is not None


def sent(state: State, mark: str, at: float) -> State:
    """A write begins, which will be known by this mark."""
    return replace(state, asked=Asked(mark, at))


def failed(state: State, at: float) -> State:
    """No answer in time, or a refusal: go on after a pause. A write may have arrived or not, so
    look first; unless its mark was seen already, and only the answer has been lost."""
    stale = state.stale or state.asked is not None
    return replace(state, stale=stale, again_at=at + state.rules.renew / 4)


def seen(state: State, lease: Lease, at: float) -> State:
    """The Lease reached us at this time: as an answer, by the watch, or because it was read."""
    known, asked = state.lease, state.asked
    if known is not None and lease.version < known.version:
        return state  # old news
    if not leads(state, at):
        state = replace(state, term=0, until=NEVER)
    state = replace(state, stale=False, highest=max(state.highest, lease.transitions))
    if known is None or lease.version > known.version:
        # One that is gone still binds for as long as it was good for.
        if not lease.exists and known is not None:
            lease = lease._replace(duration=known.duration)
        state = replace(state, lease=lease, seen_at=at)
    if lease.exists and lease.holder != state.me:
        return replace(state, term=0, until=NEVER, asked=None)
    if state.term and lease.transitions > state.term and (not asked or lease.mark != asked.mark):
        # Under our name, and not by us.
        return replace(state, term=0, until=NEVER, asked=None)
    if state.resigned:
        return replace(state, asked=None)
    if asked is not None and lease.exists and lease.mark == asked.mark:
        until = asked.at + state.rules.valid
        term = lease.transitions
        return replace(state, term=term, until=until, begun=asked.at, asked=None)
    return state


def resign(state: State) -> State:
    """Write nothing from here on; what is held is given back by the next steps."""
    return replace(state, resigned=True, term=0, until=NEVER, again_at=NEVER)
