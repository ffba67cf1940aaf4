"""May this VIPA have its address? (I9: a refused VIPA hurts only itself.)

The VIPA whose record holds an address keeps it, whoever else comes to want it later: otherwise a
second object, or a Service with the right externalIPs, would be a way to take a VIPA down. Among
those without a record the older one wins, then namespace and name.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from vipa.core.cluster import Key
from vipa.core.inventory import NOTHING, Inventory, number
from vipa.core.reasons import Acceptance
from vipa.core.resources import Vipa
from vipa.core.snapshot import Settings, Snapshot

PENDING = (Acceptance.NO_SUCH_SYSPLEX, Acceptance.NO_ADDRESS)


class Answer(NamedTuple):
    reason: Acceptance
    message: str

    @property
    def accepted(self) -> bool:
        return self.reason is Acceptance.ACCEPTED

    @property
    def pending(self) -> bool:
        return self.reason in PENDING


def answer(snapshot: Snapshot, vipa: Vipa) -> Answer:
    """The verdict about one VIPA, before anything about its owner is asked."""
    alone = by_itself(snapshot.world, snapshot.settings, vipa)
    if not alone.accepted:
        return alone
    rival = first_claim(snapshot, vipa)
    if rival is not None:
        text = (
            f"{vipa.spec.address} is held by VIPA {rival}; it comes free when that one is deleted"
        )
        return Answer(Acceptance.ADDRESS_IN_USE, text)
    if not has_record(snapshot.world, vipa):
        taken = taken_by_cluster(snapshot, vipa.spec.address)
        if taken:
            text = f"{vipa.spec.address} is {taken}; choose an address outside of the cluster's own"
            return Answer(Acceptance.ADDRESS_IN_USE, text)
    return alone


def by_itself(world: Inventory, settings: Settings, vipa: Vipa) -> Answer:
    """What can be said without looking at other claims."""
    spec = vipa.spec
    if vipa.issues:
        return Answer(Acceptance.INVALID, "; ".join(map(str, vipa.issues)))
    if Key(vipa.key.namespace, spec.sysplex) not in world.sysplexes:
        text = f"there is no Sysplex {spec.sysplex} in namespace {vipa.key.namespace}"
        return Answer(Acceptance.NO_SUCH_SYSPLEX, text)
    if not spec.address:
        text = f"no address yet: range {spec.range} has assigned none"
        return Answer(Acceptance.NO_ADDRESS, text)
    if not allowed(settings, vipa):
        text = (
            f"{spec.address} is outside of what namespace {vipa.key.namespace} may claim; "
            "see the operator's --allowed-cidr"
        )
        return Answer(Acceptance.ADDRESS_NOT_ALLOWED, text)
    return Answer(Acceptance.ACCEPTED, "the address is this VIPA's")


def allowed(settings: Settings, vipa: Vipa) -> bool:
    if settings.allowed is None:
        return True
    address = ipaddress.ip_address(vipa.spec.address)
    return any(
        address in rule.network and (not rule.namespaces or vipa.key.namespace in rule.namespaces)
        for rule in settings.allowed
    )


def has_record(world: Inventory, vipa: Vipa) -> bool:
    """A record of another uid belongs to a VIPA that is gone; it gives no claim."""
    record = world.records.get(vipa.key)
    return record is not None and record.vipa_uid == vipa.uid


def first_claim(snapshot: Snapshot, vipa: Vipa) -> Key | None:
    """Another VIPA that comes before this one for the same address, if any."""
    world = snapshot.world
    value = number(vipa.spec.address)
    rivals = world.vipas_by_address.get(value, NOTHING) if value else NOTHING
    if len(rivals) < 2:
        return None

    def place(one: Vipa) -> tuple[bool, int, Key]:
        return not has_record(world, one), one.created, one.key

    claims = [
        one
        for one in (world.vipas[key] for key in rivals)
        if one.key != vipa.key and by_itself(world, snapshot.settings, one).accepted
    ]
    before = [one for one in claims if place(one) < place(vipa)]
    return min(before, key=place).key if before else None


def taken_by_cluster(snapshot: Snapshot, address: str) -> str:
    """What of the cluster's own uses this address, in words; empty if nothing does."""
    world = snapshot.world
    parsed = ipaddress.ip_address(address)
    for name in world.nodes_by_address.get(address, ()):
        return f"an address of node {name}"
    for cidr in snapshot.settings.service_cidrs:
        if parsed in cidr:
            return f"in the Service CIDR {cidr}"
    for cidr in world.pod_networks():
        if parsed in cidr:
            return f"in the pod CIDR {cidr} of a node"
    for key in sorted(world.services_by_address.get(address, ())):
        if not world.services[key].vipa_uid:  # between VIPAs the records decide
            return f"an address of Service {key}"
    return ""
