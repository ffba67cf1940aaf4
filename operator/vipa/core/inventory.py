"""The observed world, indexed by the questions that decisions ask.

The one mutable thing in core: ten thousand objects cannot be copied for each round. Whoever plans
treats it as read-only for the length of a plan (nothing awaits in between), and every decision
gives the same answer on an inventory that grew event by event as on one filled in one go; a
property test holds that.
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
from collections.abc import Hashable, Iterable, Iterator, Set
from typing import Any, TypeVar

from vipa.core.cluster import Key, Node, Pod, Service, Slice
from vipa.core.record import Record
from vipa.core.resources import Backup, Stack, Sysplex, Vipa

Object = Node | Pod | Service | Slice | Record | Sysplex | Stack | Vipa | Backup

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)
NOTHING: frozenset[Key] = frozenset()


class Index(dict[K, set[V]]):
    """Many values under a key; a key without values is no key."""

    def link(self, keys: Iterable[K], value: V) -> None:
        for key in keys:
            self.setdefault(key, set()).add(value)

    def unlink(self, keys: Iterable[K], value: V) -> None:
        for key in keys:
            values = self.get(key, set())
            values.discard(value)
            if not values:
                self.pop(key, None)


# An index, the keys under which a value is filed in it, and the value.
Link = tuple["Index[Any, Any]", Iterable[Any], Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@functools.lru_cache(maxsize=4096)
def network(cidr: str) -> Network | None:
    """A CIDR, host bits allowed; None for what is no CIDR."""
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


@functools.lru_cache(maxsize=65536)
def number(address: str) -> tuple[int, int] | None:
    """Family and value, so that two spellings of an address are one; None for no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return parsed.version, int(parsed)


def key_of(thing: Object) -> Hashable:
    """Under which key an object is kept: a record under that of its VIPA."""
    if isinstance(thing, Node):
        return thing.name
    return thing.vipa if isinstance(thing, Record) else thing.key


def service_name(vipa: Vipa) -> Key:
    return Key(vipa.key.namespace, vipa.spec.service.name or vipa.key.name)


