"""What an engine is: a place where the verbs of a rehearsal come true.

The runner asks nothing else of it, so that expectations, invariants and reports are the same for
values in memory, for a real API server and for a kind cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vipa.core.cluster import Key
from vipa.core.explain import Explanation
from vipa.rehearsal.observation import Observation
from vipa.rehearsal.steps import Given, Rehearsal, Verb


class ImpossibleError(Exception):
    """A verb that makes no sense here, as `fail` of a stack without a pod: the file is wrong."""

    def __init__(self, verb: Verb, message: str) -> None:
        super().__init__(message)
        self.verb = verb
        self.message = message


class Engine(Protocol):
    """One rehearsal after the other; `setup` begins a new one.

    `do` carries a list out without pause and returns when everything has settled; with `live` the
    operator sees one verb after the other. `observe` tells what has happened in the present step:
    since the last call of any other of them.
    """

    name: str

    def skips(self, rehearsal: Rehearsal) -> str:
        """Why this engine cannot run the file; empty if it can."""
        ...

    def setup(self, given: Given) -> None: ...

    def do(self, verbs: Sequence[Verb], *, live: bool = False) -> None: ...

    def settle(self) -> None:
        """A step without verbs: nothing shall happen, and the next `observe` says so."""
        ...

    def restart(self) -> None: ...

    def lose_leader(self) -> None:
        """Another replica takes over."""
        ...

    def blind(self, blind: bool) -> None:
        """The operator loses sight of the cluster, or sees it again."""
        ...

    def wait(self, seconds: float) -> None:
        """The clock moves on by this much; what falls due on the way is looked at when it does."""
        ...

    def observe(self) -> Observation: ...

    def waits(self) -> bool:
        """Wait for something to change, where time is real; False: no longer worth waiting."""
        ...

    def explain(self, vipa: Key) -> Explanation | None: ...

    def close(self) -> None: ...
