"""How long an address may be with nobody, or with somebody who is certainly lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.chaos.checker.bounds import FOLLOW_S, SILENT
from tests.chaos.checker.facts import Facts
from tests.chaos.checker.history import Fault, Finding, History, Line, at
from tests.chaos.checker.outages import outage


def in_time(history: History) -> Iterator[Finding]:
    """Nobody certainly lost keeps an address, and none is nobody's, longer than allowed."""
    facts = Facts(history)
    for vipa, chain in history.chains.items():
        yield from _kept(history, facts, vipa, chain)
        for fault in history.faults:
            yield from _left_without(history, vipa, fault)


def _kept(history: History, facts: Facts, vipa: str, chain: list[str]) -> Iterator[Finding]:
    """While somebody else was certainly eligible; once for each time."""
    records = history.records(vipa)
    since: float | None = None
    told = False
    moments = {*facts.changes, *(line["t"] for line in records), history.until}
    for moment, following in itertools.pairwise(sorted(t for t in moments if t <= history.until)):
        record = at(records, moment)
        owner = record["owner"] if record is not None and not record.get("gone") else ""
        others = [s for s in chain if s != owner and facts.eligible(s, moment, moment)]
        if record is None or not others or (owner and not facts.lost(owner, moment)):
            since, told = None, False
            continue
        since = since if since is not None else moment
        took = following - since - history.gaps.lost_s(since, following)
        if not told and took > _allowed(history, since, following):
            told = True
            text = f"{vipa}: {owner or 'nobody'} had it for {took:.1f} s, {others[0]} was there"
            yield Finding(following, "in time", text, since)


def _allowed(history: History, since: float, until: float) -> float:
    """Each fault excuses its own time alone: nothing that was late when it came, or after it.

    A fault that shall move nothing does not excuse anything.
    """
    deadline = since + SILENT.ownerless
    for one in history.faults:
        began = max(one.t, since)
        if began <= min(deadline, until) and since <= one.over:
            deadline = max(deadline, min(began + one.bound.ownerless, one.over))
    return deadline - since


def _left_without(history: History, vipa: str, fault: Fault) -> Iterator[Finding]:
    found = ownerless(history, vipa, fault)
    if found is None:
        return
    began, ended = fault.counts_from(found[0]), found[1]
    took = ended - began - history.gaps.lost_s(began, ended)
    if took > fault.bound.ownerless:
        allowed = f"allowed are {fault.bound.ownerless} s"
        text = f"{vipa}: {fault.name} left it without owner for {took:.3f} s, {allowed}"
        yield Finding(ended, "in time", text, began)


def ownerless(history: History, vipa: str, fault: Fault) -> tuple[float, float] | None:
    """From when to when the fault took its owner; None: it took none, or it was never replaced.

    Within its own time: a record that is written later is another fault's. An owner that the fault
    takes, too, and that answers nobody is none: where all hang the address goes from one to the
    next of them.
    """
    records = history.records(vipa)
    owner = at(records, fault.t)
    if owner is None or owner["owner"] not in fault.stacks or fault.struck is None:
        return None
    # From the first connect that failed, where one did: a fault comes about before the command that
    # causes it returns.
    failed = outage(history, vipa, fault)
    began = min(fault.struck, failed[0]) if failed else fault.struck
    for line, following in itertools.pairwise([*records, {"t": fault.over}]):
        if not fault.t < line["t"] <= fault.over or term(line) == term(owner):
            continue
        taken = line["owner"] in fault.stacks
        if line["owner"] and (not taken or _answered(history, line, following["t"])):
            return began, max(began, line["t"])
    return None


def _answered(history: History, record: Line, until: float) -> bool:
    return any(
        line["target"] == record["vipa"]
        and line["pod"] in {one["pod"] for one in record["ready"]}
        and record["t"] <= line["until"]
        and line["t"] <= until + FOLLOW_S
        for line in history.kinds["answered"]
    )


def term(record: Line) -> tuple[str, int]:
    """Of office; the same pod may come to a second one."""
    return record["uid"], record["epoch"]
