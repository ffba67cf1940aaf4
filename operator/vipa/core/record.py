"""The record: who holds a VIPA, in one EndpointSlice, changed by one guarded write.

I1  One owner: owner, epoch and endpoint are fields of one value and travel in one PUT.
I2  Epoch: up by one when a holder is written, never otherwise, never down, never reused.

A *holder* is the triple of stack, pod uid and address. A pod that comes back under the same stack
name, or under the same uid with another address, is a new holder: connections to the old one are
dead either way, and whoever fences must be able to tell the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from vipa.core.cluster import Key

DIGITS = 18


class Move(NamedTuple):
    """The last change of holder. `to` is empty for a release, `source` for an activation."""

    source: str
    to: str
    reason: str
    time: str


class Holder(NamedTuple):
    stack: str
    uid: str
    ip: str


class RecordPort(NamedTuple):
    name: str
    protocol: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`version` is the resourceVersion the value was read at, empty for one to be created.

    `intact` is False when the object in the API says more or less than this value would write, so
    that an edit by hand is repaired; it takes part in comparison for that purpose.
    """

    vipa: Key
    vipa_uid: str = ""
    owner: str = ""
    owner_uid: str = ""
    ip: str = ""
    pod: str = ""
    node: str = ""
    zone: str = ""
    epoch: int = 0
    prefix: int = 0
    term: int = 0
    address: str = ""
    domain: str = ""
    service: str = ""
    ports: tuple[RecordPort, ...] = ()
    last_move: Move | None = None
    intact: bool = True
    version: str = ""
    uid: str = ""

    @property
    def holder(self) -> Holder | None:
        return Holder(self.owner, self.owner_uid, self.ip) if self.owner else None

    @property
    def fence(self) -> str:
        """Two integers; compared first by the part before the point."""
        return f"{self.prefix}.{self.epoch}"

    def says_as(self, other: Record) -> bool:
        """Whether both would be written alike; where they were read does not matter."""
        return self == replace(other, version=self.version, uid=self.uid)


class Remembered(NamedTuple):
    """What outlives a record that somebody deleted: enough to go on without reusing an epoch."""

    epoch: int
    prefix: int
    owner: str = ""
    owner_uid: str = ""
    domain: str = ""


def parse_fence(text: str) -> tuple[int, int] | None:
    """`prefix.epoch` as two integers, or None: a fence edited by hand is no fence."""
    prefix, point, epoch = text.partition(".")
    if not (point and is_count(prefix) and is_count(epoch)):
        return None
    return int(prefix), int(epoch)


def is_count(text: str) -> bool:
    """At most 18 digits, as the admission policy reads them: what fits into 64 bits."""
    return text.isascii() and text.isdigit() and len(text) <= DIGITS
