"""A history: the lines of a run by kind, its faults, and what of it nobody can be held to."""

from __future__ import annotations

import bisect
import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.checker.bounds import BOUNDS, Bound
from tests.chaos.checker.gaps import STOOD_STILL_S, UNSEEN_S, Gaps, missing

Line = dict[str, Any]

CONTROL = "control"  # asked beside the targets, on the very machine of the clients
STOCK = "stock"  # the Service that Kubernetes itself directs, with the same pods
OWN_PORT = "bind: address already in use"
JUST_BEFORE_S = 0.05  # a fault may be felt before the line that announces it is written


class Finding(NamedTuple):
    """What is wrong, and when; `since`: from when on, where it took time."""

    t: float
    rule: str
    text: str
    since: float | None = None


@dataclass
class Fault:
    """One fault: caused from `t` on, in force since `struck`, until `mended`; `settled`: over.

    `ended`: where it was never said to be over, the next one ends what it may be blamed for.
    """

    id: int
    name: str
    stacks: tuple[str, ...]
    t: float
    patient: bool = False
    struck: float | None = None
    mended: float | None = None
    settled: float | None = None
    ended: float = float("inf")

    @property
    def over(self) -> float:
        return self.settled if self.settled is not None else self.ended

    @property
    def bound(self) -> Bound:
        return BOUNDS[self.name]

    def spans(self, moment: float) -> bool:
        return self.t - JUST_BEFORE_S <= moment <= self.over

    def counts_from(self, began: float) -> float:
        """When the time that it may take begins."""
        return max(began, self.mended or began) if self.bound.lasting else began


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
        last: Fault | None = None
        for line in made.lines:
            made.kinds[line["kind"]].append(line)
            if line["kind"] == "fault":
                stacks, patient = tuple(line["stacks"]), bool(line.get("patient"))
                one = Fault(line["id"], line["fault"], stacks, line["t"], patient)
                if last is not None:
                    last.ended = one.t
                by_id[one.id] = last = one
            elif line["kind"] in {"struck", "mended", "settled"}:
                setattr(by_id[line["id"]], line["kind"], line["t"])
        made.faults = list(by_id.values())
        return made

    @property
    def chains(self) -> dict[str, list[str]]:
        return dict(self.kinds["run"][0]["chains"]) if self.kinds["run"] else {}

    @property
    def until(self) -> float:
        """When the addresses began to be taken down, and nothing is promised of them any more."""
        ends = self.kinds["asked"] or self.lines[-1:]
        return float(ends[0]["t"]) if ends else 0.0

    @cached_property
    def _records(self) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = defaultdict(list)
        for line in self.kinds["record"]:
            found[line["vipa"]].append(line)
        return found

    def records(self, vipa: str) -> list[Line]:
        return self._records[vipa]

    @cached_property
    def gaps(self) -> Gaps:
        """When nobody could keep up, or nobody could tell."""
        answers = [
            (one["t"], one["until"]) for one in self.kinds["answered"] if one["target"] == CONTROL
        ]
        fails = [
            (one["t"], one["t"] + one.get("took", 0.0))
            for one in self.kinds["failed"]
            if one["target"] == CONTROL and begun(one)
        ]
        looks = [(one["t"], one["t"]) for one in self.kinds["seen"]]
        # A fault that takes the API server away is to be judged by what is seen afterwards.
        blinding = [one for one in self.faults if one.bound.blinds]
        unseen = [
            gap
            for gap in missing(looks, UNSEEN_S)
            if not any(one.t <= gap.end and gap.start <= one.over for one in blinding)
        ]
        return Gaps([*missing(answers, STOOD_STILL_S), *fails], unseen)

    @cached_property
    def _failures(self) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = defaultdict(list)
        for line in self.kinds["failed"]:
            if begun(line) and not self.gaps.stood_still(line["t"]):
                found[line["target"]].append(line)
        return found

    def failures(self, target: str) -> list[Line]:
        """Connects that failed, but for those in whose moment the control stood still, too."""
        return self._failures[target]


def begun(failed: Line) -> bool:
    """Not so where the client itself had the source port in use."""
    return not failed["error"].endswith(OWN_PORT)


def at(lines: Sequence[Line], moment: float) -> Line | None:
    """The last of these that was said by then."""
    after = bisect.bisect_right(lines, moment, key=lambda line: line["t"])
    return lines[after - 1] if after else None


def holder(record: Line) -> tuple[str, str]:
    """Whose term of office it is: the pod, and the address that it has."""
    return record["holder"], record["ready"][0]["ip"] if record["ready"] else ""


def read(path: Path) -> list[Line]:
    """Without the last line where that is not whole: its writer was ended. Raises ValueError."""
    *lines, last = path.read_text().splitlines() or [""]
    found = [json.loads(line) for line in lines]
    with contextlib.suppress(ValueError):
        found.append(json.loads(last))
    return found
