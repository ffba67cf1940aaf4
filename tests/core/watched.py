"""A group whose stacks are probed, second by second, for tests of what is made of the answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tests.builders import key, node, pod

from vipa.core import forms, monitor, plan, probing
from vipa.core.cluster import Pod
from vipa.core.inventory import Inventory, Object
from vipa.core.judgement import Judgement
from vipa.core.probing import Answer
from vipa.core.record import Record
from vipa.core.resources import Condition, Monitor, Probe, Stack, Sysplex
from vipa.core.snapshot import Memory, Settings, Snapshot

# One probe a second, so that three seconds make a silent stack.
MONITOR = Monitor(probe=Probe(8080), interval=1.0, timeout=0.3)
BEGIN = 1_767_225_600


@dataclass(kw_only=True)
class Watched:
    """`deaf`: pods that do not answer; `unasked`: whose probes are late. The nodes' heartbeats are
    fresh unless they are `stale`."""

    world: Inventory
    memory: Memory = field(default_factory=Memory)
    second: int = 0
    deaf: set[str] = field(default_factory=set)
    unasked: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    before: dict[str, int] = field(default_factory=dict)

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(
            world=self.world,
            now=forms.instant(BEGIN + self.second),
            clock=float(self.second),
            settings=Settings(probes=True),
            memory=self.memory,
        )

    def look(self) -> None:
        self.before = {str(k): r.epoch for k, r in self.world.records.items()}
        after = plan.make(self.snapshot).after
        self.world, self.memory = after.world, after.memory

    def probe(self, found: Pod) -> None:
        seen = self.snapshot
        asking = monitor.of(seen, found)
        if asking is None or found.key.name in self.unasked:
            return
        error = "no answer within 300 ms" if found.key.name in self.deaf else ""
        tally = monitor.tally(seen, found, asking)
        answer = Answer(float(self.second), error)
        self.memory.tallies[found.uid] = probing.heard(tally, asking, answer, float(self.second))

    def wait(self, seconds: int = 1) -> None:
        """Every second a probe of each pod, and a look at what they said."""
        for _ in range(seconds):
            self.second += 1
            for name in self.world.nodes.keys() - self.stale:
                self.memory.renewed[name] = float(self.second)
            for found in list(self.world.pods.values()):
                self.probe(found)
            self.look()

    def restart(self) -> None:
        """A fresh operator."""
        self.memory = Memory()
        self.look()

    def put(self, *things: Object) -> None:
        for thing in things:
            self.world.put(thing)
        self.look()

    def plex(self, **fields: Any) -> None:
        self.put(replace(self.world.sysplexes[key("plex1")], **fields))

    def stack(self, name: str) -> Stack:
        return self.world.stacks[key(name)]

    def phase(self, name: str) -> str:
        status = self.stack(name).status
        return f"{status.phase} {status.reason}"

    def verdict(self, name: str) -> Judgement:
        return self.memory.verdicts[key(name)]

    def record(self, name: str = "web") -> Record:
        return self.world.records[key(name)]

    @property
    def holding(self) -> Condition | None:
        shown = self.world.sysplexes[key("plex1")].status.conditions
        return next((c for c in shown if c.type == "Holding"), None)

    @property
    def held(self) -> str:
        return self.holding.reason if self.holding else ""


def watched(*things: Object, stacks: int = 3, monitor: Monitor = MONITOR, **plex: Any) -> Watched:
    """Stacks sysa, sysb, ... on nodes na, nb, ..., which have all answered once."""
    letters = "abcdefghij"[:stacks]
    world = Inventory(
        [
            Sysplex(key=key("plex1"), monitor=monitor, **plex),
            *(node(f"n{letter}") for letter in letters),
            *(pod(f"sys{one}", f"n{one}", f"10.1.0.{i + 1}") for i, one in enumerate(letters)),
            *things,
        ]
    )
    found = Watched(world=world)
    found.look()
    found.wait()
    return found
