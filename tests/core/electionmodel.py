"""Candidates, a Lease, a record and a network, as a model whose every interleaving can be walked.

The candidates run the product's own `core.election`; what is modelled is the rest of the world:

* The API server applies one write at a time, compared by version and uid as it compares them; a
  write of the record also by the term, as the admission policy does.
* A request is applied at any time after it was sent or never, its answer arrives at any time or
  never: whoever waits gives up at the deadline, and what was sent may still be applied later, one
  such request a candidate. Watch events arrive in order, at any time, and some of them not at all.
* A candidate acts at any time or not at all: that is what frozen means, also between the look at
  its mandate and the arrival of the write that it began then.
* In a tick of true time (a second) the clock of each candidate advances by its rate, in tenths.

States that differ only in absolute times, versions, marks and terms are one: `key` keeps what can
be told apart by comparing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from vipa.core import election
from vipa.core.election import Ask, Lease, Read, Rules, State, Wait

# In tenths of a tick. The shape of the defaults, with a second less to wait, so that as much more
# can happen within a depth; `complaint` finds nothing against them either.
TENTHS = Rules(duration=30, renew=10, margin=10)
SLOW, EXACT, FAST = 9, 10, 11
NEWS_KEPT = 2


class Request(NamedTuple):
    """`answer`: what the API server said, once it did; None is a refusal."""

    what: Ask | Read
    mark: str = ""
    served: bool = False
    answer: Lease | None = None


class Write(NamedTuple):
    """A write of the record that was begun under a mandate."""

    version: int
    term: int


class Record(NamedTuple):
    version: int = 1
    term: int = 0
    writer: str = ""


class Candidate(NamedTuple):
    """`late`: a request that nobody waits for any more. `news`: watch events under way."""

    state: State
    request: Request | None = None
    late: Request | None = None
    news: tuple[Lease, ...] = ()
    write: Write | None = None
    floor: int = 0
    offset: int = 0


class World(NamedTuple):
    """`deletions`, `jumps`, `ends`: how many of these may still happen."""

    tick: int
    lease: Lease
    record: Record
    candidates: tuple[Candidate, ...]
    deletions: int = 0
    jumps: int = 0
    ends: int = 0


class BrokenError(Exception):
    """An invariant does not hold; the message says which."""


@dataclass(frozen=True)
class Model:
    """The rules of a world. What a mutant does otherwise is a field."""

    rates: tuple[int, ...]
    rules: Rules = TENTHS
    seen: Callable[[State, Lease, float], State] = election.seen
    step: Callable[[State, float, int | None], Ask | Read | Wait] = election.step
    guarded: bool = True
    deletions: int = 0
    jumps: int = 0
    ends: int = 0
    writes: bool = True
    marks: list[int] = field(default_factory=lambda: [0])

    def begin(self) -> World:
        """All have seen a Lease that nobody holds."""
        lease = Lease(version=1, uid="1")
        candidates = tuple(
            Candidate(election.seen(State(me=name, rules=self.rules), lease, 0.0))
            for name, _ in zip("abc", self.rates, strict=False)
        )
        return World(0, lease, Record(), candidates, self.deletions, self.jumps, self.ends)

    def led(self) -> World:
        """The first one leads from this moment on, and all have heard of it."""
        world = self.begin()
        for turn in (self.act, self.serve, self.answer):
            world = turn(world, 0) or world
        for i in range(len(self.rates)):
            world = self.hear(world, i) or world
        return world

    def now(self, world: World, i: int) -> int:
        return world.tick * self.rates[i] + world.candidates[i].offset

    def leads(self, world: World, i: int) -> bool:
        return election.leads(world.candidates[i].state, self.now(world, i))

    def leaders(self, world: World) -> list[int]:
        return [i for i in range(len(self.rates)) if self.leads(world, i)]

    def check(self, world: World) -> None:
        """Raises BrokenError."""
        if len(self.leaders(world)) > 1:
            raise BrokenError("two may write")

    # --- what can happen next

    def successors(self, world: World) -> Iterator[tuple[str, World]]:
        """Each with its name; raises BrokenError where a write arrives that must not."""
        yield "tick", world._replace(tick=world.tick + 1)
        for i, one in enumerate(world.candidates):
            name = one.state.me
            for what, after in (
                ("acts", self.act(world, i)),
                ("is served", self.serve(world, i)),
                ("is served late", self.serve_late(world, i)),
                ("is answered", self.answer(world, i)),
                ("hears", self.hear(world, i)),
                ("looks", self.look(world, i)),
                ("begins to write", self.begin_write(world, i)),
                ("writes", self.arrive(world, i)),
                ("ends", self.end(world, i)),
                ("has its clock set", self.jump(world, i)),
            ):
                if after is not None:
                    yield f"{name} {what}", after
        if world.deletions and world.lease.exists:
            gone = Lease(version=world.lease.version + 1, exists=False)
            yield (
                "the Lease is deleted",
                self.tell(world._replace(lease=gone, deletions=world.deletions - 1)),
            )

    def act(self, world: World, i: int) -> World | None:
        """One turn of the driver: give up what takes too long, else do what the step says."""
        one, now = world.candidates[i], self.now(world, i)
        if one.request is not None:
            if now < one.request.what.deadline:
                return None
            late = one.request if not one.request.served else one.late
            late = late if late and isinstance(late.what, Ask) else one.late
            failed = election.failed(one.state, now)
            return self.put(world, i, one._replace(request=None, late=late, state=failed))
        what = self.step(one.state, now, self.floor(world, i))
        if isinstance(what, Wait):
            return None
        if isinstance(what, Read):
            return self.put(world, i, one._replace(request=Request(what)))
        self.marks[0] += 1
        mark = str(self.marks[0])
        state = election.sent(one.state, mark, now)
        return self.put(world, i, one._replace(request=Request(what, mark), state=state))

    def floor(self, world: World, i: int) -> int:
        """Without deletions the Lease itself is above all records, whoever has looked at them."""
        return world.candidates[i].floor if self.deletions else 0

    def serve(self, world: World, i: int) -> World | None:
        one = world.candidates[i]
        if one.request is None or one.request.served:
            return None
        world, answer = self.applied(world, one.state.me, one.request)
        one = world.candidates[i]  # it may have been told meanwhile
        return self.put(
            world, i, one._replace(request=one.request._replace(served=True, answer=answer))
        )

    def serve_late(self, world: World, i: int) -> World | None:
        one = world.candidates[i]
        if one.late is None:
            return None
        world, _ = self.applied(world, one.state.me, one.late)
        return self.put(world, i, world.candidates[i]._replace(late=None))

    def applied(self, world: World, me: str, request: Request) -> tuple[World, Lease | None]:
        """The world after the API server has taken a request, and its answer."""
        lease, what = world.lease, request.what
        if isinstance(what, Read):
            return world, lease
        if what.version:
            fits = lease.exists and (what.version, what.uid) == (lease.version, lease.uid)
        else:
            fits = not lease.exists
        if not fits:
            return world, None
        if what.holder and lease.holder != what.holder and what.transitions <= lease.transitions:
            raise BrokenError("a term is not higher than the one before it")
        version = lease.version + 1
        uid = what.uid or str(version)
        new = Lease(version, uid, what.holder, self.rules.duration, what.transitions, request.mark)
        return self.tell(world._replace(lease=new)), new

    def tell(self, world: World) -> World:
        """Watch events of the Lease as it is now set out. Of those on their way the last stay."""
        kept = tuple(
            one._replace(news=(*one.news, world.lease)[-NEWS_KEPT:]) for one in world.candidates
        )
        return world._replace(candidates=kept)

    def answer(self, world: World, i: int) -> World | None:
        one, now = world.candidates[i], self.now(world, i)
        if one.request is None or not one.request.served:
            return None
        found = one.request.answer
        if found is None:
            state = election.failed(one.state, now)
        else:
            state = self.seen(one.state, found, now)
        return self.put(world, i, one._replace(request=None, state=state))

    def hear(self, world: World, i: int) -> World | None:
        one = world.candidates[i]
        if not one.news:
            return None
        state = self.seen(one.state, one.news[0], self.now(world, i))
        return self.put(world, i, one._replace(news=one.news[1:], state=state))

    def look(self, world: World, i: int) -> World | None:
        """See the record, by the watch: the elector learns the highest term."""
        one = world.candidates[i]
        if not self.deletions or one.floor >= world.record.term:
            return None
        return self.put(world, i, one._replace(floor=world.record.term))

    def begin_write(self, world: World, i: int) -> World | None:
        """Look at the mandate, with the record as it is: what was seen earlier would be refused."""
        one = world.candidates[i]
        if not self.writes or one.write is not None or not self.leads(world, i):
            return None
        write = Write(world.record.version, one.state.term)
        return self.put(world, i, one._replace(write=write))

    def arrive(self, world: World, i: int) -> World | None:
        one, record = world.candidates[i], world.record
        if one.write is None:
            return None
        world = self.put(world, i, one._replace(write=None))
        same = one.write.version == record.version
        if self.guarded and not (same and one.write.term >= record.term):
            return world
        if record.writer not in ("", one.state.me) and one.write.term <= record.term:
            raise BrokenError("a former holder has written after a later one")
        return world._replace(record=Record(record.version + 1, one.write.term, one.state.me))

    def end(self, world: World, i: int) -> World | None:
        one = world.candidates[i]
        if not world.ends or one.state.resigned:
            return None
        return self.put(world, i, one._replace(state=election.resign(one.state)))._replace(
            ends=world.ends - 1
        )

    def jump(self, world: World, i: int) -> World | None:
        """For a clock that is not monotonic: somebody sets it an hour ahead."""
        if not world.jumps:
            return None
        one = world.candidates[i]
        return self.put(world, i, one._replace(offset=one.offset + 36_000))._replace(
            jumps=world.jumps - 1
        )

    def put(self, world: World, i: int, one: Candidate) -> World:
        candidates = (*world.candidates[:i], one, *world.candidates[i + 1 :])
        return world._replace(candidates=candidates)


# --- what can be told apart

Part = tuple[object, ...]


class Names:
    """Versions, terms and marks by their order alone."""

    def __init__(self, world: World) -> None:
        versions, terms = {world.lease.version}, {0, world.lease.transitions, world.record.term}
        for one in world.candidates:
            state = one.state
            for lease in (state.lease, *one.news):
                if lease is not None:
                    versions.add(lease.version)
                    terms.add(lease.transitions)
            terms |= {state.term, state.highest, one.floor}
            for request in (one.request, one.late):
                if request is not None and isinstance(request.what, Ask):
                    versions.add(request.what.version)
                    terms.add(request.what.transitions)
                if request is not None and request.answer is not None:
                    versions.add(request.answer.version)
                    terms.add(request.answer.transitions)
            if one.write is not None:
                terms.add(one.write.term)
        self.version = {found: n for n, found in enumerate(sorted(versions))}
        self.term = {found: n for n, found in enumerate(sorted(terms))}
        self._marks: dict[str, int] = {}

    def mark(self, mark: str) -> int:
        return self._marks.setdefault(mark, len(self._marks))

    def lease(self, lease: Lease | None) -> Part:
        if lease is None:
            return ()
        return (
            self.version[lease.version],
            lease.holder,
            self.term[lease.transitions],
            self.mark(lease.mark),
            lease.exists,
        )

    def request(self, request: Request | None, now: float) -> Part:
        if request is None:
            return ()
        what, left = request.what, max(request.what.deadline - now, 0)
        if isinstance(what, Read):
            return (left, request.served, self.lease(request.answer))
        return (
            *(left, request.served, self.lease(request.answer), what.holder),
            *(self.version[what.version], self.term[what.transitions], self.mark(request.mark)),
        )


def key(model: Model, world: World) -> Part:
    """All that decides what can happen from here on."""
    names = Names(world)
    record = world.record
    parts: list[object] = [names.lease(world.lease), names.term[record.term], record.writer]
    parts += [world.deletions, world.jumps, world.ends]
    for i, one in enumerate(world.candidates):
        state, now = one.state, model.now(world, i)
        lease, rules = state.lease, model.rules
        waits = lease is not None and (lease.holder not in ("", state.me) or not lease.exists)
        leads = state.until > now
        late = one.late._replace(what=one.late.what._replace(deadline=now)) if one.late else None
        parts += [
            names.lease(lease),
            max(state.seen_at - now, -rules.duration) if waits else 0,
            state.stale,
            names.term[state.term],
            state.until - now if leads else 0,
            max(state.begun - now, -rules.renew) if leads else 0,
            names.mark(state.asked.mark) if state.asked else -1,
            max(state.asked.at - now, -rules.valid) if state.asked else 0,
            names.term[state.highest],
            max(state.again_at - now, 0),
            state.resigned,
            names.request(one.request, now),
            names.request(late, now),
            tuple(names.lease(lease) for lease in one.news),
            (one.write.version == record.version, names.term[one.write.term]) if one.write else (),
            names.term[one.floor],
        ]
    return tuple(parts)


class Explored(NamedTuple):
    """`depth`: up to which every state was reached; `broken`: the way to a broken invariant."""

    states: int
    steps: int
    depth: int
    complete: bool
    broken: tuple[str, ...] = ()


def explore(
    model: Model,
    depth: int,
    visit: Callable[[World], None] = lambda world: None,
) -> Explored:
    """Breadth first: every state that `depth` events can lead to, each once, from where all have
    seen that nobody leads, and from where all have seen that the first one does.

    The way to a broken invariant is a shortest one; what is broken is its last word.
    """
    roots = (model.begin(), model.led())
    seen = {hash(key(model, root)) for root in roots}
    frontier: list[tuple[World, object]] = [(root, None) for root in roots]
    steps = 0
    for level in range(depth):
        further: list[tuple[World, object]] = []
        for world, way in frontier:
            visit(world)
            found = model.successors(world)
            name = "?"
            try:
                for name, after in found:
                    steps += 1
                    model.check(after)
                    mark = hash(key(model, after))
                    if mark not in seen:
                        seen.add(mark)
                        further.append((after, (name, way)))
            except BrokenError as error:
                told = (*_told(way), name, str(error))
                return Explored(len(seen), steps, level + 1, False, told)
        if not further:
            return Explored(len(seen), steps, level, True)
        frontier = further
    return Explored(len(seen), steps, depth, False)


def _told(way: object) -> tuple[str, ...]:
    found: list[str] = []
    while isinstance(way, tuple):
        name, way = way
        found.append(str(name))
    return tuple(reversed(found))


def settles(model: Model, world: World, within_ticks: int) -> bool:
    """Faults have ended: all act and are answered at once. Whether somebody leads in time."""
    alive = [i for i, one in enumerate(world.candidates) if not one.state.resigned]
    world = world._replace(deletions=0, jumps=0, ends=0)
    turns = (model.serve_late, model.arrive, model.look, model.hear, model.hear)
    turns += (model.answer, model.act, model.serve, model.answer)  # type: ignore[assignment]
    for _ in range(within_ticks):
        for i in alive:
            for turn in turns:
                world = turn(world, i) or world
            if model.leads(world, i) and world.lease.holder == world.candidates[i].state.me:
                return True
        world = world._replace(tick=world.tick + 1)
    return not alive


TWO = (SLOW, FAST)
THREE = (SLOW, FAST, FAST)

# What is walked, and how deep. The ends of the bound on clock rates are the worst case: all that
# counts is how far two clocks can come apart within one term.
EXPLORATIONS = {
    "two": (Model(rates=TWO), 14),
    "three": (Model(rates=THREE), 9),
    "deleted": (Model(rates=TWO, deletions=1), 10),
    "resigned": (Model(rates=TWO, ends=1), 10),
}
# From every state up to this depth somebody leads within as many ticks: a Lease that is gone has
# to be waited for, and one that was taken by a request that is still under way.
SETTLED = (Model(rates=TWO, deletions=1, ends=1), 8)
WITHIN_TICKS = 9


def settle(model: Model, depth: int) -> tuple[int, int]:
    """From how many states it was tried, and from how many nobody came to lead."""
    tried = stuck = 0

    def visit(world: World) -> None:
        nonlocal tried, stuck
        tried += 1
        stuck += not settles(model, world, WITHIN_TICKS)

    explore(model, depth, visit)
    return tried, stuck


if __name__ == "__main__":  # a process of its own: whoever measures coverage makes this crawl
    wanted = sys.argv[1]
    result = settle(*SETTLED) if wanted == "settled" else explore(*EXPLORATIONS[wanted])
    print(json.dumps(result))  # noqa: T201 - for whoever started it
