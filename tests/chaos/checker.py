"""Judge a history of a chaos run: `python tests/chaos/checker.py HISTORY`. Exit code 1: broken.

It reads JSON lines and imports nothing of the product nor of the suite: what it believes about
owners it finds out by itself, from pods and nodes as the API server showed them and from the
faults that were caused. The promises, each a function below:

    one owner       a record names one endpoint, that of its owner; one epoch is one holder's
    epoch and term  the epoch rises with each holder, never otherwise; the term never falls
    best eligible   who gets an address is the first of its chain that was certainly eligible
    in time         nobody certainly lost keeps an address longer than the class of fault allows
    at home         when all is well again every address is at its primary
    answers         only who holds the address, or held it a moment ago, answers for it
    service         failed connects last no longer than the class allows; gracefully: none at all
    open stays      a connection ends with its pod, not with a move
    stays put       some faults move nothing
    nothing left    deletion takes everything away
    complete        clients asked all the time, every fault was mended, the file has an end
"""

from __future__ import annotations

import bisect
import itertools
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

Line = dict[str, Any]


class Bound(NamedTuple):
    """What a class of fault may cost, in seconds.

    `moves`: whether an address may move. `splits`: for how long others may answer for it.
    """

    ownerless: float
    outage: float
    moves: bool = True
    splits: float = 0.0


# Default monitor: three probes half a second apart and 0.3 s for the last, 1.8 s; then the write,
# and up to a second until kube-proxy has followed.
SILENT = Bound(2.0, 2.5)
# The leader dies with the owner: the Lease is left alone for 4 s, looked at once a second.
LEADERLESS = Bound(7.0, 8.0)
GRACEFUL = Bound(1.0, 0.0)
NOTHING = Bound(0.0, 0.0, moves=False)
BOUNDS = {
    "container-kill": Bound(2.0, 2.0),
    "pod-delete": GRACEFUL,
    "process-hang": SILENT,
    "readiness-failure": Bound(4.0, 0.0),
    "kubelet-stop": NOTHING,
    "node-kill": SILENT,
    "node-pause": SILENT,
    "node-cut": SILENT,
    "zone-cut": LEADERLESS,
    "leader-node-kill": LEADERLESS,
    "drain": GRACEFUL,
    "rolling-update": GRACEFUL,
    "operator-kill": NOTHING,
    "leader-freeze": NOTHING,
    "control-plane-kill": NOTHING,
    # It writes all of its rules anew when it starts; the stock Service beside ours has the same.
    # A move that it had not followed yet it follows when it is back.
    "kube-proxy-restart": Bound(0.0, 0.5, moves=False, splits=6.0),
    # A selector that somebody puts on a Service sends its traffic to all pods until it is removed.
    "hand-edit": Bound(2.0, 2.5, splits=2.5),
    # All hang, kubelets say so one after the other: the address follows to the last one, is
    # nobody's as long as nobody is well, and comes home.
    "mass-failure": Bound(8.0, 15.0),
    # All are silent to the operator, and serve: it must not believe its probes.
    "mass-silence": NOTHING,
}
# After these stock Kubernetes serves again before they are mended only if it is given a minute.
SLOW_STOCK = ("node-kill", "node-pause", "node-cut", "zone-cut", "leader-node-kill")
FOLLOW_S = 2.0  # until every kube-proxy has followed a record
CERTAIN_S = 3.0  # as long as facts have to stand before they bind anybody
APART_S = 0.5  # failures further apart are two outages
EVERY_S = 0.005
CONTROL = "control"  # asked beside the targets, on the very machine of the clients
STALL_S = 1.0
OWN_PORT = "bind: address already in use"


class Finding(NamedTuple):
    t: float
    rule: str
    text: str


@dataclass
class Fault:
    """One fault: caused from `t` on, in force since `struck`, until `mended`; `settled`: over."""

    id: int
    name: str
    stacks: tuple[str, ...]
    t: float
    patient: bool = False
    struck: float | None = None
    mended: float | None = None
    settled: float | None = None

    @property
    def over(self) -> float:
        return self.settled if self.settled is not None else float("inf")

    @property
    def bound(self) -> Bound:
        return BOUNDS[self.name]

    @property
    def graceful(self) -> bool:
        return self.bound.outage == 0


