"""What a plan may ask for. Values only: `k8s` turns them into requests, the model into facts.

`stage` is the order in which a busy executor takes them (design, "Order of writes in a takeover"):
records first, because they move the traffic; nothing of a later stage delays one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from vipa.core.cluster import Key
from vipa.core.record import Record
from vipa.core.resources import (
    Condition,
    Port,
    StackStatus,
    SysplexStatus,
    VipaStatus,
)

# The reason of a record write that changes nothing but the term: a new leader's mark.
TERM = "Term"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """`key` names the object that is written; `reason` says why, for logs and `vipa plan`."""

    stage: ClassVar[int] = 3
    kind: ClassVar[str] = ""
    key: Key
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRecord(Action):
    """POST where `record.version` is empty, else a PUT guarded by it. `key` is the VIPA's."""

    stage: ClassVar[int] = 0
    kind: ClassVar[str] = "EndpointSlice"
    record: Record
    creates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecord(Action):
    """Guarded by uid: never the record of a VIPA that came back under the name.

    And by `version`, as every write of a record: never one that a later leader has written since.
    """

    stage: ClassVar[int] = 0
    kind: ClassVar[str] = "EndpointSlice"
    uid: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyService(Action):
    """Service and its ingress address. `uid` empty: it does not exist yet, refuse if it does."""

    stage: ClassVar[int] = 1
    kind: ClassVar[str] = "Service"
    vipa: str
    vipa_uid: str
    type: str
    address: str
    ports: tuple[Port, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    external_traffic_policy: str = ""
    session_affinity: str = ""
    load_balancer_class: str = ""
    uid: str = ""
    applied: str = ""
    drops_selector: bool = False

    @property
    def ingress(self) -> str:
        return self.address if self.type == "LoadBalancer" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteService(Action):
    stage: ClassVar[int] = 1
    kind: ClassVar[str] = "Service"
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteSlice(Action):
    """A foreign slice of a Service of ours: traffic would split."""

    stage: ClassVar[int] = 1
    kind: ClassVar[str] = "EndpointSlice"
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteEndpoints(Action):
    """What a stock controller left behind for a selector that is gone; `slice` mirrors it."""

    stage: ClassVar[int] = 1
    kind: ClassVar[str] = "Endpoints"
    uid: str
    slice: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatePod(Action):
    """`value` None removes the annotation."""

    stage: ClassVar[int] = 2
    kind: ClassVar[str] = "Pod"
    uid: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateStack(Action):
    kind: ClassVar[str] = "Stack"
    sysplex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteStack(Action):
    kind: ClassVar[str] = "Stack"
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteVipaStatus(Action):
    """Guarded by uid, as all statuses: a late one must not meet the next object of the name."""

    kind: ClassVar[str] = "VIPA"
    uid: str
    status: VipaStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStackStatus(Action):
    kind: ClassVar[str] = "Stack"
    uid: str
    status: StackStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSysplexStatus(Action):
    kind: ClassVar[str] = "Sysplex"
    uid: str
    status: SysplexStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBackupStatus(Action):
    kind: ClassVar[str] = "VIPABackup"
    uid: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit(Action):
    """An Event with a name of its own (`name`), so that saying it twice says it once.

    `key` is the object it is about, `about` that object's kind, `uid` its uid.
    """

    stage: ClassVar[int] = 4
    kind: ClassVar[str] = "Event"
    name: str
    about: str
    uid: str
    event: str
    note: str
    warning: bool = False
