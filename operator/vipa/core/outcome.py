"""The world after an action: what the API server would hold if it took it.

Used where a plan has to look past its own first steps, by the model engine, and by the proofs of
I6. Nothing here decides.
"""

from __future__ import annotations

from dataclasses import replace

from vipa.core import actions as act
from vipa.core.cluster import Service
from vipa.core.inventory import Inventory, Object
from vipa.core.resources import Stack
from vipa.core.services import OUR_CLASS


def of(world: Inventory, action: act.Action) -> tuple[Object, bool] | None:
    """The object after the action and whether it is gone; None if the action meets nothing."""
    match action:
        case act.WriteRecord():
            version = str(int(action.record.version or "0") + 1)
            uid = action.record.uid or f"record-{action.record.vipa}-{version}"
            return replace(action.record, version=version, uid=uid), False
        case act.DeleteRecord():
            return _gone(world.records.get(action.key))
        case act.ApplyService():
            return _service(world, action), False
        case act.DeleteService():
            return _gone(world.services.get(action.key))
        case act.DeleteSlice():
            return _gone(world.slices.get(action.key))
        case act.DeleteEndpoints():
            return _gone(world.slices.get(action.slice))
        case act.AnnotatePod():
            pod = world.pods.get(action.key)
            if pod is None or pod.uid != action.uid:
                return None
            return replace(pod, published=action.value), False
        case act.CreateStack():
            return Stack(key=action.key, uid=f"stack-{action.key}", sysplex=action.sysplex), False
        case act.DeleteStack():
            return _gone(world.stacks.get(action.key))
    return _status(world, action)


def _gone(found: Object | None) -> tuple[Object, bool] | None:
    return None if found is None else (found, True)


def _service(world: Inventory, action: act.ApplyService) -> Service:
    return Service(
        key=action.key,
        uid=action.uid or f"service-{action.key}",
        vipa=action.vipa,
        vipa_uid=action.vipa_uid,
        applied=action.applied,
        load_balancer_class=(action.load_balancer_class or OUR_CLASS)
        if action.type == "LoadBalancer"
        else "",
        ingress=action.ingress,
        addresses=(action.ingress,) if action.ingress else (),
    )


def _status(world: Inventory, action: act.Action) -> tuple[Object, bool] | None:
    match action:
        case act.WriteVipaStatus():
            vipa = world.vipas.get(action.key)
            return None if vipa is None else (replace(vipa, status=action.status), False)
        case act.WriteStackStatus():
            stack = world.stacks.get(action.key)
            return None if stack is None else (replace(stack, status=action.status), False)
        case act.WriteSysplexStatus():
            plex = world.sysplexes.get(action.key)
            return None if plex is None else (replace(plex, status=action.status), False)
        case act.WriteBackupStatus():
            backup = world.backups.get(action.key)
            return (
                None if backup is None else (replace(backup, conditions=action.conditions), False)
            )
    return None


def apply(world: Inventory, action: act.Action) -> None:
    """Carry an action out on the world itself."""
    after = of(world, action)
    if after is not None:
        thing, gone = after
        if gone:
            world.drop(thing)
        else:
            world.put(thing)