@dataclass
class History:
    """The lines by kind, in the order of their times."""

    lines: list[Line]
    kinds: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Iterable[Line]) -> History:
        made = cls(sorted(lines, key=lambda line: line["t"]))
        by_id: dict[int, Fault] = {}
        for line in made.lines:
            made.kinds[line["kind"]].append(line)
            if line["kind"] == "fault":
                stacks, patient = tuple(line["stacks"]), bool(line.get("patient"))
                one = Fault(line["id"], line["fault"], stacks, line["t"], patient)
                by_id[one.id] = one
            elif line["kind"] in {"struck", "mended", "settled"}:
                setattr(by_id[line["id"]], line["kind"], line["t"])
        made.faults = list(by_id.values())
        return made

    @property
    def chains(self) -> dict[str, list[str]]:
        return dict(self.kinds["run"][0]["chains"]) if self.kinds["run"] else {}

    def records(self, vipa: str) -> list[Line]:
        return [line for line in self.kinds["record"] if line["vipa"] == vipa]

    def failures(self, target: str) -> Iterator[Line]:
        """Connects that failed, but for those in whose moment the control failed, too, and those
        that the client could not even begin, since it had the source port in use itself."""
        stalls = self.stalls
        for line in self.kinds["failed"]:
            if line["target"] == target and not line["error"].endswith(OWN_PORT):
                near = bisect.bisect_left(stalls, line["t"] - STALL_S)
                if near == len(stalls) or stalls[near] > line["t"] + STALL_S:
                    yield line

    @property
    def stalls(self) -> list[float]:
        """When the machine of the clients stood still: they could not even reach themselves."""
        return [line["t"] for line in self.kinds["failed"] if line["target"] == CONTROL]

    def during(self, moment: float) -> list[Fault]:
        return [one for one in self.faults if one.t <= moment <= one.over]


def check(lines: Iterable[Line]) -> list[Finding]:
    """Everything that is wrong with this history."""
    history = History.of(lines)
    return sorted(itertools.chain.from_iterable(rule(history) for rule in RULES))


def one_owner(history: History) -> Iterator[Finding]:
    for vipa in history.chains:
        holders: dict[tuple[str, int], tuple[str, str]] = {}
        for line in history.records(vipa):
            ready = line["ready"]
            if len(ready) > 1:
                yield Finding(line["t"], "one owner", f"{vipa}: {len(ready)} endpoints are ready")
            if bool(ready) != bool(line["owner"]):
                yield Finding(line["t"], "one owner", f"{vipa}: an owner without endpoint, or none")
            holder = (line["holder"], ready[0]["ip"] if ready else "")
            known = holders.setdefault((line["uid"], line["epoch"]), holder)
            if holder != known and line["owner"]:
                text = f"{vipa}: epoch {line['epoch']} is {known[0]}'s and {holder[0]}'s"
                yield Finding(line["t"], "one owner", text)


def epoch_and_term(history: History) -> Iterator[Finding]:
    for vipa in history.chains:
        living = [line for line in history.records(vipa) if not line.get("gone")]
        for old, new in itertools.pairwise(living):
            lost = old["uid"] != new["uid"]
            changed = bool(new["owner"]) and _holder(old) != _holder(new)
            if new["epoch"] < old["epoch"] or (changed and new["epoch"] == old["epoch"]):
                text = f"{vipa}: epoch {old['epoch']} is followed by {new['epoch']}"
                yield Finding(new["t"], "epoch and term", text)
            if new["epoch"] > old["epoch"] and not changed and not lost:
                text = f"{vipa}: epoch {new['epoch']} without a new holder"
                yield Finding(new["t"], "epoch and term", text)
            if new["term"] < old["term"]:
                text = f"{vipa}: term {old['term']} is followed by {new['term']}"
                yield Finding(new["t"], "epoch and term", text)


def _holder(record: Line) -> tuple[str, str]:
    return record["holder"], record["ready"][0]["ip"] if record["ready"] else ""


