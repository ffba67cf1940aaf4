"""An API server in memory: raw objects as users and kubelets write them, and their values in core.

Raw objects hold what others than the operator write; what the operator writes (statuses, records,
Services, annotations) lives in the inventory alone, as core values. An object is parsed by the same
functions as in the cluster, so a file meets the refusals that its objects would meet there.
"""

from __future__ import annotations

import copy
import datetime
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from vipa.core.cluster import Key, Pod
from vipa.core.inventory import Inventory, Object
from vipa.core.record import Record
from vipa.core.resources import Backup, Stack, Sysplex, Vipa
from vipa.k8s import decode
from vipa.rehearsal import objects
from vipa.rehearsal.steps import Raw, key_of

Id = tuple[str, Key]
BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class RefusedError(Exception):
    """The API server would not take it."""


class World:
    """`collects`: whatever a deleted object owned goes with it, as by the garbage collector.
    `clock`: seconds since the beginning of the rehearsal."""

    def __init__(self, *, collects: bool = False) -> None:
        self.inventory = Inventory()
        self.collects = collects
        self.clock = 0.0
        self._raw: dict[Id, dict[str, Any]] = {}
        self._uids = 0
        self._watchers: list[Callable[[Object, bool], None]] = []

    @property
    def now(self) -> str:
        """The time in whole seconds, as the API server tells it."""
        moment = BEGIN + datetime.timedelta(seconds=math.floor(self.clock))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def watch(self, seen: Callable[[Object, bool], None]) -> None:
        """Be told of every object that others than the operator put or remove."""
        self._watchers.append(seen)

    def _changed(self, thing: Object, gone: bool) -> None:
        for seen in self._watchers:
            seen(thing, gone)

    def raw(self, kind: str, key: Key) -> dict[str, Any] | None:
        """The object as its user wrote it; a Stack that the operator made has the defaults."""
        found = self._raw.get((kind, key))
        if found is None and kind == "Stack" and key in self.inventory.stacks:
            stack = self.inventory.stacks[key]
            meta = {"name": key.name, "namespace": key.namespace, "uid": stack.uid}
            found = {"kind": kind, "metadata": meta, "spec": {"sysplex": stack.sysplex}}
        return copy.deepcopy(found)

    def all(self, kind: str) -> list[Key]:
        return sorted(key for one, key in self._raw if one == kind)

    def apply(self, raw: Raw) -> None:
        """Create an object, or merge it into the one that is there. Raises RefusedError."""
        key, kind = key_of(raw), str(raw["kind"])
        old = self.raw(kind, key)
        if old is None and kind not in objects.OURS and self._operator_wrote(kind, key):
            raise RefusedError(f"{kind} {key} is the operator's: the model does not edit it")
        new = objects.merged(old, raw) if old is not None else self._created(raw)
        if text := objects.issues(old, new):
            raise RefusedError(f'{kind} "{key.name}" is invalid: {text}')
        if old is not None and old.get("spec") != new.get("spec"):
            meta = {**new["metadata"], "generation": old["metadata"].get("generation", 1) + 1}
            new["metadata"] = meta
        self.put(new)

    def create(self, raw: Raw) -> None:
        key, kind = key_of(raw), str(raw["kind"])
        if (kind, key) in self._raw:
            raise RefusedError(f'{kind.lower()}s "{key.name}" already exists')
        self.put(self._created(raw))

    def _created(self, raw: Raw) -> dict[str, Any]:
        new = objects.created(copy.deepcopy(dict(raw)))
        self._uids += 1
        meta = {**new["metadata"], "uid": f"00000000-0000-4000-8000-{self._uids:012x}"}
        meta |= {"creationTimestamp": self.now, "generation": 1}
        return {**new, "metadata": meta}

    def put(self, raw: dict[str, Any]) -> None:
        self._raw[raw["kind"], key_of(raw)] = raw
        value = self._value(raw)
        if value is not None:
            self.inventory.put(value)
            self._changed(value, False)

    def _value(self, raw: Raw) -> Object | None:
        """The core value, with what the operator has written about the same object so far."""
        parse = objects.PARSERS.get(raw["kind"])
        value = parse(raw) if parse is not None else decode.decode(raw["kind"], raw)
        return _with_ours(value, self.inventory.get(value)) if value is not None else None

    def delete(self, kind: str, key: Key) -> None:
        """Remove an object, the operator's own included. Raises RefusedError if there is none."""
        self._raw.pop((kind, key), None)
        value = self._stored(kind, key)
        if value is None:
            raise RefusedError(f'{kind.lower()}s "{key.name}" not found')
        self._drop(value)
        if self.collects and isinstance(value, Vipa):
            for thing in self._owned(value):
                self._drop(thing)

    def _drop(self, value: Object) -> None:
        self.inventory.drop(value)
        self._changed(value, True)

    def _owned(self, vipa: Vipa) -> Iterable[Object]:
        world = self.inventory
        record = world.records.get(vipa.key)
        if record is not None and record.vipa_uid == vipa.uid:
            yield record
        for key in sorted(world.services_by_vipa.get(vipa.key, ())):
            if world.services[key].vipa_uid == vipa.uid:
                yield world.services[key]

    def forget(self, kind: str, key: Key) -> None:
        """The operator removed an object that a user may have written."""
        self._raw.pop((kind, key), None)

    def _operator_wrote(self, kind: str, key: Key) -> bool:
        return (kind, key) not in self._raw and self._stored(kind, key) is not None

    def _stored(self, kind: str, key: Key) -> Object | None:
        world = self.inventory
        if kind == "Node":
            return world.nodes.get(key.name)
        if kind == "EndpointSlice":
            name = key.name.removesuffix("-owner")
            record: Record | None = world.records.get(Key(key.namespace, name))
            return record if record and name != key.name else world.slices.get(key)
        shelves: dict[str, Mapping[Key, Object]] = {
            "Pod": world.pods,
            "Service": world.services,
            "Sysplex": world.sysplexes,
            "Stack": world.stacks,
            "VIPA": world.vipas,
            "VIPABackup": world.backups,
        }
        return shelves.get(kind, {}).get(key)


def _with_ours(value: Object, old: Object | None) -> Object:
    match value, old:
        case Pod(), Pod() if value.uid == old.uid:
            return replace(value, published=old.published)
        case Backup(), Backup() if value.uid == old.uid:
            return replace(value, conditions=old.conditions)
        case Vipa(), Vipa() if value.uid == old.uid:
            return replace(value, status=old.status)
        case Stack(), Stack() if value.uid == old.uid:
            return replace(value, status=old.status)
        case Sysplex(), Sysplex() if value.uid == old.uid:
            return replace(value, status=old.status)
    return value
