"""What one plan is made from: the world, what is remembered of it, and the time.

`Memory` holds what the API cannot give back in time: verdicts that were decided but whose write is
still under way, and what is needed to go on after somebody deleted a record. Without it (a fresh
operator, a file) everything follows from the statuses in the inventory (I4).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from vipa.core.cluster import Key
from vipa.core.inventory import Inventory, Network, network
from vipa.core.judgement import Judgement
from vipa.core.probing import Tally
from vipa.core.record import Remembered


class Allowed(NamedTuple):
    """A CIDR and the namespaces that may claim from it; empty: every namespace."""

    network: Network
    namespaces: frozenset[str] = frozenset()


def parse_allowed(text: str) -> Allowed:
    """`CIDR[=NAMESPACE,...]`. Raises ValueError that says what would be right."""
    cidr, equals, spaces = text.partition("=")
    net = network(cidr.strip())
    chosen = frozenset(part.strip() for part in spaces.split(",") if part.strip())
    if net is None or (equals and not chosen):
        raise ValueError(
            f"{text!r}: write CIDR or CIDR=NAMESPACE,..., "
            "for example 198.51.100.0/24 or 198.51.100.0/24=team-a,team-b"
        )
    return Allowed(net, chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`allowed` None: every address (files and rehearsals). `service_cidrs` of this cluster.

    `probes`: somebody probes here; elsewhere (files) a pod that is Ready answers. `term`: of the
    Lease under which this replica writes.
    """

    allowed: tuple[Allowed, ...] | None = None
    service_cidrs: tuple[Network, ...] = ()
    probes: bool = False
    term: int = 0


class Holding(NamedTuple):
    """Verdicts of a group that are not believed yet (I10), or that nobody could act on.

    `since`: the API server's time; it outlives the observer, in the condition of the Sysplex.
    """

    reason: str
    message: str
    since: str
    stacks: frozenset[Key] = frozenset()


class SilentOwners(NamedTuple):
    """Stacks of a group that own an address and do not answer. `waiting`: an Active stack has not
    answered since, so that its next answer may move an address."""

    stacks: frozenset[Key]
    waiting: bool


@dataclass(slots=True, kw_only=True)
class Memory:
    """`records`: by VIPA uid, the last one known. `prefixes`: the highest fence prefix by name.

    `tallies`: what probes say, by pod uid. `renewed`: when a node's kubelet Lease was last seen to
    change, by node, on the clock of `Snapshot.clock`. `believed`: the uids of silent pods whose
    silence was believed. `holding`, `doubted` and `silent`: by Sysplex. `doubted`: stacks to be
    judged again whenever one of the group is. `behind`: groups whose probes come too late to count,
    and why, in words.
    """

    verdicts: dict[Key, Judgement] = field(default_factory=dict)
    joins: dict[Key, int] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    renewed: dict[str, float] = field(default_factory=dict)
    believed: Set[str] = frozenset()
    holding: dict[Key, Holding] = field(default_factory=dict)
    doubted: dict[Key, Set[Key]] = field(default_factory=dict)
    silent: dict[Key, SilentOwners] = field(default_factory=dict)
    behind: dict[Key, str] = field(default_factory=dict)
    records: dict[str, Remembered] = field(default_factory=dict)
    prefixes: dict[Key, int] = field(default_factory=dict)
    emitted: Set[str] = frozenset()
    strays: Mapping[Key, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`now` is the API server's clock, RFC 3339 UTC with seconds: for what is persisted. `clock`
    is the monotonic clock of whoever looks, in seconds: for what is measured."""

    world: Inventory
    now: str = "1970-01-01T00:00:00Z"
    clock: float = 0.0
    settings: Settings = Settings()
    memory: Memory = field(default_factory=Memory)