class Inventory:
    """Objects by key and the indexes over them. `put` and `drop` return what was there before."""

    def __init__(self, objects: Iterable[Object] = ()) -> None:
        self.nodes: dict[str, Node] = {}
        self.pods: dict[Key, Pod] = {}
        self.services: dict[Key, Service] = {}
        self.slices: dict[Key, Slice] = {}
        self.records: dict[Key, Record] = {}
        self.sysplexes: dict[Key, Sysplex] = {}
        self.stacks: dict[Key, Stack] = {}
        self.vipas: dict[Key, Vipa] = {}
        self.backups: dict[Key, Backup] = {}
        self.nodes_by_address: Index[str, str] = Index()
        self.nodes_by_cidr: Index[str, str] = Index()
        self.pods_by_stack: Index[Key, Key] = Index()
        self.pods_by_node: Index[str, Key] = Index()
        self.pods_by_uid: dict[str, Key] = {}
        self.stacks_by_sysplex: Index[Key, Key] = Index()
        self._joins: dict[Key, int] = {}
        self.vipas_by_stack: Index[Key, Key] = Index()
        self.vipas_by_sysplex: Index[Key, Key] = Index()
        self.vipas_by_address: Index[tuple[int, int], Key] = Index()
        self.vipas_by_service: Index[Key, Key] = Index()
        self.backups_by_vipa: Index[Key, Key] = Index()
        self.backups_by_selector: Index[str, Key] = Index()
        self.backups_by_stack: Index[Key, Key] = Index()
        self.records_by_stack: Index[Key, Key] = Index()
        self.records_by_pod: Index[str, Key] = Index()
        self.services_by_vipa: Index[Key, Key] = Index()
        self.services_by_address: Index[str, Key] = Index()
        self.slices_by_service: Index[Key, Key] = Index()
        self._shelves: dict[type, dict[Any, Any]] = {
            Node: self.nodes,
            Pod: self.pods,
            Service: self.services,
            Slice: self.slices,
            Record: self.records,
            Sysplex: self.sysplexes,
            Stack: self.stacks,
            Vipa: self.vipas,
            Backup: self.backups,
        }
        for thing in objects:
            self.put(thing)

    def _shelf(self, thing: Object) -> dict[Any, Any]:
        return self._shelves[type(thing)]

    def get(self, thing: Object) -> Object | None:
        """What is stored under the key of this object."""
        found: Object | None = self._shelf(thing).get(key_of(thing))
        return found

    def put(self, thing: Object) -> Object | None:
        top = self._joins.get(thing.group) if isinstance(thing, Stack) else None
        old = self.drop(thing)
        self._shelf(thing)[key_of(thing)] = thing
        self._index(thing, add=True)
        if isinstance(thing, Pod):
            self.pods_by_uid[thing.uid] = thing.key
        elif isinstance(thing, Stack) and top is not None and thing.status.join_number >= top:
            self._joins[thing.group] = thing.status.join_number
        return old

    def drop(self, thing: Object) -> Object | None:
        old: Object | None = self._shelf(thing).pop(key_of(thing), None)
        if old is None:
            return None
        self._index(old, add=False)
        if isinstance(old, Pod):
            self.pods_by_uid.pop(old.uid, None)
        elif isinstance(old, Stack) and old.status.join_number == self._joins.get(old.group):
            self._joins.pop(old.group)
        return old

    def top_join(self, sysplex: Key) -> int:
        """The highest join number that a Stack of this group shows.

        A stack joins in every takeback, and its group may have thousands: it is counted once.
        """
        if sysplex not in self._joins:
            members = self.stacks_by_sysplex.get(sysplex, NOTHING)
            shown = (self.stacks[key].status.join_number for key in members)
            self._joins[sysplex] = max(shown, default=0)
        return self._joins[sysplex]

    def _index(self, thing: Object, *, add: bool) -> None:
        for index, keys, value in self._links(thing):
            (index.link if add else index.unlink)(keys, value)

    def _links(self, thing: Object) -> Iterator[Link]:
        match thing:
            case Vipa():
                yield from self._vipa_links(thing)
            case Backup():
                yield from self._backup_links(thing)
            case Record() if thing.owner:
                owner = Key(thing.vipa.namespace, thing.owner)
                yield self.records_by_stack, (owner,), thing.vipa
                yield self.records_by_pod, (thing.owner_uid,), thing.vipa
            case Stack():
                yield self.stacks_by_sysplex, (thing.group,), thing.key
            case _:
                yield from self._cluster_links(thing)

    def _cluster_links(self, thing: Object) -> Iterator[Link]:
        match thing:
            case Node():
                yield self.nodes_by_address, thing.addresses, thing.name
                yield self.nodes_by_cidr, thing.pod_cidrs, thing.name
            case Pod():
                if thing.stack:
                    yield self.pods_by_stack, (thing.stack_key,), thing.key
                yield self.pods_by_node, (thing.node,), thing.key
            case Service():
                if thing.vipa_uid:
                    yield self.services_by_vipa, (Key(thing.key.namespace, thing.vipa),), thing.key
                yield self.services_by_address, thing.addresses, thing.key
            case Slice():
                yield self.slices_by_service, (Key(thing.key.namespace, thing.service),), thing.key

    def _backup_links(self, backup: Backup) -> Iterator[Link]:
        ns = backup.key.namespace
        if backup.selector is None:
            yield self.backups_by_vipa, [Key(ns, v) for v in backup.vipas], backup.key
        else:
            yield self.backups_by_selector, (ns,), backup.key
        yield self.backups_by_stack, {Key(ns, r.stack) for r in backup.ranking}, backup.key

    def _vipa_links(self, vipa: Vipa) -> Iterator[Link]:
        ns, spec = vipa.key.namespace, vipa.spec
        named = {spec.primary, spec.move_to, *(rank.stack for rank in spec.backups)} - {""}
        yield self.vipas_by_stack, [Key(ns, stack) for stack in named], vipa.key
        yield self.vipas_by_sysplex, (Key(ns, spec.sysplex),), vipa.key
        yield self.vipas_by_service, (service_name(vipa),), vipa.key
        value = number(spec.address) if spec.address else None
        if value is not None:
            yield self.vipas_by_address, (value,), vipa.key

    def objects(self) -> Iterator[Object]:
        """Everything, in no particular order."""
        return itertools.chain.from_iterable(shelf.values() for shelf in self._shelves.values())

    def copy(self) -> Inventory:
        return Inventory(self.objects())

    def rankings(self, vipa: Vipa) -> list[Backup]:
        """The VIPABACKUPs of a VIPA, in order of name."""
        keys: Set[Key] = self.backups_by_vipa.get(vipa.key, NOTHING)
        keys = keys | self.backups_by_selector.get(vipa.key.namespace, NOTHING)
        return [b for b in map(self.backups.__getitem__, sorted(keys)) if b.names(vipa)]

    def ranked(self, backup: Backup) -> set[Key]:
        """The VIPAs that a ranking speaks of and that exist."""
        ns = backup.key.namespace
        group = self.vipas_by_sysplex.get(Key(ns, backup.sysplex), NOTHING)
        if backup.selector is None:
            return {key for name in backup.vipas if (key := Key(ns, name)) in group}
        return {key for key in group if backup.names(self.vipas[key])}

    def concerned(self, stack: Key) -> set[Key]:
        """The VIPAs that name this stack or are held by it."""
        keys = set(self.vipas_by_stack.get(stack, NOTHING))
        keys |= self.records_by_stack.get(stack, NOTHING)
        for backup in self.backups_by_stack.get(stack, NOTHING):
            keys |= self.ranked(self.backups[backup])
        return keys

    def pod_of(self, uid: str) -> Pod | None:
        key = self.pods_by_uid.get(uid)
        return None if key is None else self.pods.get(key)

    def pod_networks(self) -> list[Network]:
        """The pod CIDRs of the nodes."""
        return [net for cidr in self.nodes_by_cidr if (net := network(cidr)) is not None]

    def members(self, stack: Key) -> list[Pod]:
        """The incarnations of a stack, oldest first."""
        keys = self.pods_by_stack.get(stack, NOTHING)
        return sorted((self.pods[key] for key in keys), key=lambda pod: (pod.created, pod.key))
