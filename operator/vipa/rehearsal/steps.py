"""A rehearsal as values: what is given, what happens, what shall hold. Shared by all engines.

Nothing here knows YAML or an engine; every value remembers the line of the file that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vipa.core.cluster import Key

Raw = Mapping[str, Any]

MODEL, CLUSTER, KIND = "model", "cluster", "kind"
ENGINES = (MODEL, CLUSTER, KIND)
NAMESPACE = "default"
CLUSTER_WIDE = ("Node", "Namespace")
SYSPLEX = "plex1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One thing that happens. `line` takes no part in comparison."""

    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Verb):
    """A pod of the stack appears and becomes Ready. `pod` empty: named after the stack."""

    stack: str
    node: str = ""
    pod: str = ""

    def __str__(self) -> str:
        on = f" on {self.node}" if self.node else ""
        return f"start {self.stack}{_of(self.pod)}{on}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodVerb(Verb):
    """`pod` empty: the serving one, else the oldest."""

    stack: str
    pod: str = ""

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()} {self.stack}{_of(self.pod)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(PodVerb):
    """Deleted with notice: gone with the verbs of the next step, with `grace_s` when the clock has
    moved on by that much."""

    grace_s: float | None = None


class Kill(PodVerb):
    """Gone without notice."""

    __slots__ = ()


class Fail(PodVerb):
    """Ready=False by the word of the kubelet."""

    __slots__ = ()


class Recover(PodVerb):
    """Ready=True again; without a pod all of the stack's."""

    __slots__ = ()


class Deaf(PodVerb):
    """It says Ready and does not answer the monitor."""

    __slots__ = ()


class Hears(PodVerb):
    """It answers the monitor again; without a pod all of the stack's."""

    __slots__ = ()


def _of(pod: str) -> str:
    return f" (pod {pod})" if pod else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeVerb(Verb):
    """`node`: a name, or `zone/Z` for all nodes of a zone."""

    node: str

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()} {self.node}"


class Down(NodeVerb):
    """The node stops reporting; its pods still say Ready."""

    __slots__ = ()


class Up(NodeVerb):
    """The node reports again."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint(Verb):
    node: str
    key: str

    def __str__(self) -> str:
        return f"taint {self.node} {self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Untaint(Verb):
    node: str
    key: str

    def __str__(self) -> str:
        return f"untaint {self.node} {self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply(Verb):
    """Create or change: top-level keys of spec merge, lists are replaced, null removes."""

    object: Raw

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def key(self) -> Key:
        return key_of(self.object)

    def __str__(self) -> str:
        return f"apply {self.kind.lower()}/{shown(self.key)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Verb):
    kind: str
    key: Key

    def __str__(self) -> str:
        return f"delete {self.kind.lower()}/{shown(self.key)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Verb):
    """`vipa move`. `once`: the pin goes as soon as the move is committed."""

    vipa: Key
    to: str
    once: bool = False

    def __str__(self) -> str:
        return f"vipa move {shown(self.vipa)} --to {self.to}{' --once' if self.once else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpin(Verb):
    vipa: Key

    def __str__(self) -> str:
        return f"vipa unpin {shown(self.vipa)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Verb):
    """`vipa join` and `vipa leave`."""

    stack: str
    joins: bool
    namespace: str = NAMESPACE

    @property
    def key(self) -> Key:
        return Key(self.namespace, self.stack)

    def __str__(self) -> str:
        return f"vipa {'join' if self.joins else 'leave'} {shown(self.key)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart(Verb):
    """What the operator has in memory is forgotten."""

    def __str__(self) -> str:
        return "restart operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderLost(Verb):
    """Another replica takes over, which remembers nothing either and writes under a new term."""

    def __str__(self) -> str:
        return "leader lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind(Verb):
    """The operator loses sight of the cluster, or sees it again."""

    blind: bool

    def __str__(self) -> str:
        return f"blind {str(self.blind).lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Verb):
    """The clock moves on; whatever falls due on the way is looked at when it does."""

    seconds: float

    def __str__(self) -> str:
        return f"wait {self.seconds:g}s"


def key_of(raw: Raw) -> Key:
    meta = raw["metadata"]
    wide = raw["kind"] in CLUSTER_WIDE
    return Key("" if wide else meta.get("namespace", NAMESPACE), meta["name"])


def shown(key: Key) -> str:
    """A key as files write it: without the namespace where that is the default."""
    return key.name if key.namespace in (NAMESPACE, "") else str(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One expectation: `key` as the file writes it (`owner`, `sysa`), with the value wanted."""

    key: str
    value: Any
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What shall hold after a step, by object. `within_s`: a bound where the clock is real."""

    vipas: Mapping[Key, tuple[Want, ...]] = field(default_factory=dict)
    stacks: Mapping[Key, tuple[Want, ...]] = field(default_factory=dict)
    sysplexes: Mapping[Key, tuple[Want, ...]] = field(default_factory=dict)
    actions: int | None = None
    refused: str | None = None
    within_s: float | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`live`: the verbs are seen one by one by a running operator."""

    number: int
    line: int = field(default=0, compare=False)
    do: tuple[Verb, ...] = ()
    live: bool = False
    expect: Expect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenStack:
    """One pod named after its stack, on that node; `started` False: it comes with a `start`."""

    name: str
    node: str
    started: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """`nodes`: name to zone, empty for none. Objects are complete: every default is filled in."""

    nodes: Mapping[str, str] = field(default_factory=dict)
    stacks: tuple[GivenStack, ...] = ()
    objects: tuple[Raw, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    path: str
    name: str
    about: str = ""
    source: tuple[str, ...] = ()
    engines: tuple[str, ...] = ENGINES
    given: Given = Given()
    steps: tuple[Step, ...] = ()
    line: int = field(default=0, compare=False)