class Facts:
    """Who was eligible when: pods and nodes as shown, less what a fault has taken in truth."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._pods: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        for line in history.kinds["pod"]:
            self._pods[line["stack"]][line["uid"]].append(line)
        self._nodes: dict[str, list[Line]] = defaultdict(list)
        for line in history.kinds["node"]:
            self._nodes[line["node"]].append(line)

    def changes(self) -> list[float]:
        """When anything of this became different."""
        moments = {line["t"] for line in self._history.lines if line["kind"] in {"pod", "node"}}
        for one in self._history.faults:
            moments |= {t for t in (one.t, one.struck, one.mended, one.settled) if t is not None}
        return sorted(moments)

    def well(self, stack: str, moment: float) -> bool:
        """One of its pods looked well to the API server."""
        return any(self._pod_well(lines, moment) for lines in self._pods[stack].values())

    def _pod_well(self, lines: Sequence[Line], moment: float) -> bool:
        pod = _at(lines, moment)
        if pod is None or pod.get("gone") or pod["terminating"] or not pod["ready"]:
            return False
        node = _at(self._nodes[pod["node"]], moment)
        return node is not None and node["ready"] and not node["out"] and not node.get("gone")

    def eligible(self, stack: str, since: float, until: float) -> bool:
        """Certainly, all of this time: no fault that takes it was anywhere near."""
        if any(
            stack in f.stacks and f.t <= until and since <= f.over for f in self._history.faults
        ):
            return False
        inside = [t for t in self.changes() if since < t <= until]
        return all(self.well(stack, moment) for moment in (since, *inside))

    def lost(self, stack: str, moment: float) -> bool:
        """Certainly: a fault has it, or no pod of it looks well."""
        return not self.well(stack, moment) or any(
            stack in f.stacks
            and f.struck is not None
            and f.struck <= moment < (f.mended or float("inf"))
            for f in self._history.faults
        )


def _at(lines: Sequence[Line], moment: float) -> Line | None:
    found = None
    for line in lines:
        if line["t"] > moment:
            break
        found = line
    return found


def best_eligible(history: History) -> Iterator[Finding]:
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


def in_time(history: History) -> Iterator[Finding]:
    facts = Facts(history)
    for vipa, chain in history.chains.items():
        records = history.records(vipa)
        since: float | None = None
        moments = sorted({*facts.changes(), *(line["t"] for line in records)})
        for moment, following in itertools.pairwise(moments):
            record = _at(records, moment)
            owner = record["owner"] if record is not None and not record.get("gone") else ""
            others = [s for s in chain if s != owner and facts.eligible(s, moment, moment)]
            if record is None or not others or (owner and not facts.lost(owner, moment)):
                since = None
                continue
            since = since if since is not None else moment
            allowed = _allowed(history, since, moment)
            if following - since > allowed:
                text = f"{vipa}: {owner or 'nobody'} had it {following - since:.1f} s too long"
                yield Finding(following, "in time", f"{text}, {others[0]} was there")
                since = following


def _allowed(history: History, since: float, moment: float) -> float:
    found = [one.bound.ownerless for one in history.faults if one.t <= moment and since <= one.over]
    # A fault that shall move nothing does not excuse anything, but slows down who looks.
    return max([*found, SILENT.ownerless])


def at_home(history: History) -> Iterator[Finding]:
    facts = Facts(history)
    for fault in history.faults:
        if fault.settled is None:
            continue
        for vipa, chain in history.chains.items():
            record = _at(history.records(vipa), fault.settled)
            owner = record["owner"] if record else ""
            if owner != chain[0] and facts.well(chain[0], fault.settled):
                text = f"{vipa}: after {fault.name} it is at {owner or 'nobody'}, not {chain[0]}"
                yield Finding(fault.settled, "at home", text)


def answers(history: History) -> Iterator[Finding]:
    for vipa in history.chains:
        terms: list[tuple[float, float, str]] = []
        for old, new in itertools.pairwise([*history.records(vipa), {"t": float("inf")}]):
            if old["ready"] and not old.get("gone"):
                terms.append((old["t"], new["t"] + FOLLOW_S, old["ready"][0]["pod"]))
        if not terms:
            continue
        for line in history.kinds["answered"]:
            if line["target"] != vipa or line["t"] < terms[0][0]:
                continue
            span = (line["t"], line["until"])
            if any(f.t <= span[0] <= f.t + f.bound.splits for f in history.faults):
                continue
            if not any(
                p == line["pod"] and a - 0.5 <= span[1] and span[0] <= b for a, b, p in terms
            ):
                text = f"{vipa}: {line['pod']} answered, which did not hold it"
                yield Finding(line["t"], "answers", text)


def outages(history: History, target: str, fault: Fault) -> list[tuple[float, float]]:
    """First and last failed connect of each outage in the time of this fault."""
    failed = sorted(
        line["t"] for line in history.failures(target) if fault.t - 0.05 <= line["t"] <= fault.over
    )
    found: list[tuple[float, float]] = []
    for moment in failed:
        if found and moment - found[-1][1] <= APART_S:
            found[-1] = (found[-1][0], moment)
        else:
            found.append((moment, moment))
    return found


def service(history: History) -> Iterator[Finding]:
    for vipa in history.chains:
        for fault in history.faults:
            for first, last in outages(history, vipa, fault):
                took, allowed = last - first + EVERY_S, fault.bound.outage
                if took > allowed:
                    text = f"{vipa}: {fault.name} cost {took:.3f} s, allowed are {allowed} s"
                    yield Finding(first, "service", text)
        for line in history.failures(vipa):
            if not _excused(history, line["t"]):
                yield Finding(line["t"], "service", f"{vipa}: a connect failed without any fault")


def _excused(history: History, moment: float) -> bool:
    return any(one.t - 0.05 <= moment <= one.over for one in history.faults)


def open_stays(history: History) -> Iterator[Finding]:
    pods: dict[str, list[Line]] = defaultdict(list)
    for line in history.kinds["pod"]:
        pods[line["pod"]].append(line)
    for line in history.kinds["held"]:
        if line["target"] not in history.chains or not line.get("error"):
            continue
        pod = _at(pods[line["pod"]], line["until"] + 1.0)
        broken = [f for f in history.during(line["until"]) if not f.graceful or not f.bound.moves]
        ending = pod is None or pod.get("gone") or pod["terminating"]
        if not ending and not broken:
            text = f"{line['target']}: a connection to {line['pod']} ended: {line['error']}"
            yield Finding(line["until"], "open stays", text)


def stays_put(history: History) -> Iterator[Finding]:
    for fault in history.faults:
        if fault.bound.moves:
            continue
        for vipa in history.chains:
            for old, new in itertools.pairwise(history.records(vipa)):
                if fault.t <= new["t"] <= fault.over and _holder(old) != _holder(new):
                    text = f"{vipa}: moved from {old['owner']} to {new['owner']} by {fault.name}"
                    yield Finding(new["t"], "stays put", text)


def nothing_left(history: History) -> Iterator[Finding]:
    for line in history.kinds["left"]:
        for thing in line["things"]:
            yield Finding(line["t"], "nothing left", f"{thing} is still there")
    if history.kinds["end"] and not history.kinds["left"]:
        yield Finding(history.lines[-1]["t"], "nothing left", "nobody looked what is left")


def complete(history: History) -> Iterator[Finding]:
    if not history.kinds["run"] or not history.kinds["end"]:
        yield Finding(0.0, "complete", "the file has no beginning, or no end")
        return
    for fault in history.faults:
        if fault.settled is None:
            yield Finding(fault.t, "complete", f"{fault.name} was never over")
    start, end = history.kinds["asking"][0]["t"], history.kinds["asked"][0]["t"]
    for vipa in history.chains:
        if not history.records(vipa):
            yield Finding(start, "complete", f"{vipa}: no record was seen")
        spans = [(start, start), (end, end)]
        spans += [
            (line["t"], line.get("until", line["t"]))
            for line in (*history.kinds["answered"], *history.kinds["failed"])
            if line["target"] == vipa
        ]
        reached = start
        for first, last in sorted(spans):
            if first - reached > 1.0 and reached >= start:
                text = f"{vipa}: nobody asked for {first - reached:.1f} s"
                yield Finding(reached, "complete", text)
            reached = max(reached, last)


RULES = (
    one_owner,
    epoch_and_term,
    best_eligible,
    in_time,
    at_home,
    answers,
    service,
    open_stays,
    stays_put,
    nothing_left,
    complete,
)


class Cost(NamedTuple):
    """What one fault cost one target: seconds without an owner, and without service."""

    fault: str
    target: str
    ownerless: float | None
    outage: float
    failed: int
    patient: bool = False


def costs(lines: Iterable[Line]) -> Iterator[Cost]:
    """One for each fault that was over, and target; `ownerless`: None where no owner was lost."""
    history = History.of(lines)
    targets = {line["target"] for line in history.kinds["answered"]} - {CONTROL}
    for fault in (one for one in history.faults if one.settled is not None):
        for target in sorted(targets):
            found = outages(history, target, fault)
            longest = max((last - first + EVERY_S for first, last in found), default=0.0)
            if target not in history.chains and found:
                longest = found[-1][1] - found[0][0] + EVERY_S  # of several pods: until all is well
            failed = sum(
                fault.t - 0.05 <= line["t"] <= fault.over for line in history.failures(target)
            )
            ownerless = _ownerless(history, target, fault)
            yield Cost(fault.name, target, ownerless, longest, failed, fault.patient)


def _ownerless(history: History, vipa: str, fault: Fault) -> float | None:
    records = history.records(vipa)
    owner = _at(records, fault.t)
    if owner is None or owner["owner"] not in fault.stacks or fault.struck is None:
        return None
    # From the first connect that failed, where one did: a fault comes about before the command that
    # causes it returns.
    began = min([fault.struck, *(first for first, _ in outages(history, vipa, fault))])
    for line in records:
        if line["t"] > fault.t and line["owner"] and _holder(line) != _holder(owner):
            return max(0.0, line["t"] - began)
    return None


def read(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("usage: checker.py HISTORY", file=sys.stderr)  # noqa: T201
        return 2
    lines = read(Path(arguments[0]))
    found = check(lines)
    for one in found:
        print(f"{one.t:.3f} {one.rule}: {one.text}")  # noqa: T201
    faults = sum(1 for line in lines if line["kind"] == "fault")
    verdict = f"{len(found)} broken promises" if found else "all promises kept"
    stalls = len(History.of(lines).stalls)
    print(f"{len(lines)} lines, {faults} faults, {stalls} stalls: {verdict}")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
