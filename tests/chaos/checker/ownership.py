"""Whose an address is: in the record alone, and measured by who could have had it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.chaos.checker.facts import CERTAIN_S, Facts
from tests.chaos.checker.history import Finding, History, at, holder


def one_owner(history: History) -> Iterator[Finding]:
    """A record names one endpoint, that of its owner; one epoch is one holder's."""
    for vipa in history.chains:
        holders: dict[tuple[str, int], tuple[str, str]] = {}
        for line in history.records(vipa):
            ready = line["ready"]
            if len(ready) > 1:
                yield Finding(line["t"], "one owner", f"{vipa}: {len(ready)} endpoints are ready")
            if bool(ready) != bool(line["owner"]):
                yield Finding(line["t"], "one owner", f"{vipa}: an owner without endpoint, or none")
            known = holders.setdefault((line["uid"], line["epoch"]), holder(line))
            if holder(line) != known and line["owner"]:
                text = f"{vipa}: epoch {line['epoch']} is {known[0]}'s and {line['holder']}'s"
                yield Finding(line["t"], "one owner", text)


def epoch_and_term(history: History) -> Iterator[Finding]:
    """The epoch rises with each holder, never otherwise; the term never falls."""
    for vipa in history.chains:
        living = [line for line in history.records(vipa) if not line.get("gone")]
        for old, new in itertools.pairwise(living):
            # A record that somebody deleted is made anew, and names the same owner once more.
            lost = old["uid"] != new["uid"]
            changed = bool(new["owner"]) and holder(old) != holder(new)
            if new["epoch"] < old["epoch"] or (changed and new["epoch"] == old["epoch"]):
                text = f"{vipa}: epoch {old['epoch']} is followed by {new['epoch']}"
                yield Finding(new["t"], "epoch and term", text)
            if new["epoch"] > old["epoch"] and not changed and not lost:
                text = f"{vipa}: epoch {new['epoch']} without a new holder"
                yield Finding(new["t"], "epoch and term", text)
            if new["term"] < old["term"]:
                text = f"{vipa}: term {old['term']} is followed by {new['term']}"
                yield Finding(new["t"], "epoch and term", text)


def best_eligible(history: History) -> Iterator[Finding]:
    """Who gets an address is the first of its chain that was certainly eligible."""
    facts = Facts(history)
    for vipa, chain in history.chains.items():
        for old, new in itertools.pairwise(history.records(vipa)):
            if not new["owner"] or new["owner"] == old["owner"] or new.get("gone"):
                continue
            t = new["t"]
            for better in chain[: chain.index(new["owner"])]:
                if facts.eligible(better, t - CERTAIN_S, t):
                    text = f"{vipa}: {new['owner']} got it although {better} was eligible"
                    yield Finding(t, "best eligible", text)


def at_home(history: History) -> Iterator[Finding]:
    """When all is well again every address is at its primary."""
    facts = Facts(history)
    for fault in history.faults:
        if fault.settled is None:
            continue
        for vipa, chain in history.chains.items():
            record = at(history.records(vipa), fault.settled)
            owner = record["owner"] if record else ""
            if owner != chain[0] and facts.well(chain[0], fault.settled):
                text = f"{vipa}: after {fault.name} it is at {owner or 'nobody'}, not {chain[0]}"
                yield Finding(fault.settled, "at home", text)


def stays_put(history: History) -> Iterator[Finding]:
    """Some faults move nothing."""
    for fault in history.faults:
        if fault.bound.moves:
            continue
        for vipa in history.chains:
            for old, new in itertools.pairwise(history.records(vipa)):
                if fault.t <= new["t"] <= fault.over and holder(old) != holder(new):
                    text = f"{vipa}: moved from {old['owner']} to {new['owner']} by {fault.name}"
                    yield Finding(new["t"], "stays put", text)
