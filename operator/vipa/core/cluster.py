"""What the operator sees of Kubernetes itself: small frozen values, reduced to what decisions read.

A pod's JSON is about 6 KB and changes with every kubelet heartbeat of noise; these values are about
ten fields and compare equal when nothing that matters has changed. That comparison is what keeps a
steady cluster free of rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Key(NamedTuple):
    """Namespace and name; sorts and prints as users write it."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Ready(StrEnum):
    """The status of a Ready condition. A node without the condition counts as UNKNOWN."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A z/OS system; its zone is the CPC."""

    name: str
    ready: Ready = Ready.TRUE
    out_of_service: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    pod_cidrs: tuple[str, ...] = ()

    @property
    def reports(self) -> bool:
        """The node says of itself that it is well, and nobody has declared it dead."""
        return self.ready is Ready.TRUE and not self.out_of_service

    @property
    def zone(self) -> str:
        return self.labels.get("topology.kubernetes.io/zone", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One incarnation of a stack. `stack` is empty when a label is not usable: see `problem`."""

    key: Key
    uid: str
    created: int = 0
    sysplex: str = ""
    stack: str = ""
    problem: str = ""
    node: str = ""
    ips: tuple[str, ...] = ()
    ready: bool = False
    terminating: bool = False
    ended: bool = False
    ports: tuple[tuple[str, int], ...] = ()
    published: str | None = None

    @property
    def stack_key(self) -> Key:
        return Key(self.key.namespace, self.stack)

    @property
    def place(self) -> tuple[str, str]:
        """The group and the stack that the pod belongs to."""
        return self.sysplex, self.stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Service of anybody. `vipa_uid` is empty for foreign ones, which matter by address alone."""

    key: Key
    uid: str = ""
    vipa: str = ""
    vipa_uid: str = ""
    applied: str = ""
    intact: bool = True
    selector: bool = False
    load_balancer_class: str = ""
    ingress: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """An EndpointSlice that is not ours; it matters when it hangs on a Service of ours."""

    key: Key
    uid: str = ""
    service: str = ""
    managed_by: str = ""
    leftover: str = ""
