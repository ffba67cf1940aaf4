"""The Service of a VIPA, and what stands in its way.

A Service of the wanted name that is not ours is never touched, and the record then does not carry
its name either: a slice of ours on a foreign Service would send its traffic to our owner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from vipa.core.actions import Action, ApplyService, DeleteEndpoints, DeleteService, DeleteSlice
from vipa.core.cluster import Key, Service
from vipa.core.inventory import NOTHING, Inventory, service_name
from vipa.core.resources import Condition, Vipa
from vipa.core.snapshot import Snapshot

OUR_CLASS = "sysplex.dev/vipa"
MIRROR = "endpointslicemirroring-controller.k8s.io"


def record_name(vipa: Key) -> Key:
    """The EndpointSlice that is the record."""
    return Key(vipa.namespace, f"{vipa.name}-owner")


def kind(world: Inventory, vipa: Vipa) -> str:
    """LoadBalancer, ClusterIP, or nothing where no Service is wanted."""
    plex = world.sysplexes.get(Key(vipa.key.namespace, vipa.spec.sysplex))
    asked = vipa.spec.service.type or (plex.service_type if plex is not None else "None")
    return "" if asked == "None" or not vipa.spec.ports else asked


def foreign(world: Inventory, vipa: Vipa) -> Service | None:
    """The Service that has the wanted name and belongs to somebody else."""
    service = world.services.get(service_name(vipa))
    if service is None or (service.vipa_uid and service.vipa == vipa.key.name):
        return None
    return service


def rival(world: Inventory, vipa: Vipa) -> Vipa | None:
    """Another VIPA that comes first for a Service of this name that does not exist yet."""
    name = service_name(vipa)
    if name in world.services:
        return None
    others = [world.vipas[key] for key in world.vipas_by_service.get(name, NOTHING)]
    first = [
        one
        for one in others
        if (one.created, one.key) < (vipa.created, vipa.key)
        and kind(world, one)
        and (record := world.records.get(one.key)) is not None
        and record.vipa_uid == one.uid
    ]
    return min(first, key=lambda one: (one.created, one.key)) if first else None


def label(world: Inventory, vipa: Vipa) -> str:
    """The Service that the record is a slice of, if any."""
    if not kind(world, vipa) or foreign(world, vipa) is not None or rival(world, vipa) is not None:
        return ""
    return service_name(vipa).name


def conflict(world: Inventory, vipa: Vipa) -> Condition | None:
    """Whatever of others would split or take the traffic, in words, with the remedy."""
    found = []
    slot = world.slices.get(record_name(vipa.key))
    if slot is not None:
        found.append(f"EndpointSlice {slot.key} has the record's name: delete it")
    if kind(world, vipa):
        other = foreign(world, vipa)
        service = world.services.get(service_name(vipa))
        if other is not None:
            whose = f"belongs to VIPA {other.vipa}" if other.vipa_uid else "is not this operator's"
            found.append(f"Service {other.key} {whose}: set spec.service.name to a free name")
        elif service is not None:
            found += _on_ours(world, service)
        elif (first := rival(world, vipa)) is not None:
            text = f"VIPA {first.key} asks for Service {service_name(vipa)} too"
            found.append(f"{text}: set spec.service.name to a free name")
    if not found:
        return None
    text = "; ".join(found)
    return Condition(type="ServiceConflict", status="True", reason="ServiceConflict", message=text)


def _on_ours(world: Inventory, service: Service) -> Iterator[str]:
    if service.selector:
        yield f"Service {service.key} was given a selector: the operator removes it"
    for key in sorted(world.slices_by_service.get(service.key, NOTHING)):
        if world.slices[key].managed_by == MIRROR and not world.slices[key].leftover:
            yield f"Endpoints {service.key} adds endpoints to the Service: delete that object"
        else:
            yield f"EndpointSlice {key} adds endpoints to the Service: the operator removes it"


def plan(snapshot: Snapshot, key: Key, vipa: Vipa | None) -> Iterator[Action]:
    """Make the Service of a VIPA as it shall be, and remove what it has no longer.

    `vipa` None: it is gone or not accepted, and every Service made for it goes.
    """
    world = snapshot.world
    name = service_name(vipa) if vipa is not None and kind(world, vipa) else None
    for old in sorted(world.services_by_vipa.get(key, NOTHING)):
        service = world.services[old]
        stale = vipa is not None and service.vipa_uid != vipa.uid
        if old != name or stale:
            yield DeleteService(key=old, uid=service.uid, reason="no VIPA asks for it any more")
    if vipa is None or name is None or foreign(world, vipa) is not None:
        return
    if rival(world, vipa) is not None:
        return
    present = world.services.get(name)
    if present is not None and present.vipa_uid != vipa.uid:
        return
    apply = wanted(world, vipa, present)
    if present is not None and present.load_balancer_class and _class_changed(apply, present):
        # The API server refuses to change a class; the next round makes the Service anew.
        yield DeleteService(key=name, uid=present.uid, reason="another load balancer class")
        return
    if present is None or not (
        present.applied == apply.applied
        and present.intact
        and present.ingress == apply.ingress
        and not present.selector
    ):
        yield apply
    for slice_key in sorted(world.slices_by_service.get(name, NOTHING)):
        one = world.slices[slice_key]
        if one.managed_by == MIRROR:
            if one.leftover:
                why = "left behind by a selector, it would split the traffic"
                yield DeleteEndpoints(key=name, uid=one.leftover, slice=slice_key, reason=why)
        elif slice_key != record_name(key):
            yield DeleteSlice(key=slice_key, uid=one.uid, reason="it would split the traffic")


def _class_changed(asked: ApplyService, present: Service) -> bool:
    wanted_class = asked.load_balancer_class or OUR_CLASS
    return asked.type == "LoadBalancer" and present.load_balancer_class != wanted_class


def wanted(world: Inventory, vipa: Vipa, present: Service | None) -> ApplyService:
    spec = vipa.spec.service
    asked = ApplyService(
        key=service_name(vipa),
        reason="Service of the VIPA",
        vipa=vipa.key.name,
        vipa_uid=vipa.uid,
        type=kind(world, vipa),
        address=vipa.spec.address,
        ports=vipa.spec.ports,
        annotations=dict(spec.annotations),
        labels=dict(spec.labels),
        external_traffic_policy=spec.external_traffic_policy,
        session_affinity=spec.session_affinity,
        load_balancer_class=spec.load_balancer_class,
    )
    # A digest of what was asked, kept on the Service: what the API server defaults and what others
    # add then needs no comparison, and a field that the user removed from the VIPA is noticed.
    digest = hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
    if present is None:
        return replace(asked, applied=digest)
    return replace(asked, applied=digest, uid=present.uid, drops_selector=present.selector)
