"""What clients were promised: who answers, for how long nobody does, and that nothing breaks."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.chaos.checker.bounds import FOLLOW_S
from tests.chaos.checker.history import Finding, History, Line, at
from tests.chaos.checker.outages import EVERY_S, outage, shared

EARLY_S = 0.5  # by which the recorder may hear of a record later than kube-proxy
HOLDS_S = 10.0  # an open connection waits so long for an answer before it is given up
SERVES_ON_S = 2.5  # preStop, 3 s, of a pod that is told to end; the recorder may hear of it late


def answers(history: History) -> Iterator[Finding]:
    """Only who holds the address, or held it a moment ago, answers for it."""
    for vipa in history.chains:
        terms: list[tuple[float, float, str]] = []
        for old, new in itertools.pairwise([*history.records(vipa), {"t": float("inf")}]):
            if old["ready"] and not old.get("gone"):
                terms.append((old["t"] - EARLY_S, new["t"] + FOLLOW_S, old["ready"][0]["pod"]))
        if not terms:
            continue
        for line in history.kinds["answered"]:
            if line["target"] != vipa or line["t"] < terms[0][0] + EARLY_S:
                continue
            first, last = line["t"], line["until"]
            if any(f.t <= first <= min(f.t + f.bound.splits, f.over) for f in history.faults):
                continue
            if not any(p == line["pod"] and a <= last and first <= b for a, b, p in terms):
                text = f"{vipa}: {line['pod']} answered, which did not hold it"
                yield Finding(first, "answers", text)


def service(history: History) -> Iterator[Finding]:
    """Failed connects last no longer than the class allows; gracefully: none at all."""
    for vipa in history.chains:
        for fault in history.faults:
            found = outage(history, vipa, fault)
            if found is None:
                continue
            since, last, allowed = fault.counts_from(found[0]), found[1], fault.bound.outage
            took = last - since + EVERY_S - history.gaps.unsaid_s(since, last)
            if took > allowed:
                text = f"{vipa}: {fault.name} cost {took:.3f} s, allowed are {allowed} s"
                yield Finding(last, "service", text, since)
        for line in history.failures(vipa):
            moment = line["t"]
            if not any(f.spans(moment) for f in history.faults) and not shared(
                history, vipa, moment
            ):
                yield Finding(moment, "service", f"{vipa}: a connect failed without any fault")


def open_stays(history: History) -> Iterator[Finding]:
    """A connection ends with its pod, not with a move."""
    pods: dict[str, list[Line]] = defaultdict(list)
    for line in history.kinds["pod"]:
        pods[line["pod"]].append(line)
    harmful = [fault for fault in history.faults if not fault.bound.graceful]
    for line in history.kinds["held"]:
        ended = line["until"]
        if line["target"] not in history.chains or not line.get("error") or ended > history.until:
            continue
        silent = ended - (HOLDS_S if line["error"] == "timeout" else 0.0)
        broken = any(fault.t <= ended and silent <= fault.over for fault in harmful)
        if not broken and not _ending(pods[line["pod"]], ended):
            text = f"{line['target']}: a connection to {line['pod']} ended: {line['error']}"
            yield Finding(ended, "open stays", text)


def _ending(pod: Sequence[Line], moment: float) -> bool:
    """Whether a pod has been told to end for so long that its process may be ending."""
    told = next((line["t"] for line in pod if line["terminating"]), None)
    if told is not None:
        return moment >= told + SERVES_ON_S
    last = at(pod, moment + 1.0)
    return last is None or bool(last.get("gone"))
