"""The custom resources as values: what a user wrote, and what the operator has said of it.

Specs come out of `spec`, which refuses what the API server would refuse. Statuses are the
operator's own words read back: a fresh operator starts from them (I4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from vipa.core.cluster import Key
from vipa.core.record import Move


class Issue(NamedTuple):
    """One thing that is wrong with an object: where, and what would be right."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class Moveable(StrEnum):
    """When a returning primary takes its address back (zos: MOVEABLE)."""

    IMMEDIATE = "Immediate"
    WHEN_IDLE = "WhenIdle"
    MANUAL = "Manual"


class Phase(StrEnum):
    ABSENT = "Absent"
    JOINING = "Joining"
    ACTIVE = "Active"
    FAILED = "Failed"
    LEFT = "Left"
    QUARANTINED = "Quarantined"


class State(StrEnum):
    ACTIVE = "Active"
    INACTIVE = "Inactive"
    PENDING = "Pending"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    type: str
    status: str
    reason: str
    message: str = ""
    generation: int = 0
    since: str = ""


class Rank(NamedTuple):
    stack: str
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    name: str
    protocol: str = "TCP"
    port: int = 0
    target: int | str = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """`type` is empty when the VIPA leaves it to its Sysplex."""

    name: str = ""
    type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    external_traffic_policy: str = ""
    session_affinity: str = ""
    load_balancer_class: str = ""


class OnUnresponsive(StrEnum):
    """zos: RECOVERY with and without AUTOREJOIN, NORECOVERY."""

    LEAVE = "Leave"
    LEAVE_UNTIL_JOINED = "LeaveUntilJoined"
    REPORT = "Report"


class Probe(NamedTuple):
    """How a stack is asked. `scheme` empty: a TCP connection is the answer."""

    port: int
    scheme: str = ""
    path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """zos: SYSPLEXMONITOR. Spans in seconds."""

    probe: Probe
    interval: float = 0.5
    timeout: float = 0.3
    failure_threshold: int = 3
    success_threshold: int = 2
    on_unresponsive: OnUnresponsive = OnUnresponsive.LEAVE
    hold_percent: int = 60
    hold_limit: float = 60.0

    @property
    def window(self) -> float:
        """Who falls silent within this time of another may have the same cause."""
        return self.interval * self.failure_threshold


class Damping(NamedTuple):
    """Spans in seconds."""

    failures: int = 4
    window: float = 300.0
    quarantine: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SysplexStatus:
    stacks: int = 0
    active: int = 0
    vipas: int = 0
    joins: int = 0
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sysplex:
    """The group that stacks join (zos: XCF group). `unsupported`: fields of a later release."""

    key: Key
    uid: str = ""
    created: int = 0
    generation: int = 0
    monitor: Monitor | None = None
    join_delay: float = 0.0
    damping: Damping | None = None
    service_type: str = "LoadBalancer"
    unsupported: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
    status: SysplexStatus = SysplexStatus()


class StackVipa(NamedTuple):
    """A line of Stack.status.vipas."""

    name: str
    address: str
    status: str
    distribution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damped:
    """Stack.status.damping. `quarantines` above 0 without `until`: due as soon as it is healthy."""

    failures: tuple[str, ...] = ()
    quarantines: int = 0
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackStatus:
    phase: Phase | None = None
    reason: str = ""
    message: str = ""
    since: str = ""
    pod: str = ""
    pod_uid: str = ""
    pod_ip: str = ""
    node: str = ""
    zone: str = ""
    join_number: int = 0
    damping: Damped = Damped()
    expelled_since: str = ""
    vipas: tuple[StackVipa, ...] = ()
    vipas_total: int = 0
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """spec is where operators act (zos: VARY TCPIP,,SYSPLEX); it holds until it is undone.

    `join_requested`: when an operator asked for it to join again (zos: JOINGROUP), RFC 3339.
    """

    key: Key
    uid: str = ""
    generation: int = 0
    sysplex: str = ""
    left: bool = False
    deactivated: frozenset[str] = frozenset()
    join_requested: str = ""
    default: bool = True
    unsupported: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
    status: StackStatus = StackStatus()

    @property
    def group(self) -> Key:
        """The Sysplex that the stack belongs to."""
        return Key(self.key.namespace, self.sysplex)


class ChainEntry(NamedTuple):
    """A line of VIPA.status.chain."""

    stack: str
    rank: int
    eligible: bool
    reason: str


class VipaStack(NamedTuple):
    """A line of VIPA.status.stacks."""

    stack: str
    status: str
    origin: str
    rank: int
    distribution: str = ""


class OwnerRef(NamedTuple):
    stack: str
    pod: str
    pod_uid: str
    pod_ip: str
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VipaStatus:
    """`state` is empty until the operator has seen the object. `seconds`: seen to committed."""

    address: str = ""
    state: str = ""
    owner: OwnerRef | None = None
    epoch: int | None = None
    fence: str = ""
    active_since: str = ""
    origin: str = ""
    domain: str = ""
    last_move: Move | None = None
    seconds: float | None = None
    chain: tuple[ChainEntry, ...] = ()
    stacks: tuple[VipaStack, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VipaSpec:
    """`move_to` is the pin of a planned move; `scope_key` is CPCSCOPE as a node label."""

    sysplex: str = ""
    address: str = ""
    range: str = ""
    static: bool = False
    primary: str = ""
    backups: tuple[Rank, ...] = ()
    moveable: Moveable = Moveable.IMMEDIATE
    scope_key: str = ""
    ports: tuple[Port, ...] = ()
    service: ServiceSpec = ServiceSpec()
    move_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vipa:
    key: Key
    uid: str = ""
    created: int = 0
    generation: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    spec: VipaSpec = VipaSpec()
    unsupported: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
    status: VipaStatus = VipaStatus()


class Requirement(NamedTuple):
    """One matchExpression of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case _:
                return value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A ranking shared by VIPAs (zos: VIPABACKUP); `selector` is None when it names them."""

    key: Key
    uid: str = ""
    generation: int = 0
    sysplex: str = ""
    vipas: frozenset[str] = frozenset()
    selector: tuple[Requirement, ...] | None = None
    ranking: tuple[Rank, ...] = ()
    activate: bool = True
    issues: tuple[Issue, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def names(self, vipa: Vipa) -> bool:
        """Whether this ranking is one of the VIPA's."""
        if self.key.namespace != vipa.key.namespace or self.sysplex != vipa.spec.sysplex:
            return False
        if self.selector is None:
            return vipa.key.name in self.vipas
        return all(need.matches(vipa.labels) for need in self.selector)
