"""What has to be planned again when something changed: cost grows with the change.

A full plan is the same functions over `everything`; a property test holds that both agree. When in
doubt a reach is too wide rather than too narrow: planning what did not change writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vipa.core.cluster import Key, Node, Pod, Service
from vipa.core.inventory import NOTHING, Inventory, Object, network, number, service_name
from vipa.core.judgement import Judgement
from vipa.core.record import Record
from vipa.core.resources import Backup, Stack, Sysplex, Vipa

# What the operator itself writes words into, and where.
Told = Vipa | Stack | Sysplex | Backup | Pod
WORDS: Mapping[type[Told], str] = {
    Vipa: "status",
    Stack: "status",
    Sysplex: "status",
    Backup: "conditions",
    Pod: "published",
}


@dataclass(slots=True, kw_only=True)
class Scope:
    """Keys by kind. A VIPA key may name one that is gone: what it left behind is to be removed.

    `decides` False: only what is told to others may be out of date, no owner can change.
    """

    vipas: set[Key] = field(default_factory=set)
    stacks: set[Key] = field(default_factory=set)
    pods: set[Key] = field(default_factory=set)
    backups: set[Key] = field(default_factory=set)
    sysplexes: set[Key] = field(default_factory=set)
    decides: bool = True

    def __bool__(self) -> bool:
        return bool(self.vipas or self.stacks or self.pods or self.backups or self.sysplexes)

    def add(self, other: Scope) -> None:
        self.vipas |= other.vipas
        self.stacks |= other.stacks
        self.pods |= other.pods
        self.backups |= other.backups
        self.sysplexes |= other.sysplexes


def everything(world: Inventory) -> Scope:
    return Scope(
        vipas={*world.vipas, *world.records, *world.services_by_vipa},
        stacks={*world.stacks, *world.pods_by_stack},
        pods=set(world.pods),
        backups=set(world.backups),
        sysplexes=set(world.sysplexes),
    )


def absorb(
    world: Inventory,
    thing: Object,
    *,
    gone: bool = False,
    verdicts: Mapping[Key, Judgement] | None = None,
) -> Scope:
    """Put an object into the world, or take it out, and say what to plan again.

    `verdicts`, where they are known, tell which stacks waited for a Sysplex to show a join number.
    """
    old = world.get(thing)
    if old == thing and not gone:
        return Scope()
    if old is None and gone:
        return Scope()
    narrow = _only_told(world, old, thing, verdicts) if old is not None and not gone else None
    if narrow is not None:
        world.put(thing)
        return narrow
    # A pod of the same stack reaches what it reached before.
    moved = not (isinstance(old, Pod) and isinstance(thing, Pod) and old.place == thing.place)
    reach = _reach(world, old) if old is not None and (gone or moved) else Scope()
    if gone:
        world.drop(thing)
    else:
        world.put(thing)
        reach.add(_reach(world, thing))
    return reach


def _only_told(
    world: Inventory, old: Object, new: Object, verdicts: Mapping[Key, Judgement] | None
) -> Scope | None:
    """A change that no decision reads: our own words coming back, or edited by hand."""
    if not isinstance(old, Told) or not isinstance(new, Told):
        return None
    words = WORDS[type(new)]
    if replace(old, **{words: getattr(new, words)}) != new:
        return None
    match new:
        case Vipa():
            return Scope(vipas={new.key}, decides=False)
        case Stack():
            return Scope(stacks={new.key}, sysplexes=_holds(world, new.group), decides=False)
        case Sysplex():
            stacks = _waiting(world, old, verdicts)
            return Scope(sysplexes={new.key}, stacks=stacks, decides=False)
        case Backup():
            return Scope(backups={new.key}, decides=False)
    return Scope(pods={new.key}, decides=False)


def _holds(world: Inventory, group: Key) -> set[Key]:
    """The Sysplex, if it holds verdicts: what it says of them ends when its stacks show them."""
    plex = world.sysplexes.get(group)
    shown = plex.status.conditions if plex is not None else ()
    return {group} if any(one.type == "Holding" for one in shown) else set()


def _waiting(world: Inventory, old: Told, verdicts: Mapping[Key, Judgement] | None) -> set[Key]:
    """The stacks whose join number the Sysplex did not show yet; without verdicts, all of them."""
    stacks = world.stacks_by_sysplex.get(old.key, NOTHING)
    if verdicts is None or not isinstance(old, Sysplex):
        return set(stacks)
    shown = old.status.joins
    return {key for key in stacks if key in verdicts and verdicts[key].join_number > shown}


def _reach(world: Inventory, thing: Object) -> Scope:
    match thing:
        case Node():
            return _of_node(world, thing)
        case Pod():
            reach = Scope(pods={thing.key})
            if thing.stack:
                reach.add(of_stack(world, thing.stack_key))
            return reach
        case Stack():
            return of_stack(world, thing.key)
        case Sysplex():
            return _of_sysplex(world, thing)
        case Vipa():
            return _of_vipa(world, thing)
        case Backup():
            vipas = world.ranked(thing)
            named = {Key(thing.key.namespace, rank.stack) for rank in thing.ranking}
            others = {b.key for key in vipas for b in world.rankings(world.vipas[key])}
            return Scope(vipas=vipas, stacks=named, backups={thing.key, *others})
        case Record():
            return _of_record(world, thing)
        case Service():
            vipas = set(world.vipas_by_service.get(thing.key, NOTHING))
            if thing.vipa_uid:
                vipas.add(Key(thing.key.namespace, thing.vipa))
            return Scope(vipas=vipas | _claims(world, thing.addresses))
        case _:
            service = Key(thing.key.namespace, thing.service)
            vipas = set(world.vipas_by_service.get(service, NOTHING))
            vipas.add(Key(thing.key.namespace, thing.key.name.removesuffix("-owner")))
            return Scope(vipas=vipas & world.vipas.keys())


def _claims(world: Inventory, addresses: tuple[str, ...]) -> set[Key]:
    found: set[Key] = set()
    for address in addresses:
        value = number(address)
        if value is not None:
            found |= world.vipas_by_address.get(value, NOTHING)
    return found


def of_stack(world: Inventory, stack: Key) -> Scope:
    """A stack, the VIPAs that name it, and the group that counts it."""
    reach = Scope(stacks={stack}, vipas=world.concerned(stack))
    found = world.stacks.get(stack)
    plexes = {pod.sysplex for pod in world.members(stack)} | ({found.sysplex} if found else set())
    reach.sysplexes = {
        key for plex in plexes if (key := Key(stack.namespace, plex)) in world.sysplexes
    }
    reach.backups = set(world.backups_by_stack.get(stack, NOTHING))
    return reach


def _of_node(world: Inventory, node: Node) -> Scope:
    reach = Scope(vipas=_claims(world, node.addresses))
    for key in world.pods_by_node.get(node.name, NOTHING):
        pod = world.pods[key]
        if pod.stack:
            reach.add(of_stack(world, pod.stack_key))
    for cidr in node.pod_cidrs:
        net = network(cidr)
        if net is None:
            continue
        first, last = int(net.network_address), int(net.broadcast_address)
        for (family, value), keys in world.vipas_by_address.items():
            if family == net.version and first <= value <= last:
                reach.vipas |= keys
    return reach


def _of_sysplex(world: Inventory, plex: Sysplex) -> Scope:
    ns, name = plex.key
    reach = Scope(sysplexes={plex.key}, vipas=set(world.vipas_by_sysplex.get(plex.key, NOTHING)))
    reach.stacks = set(world.stacks_by_sysplex.get(plex.key, NOTHING))
    for pod in world.pods.values():
        if pod.key.namespace == ns and pod.sysplex == name and pod.stack:
            reach.add(of_stack(world, pod.stack_key))
    # A group that comes or goes lets its VIPAs compete, or no longer, with those of others.
    known = reach.vipas & world.vipas.keys()
    reach.vipas |= _claims(world, tuple(world.vipas[key].spec.address for key in known))
    return reach


def _of_vipa(world: Inventory, vipa: Vipa) -> Scope:
    ns, spec = vipa.key.namespace, vipa.spec
    rankings = world.rankings(vipa)
    named = {spec.primary, spec.move_to, *(rank.stack for rank in spec.backups)} - {""}
    named |= {rank.stack for backup in rankings for rank in backup.ranking}
    record = world.records.get(vipa.key)
    if record is not None and record.owner:
        named.add(record.owner)
    same_service = world.vipas_by_service.get(service_name(vipa), NOTHING)
    return Scope(
        vipas={vipa.key, *_claims(world, (spec.address,)), *same_service},
        stacks={Key(ns, stack) for stack in named},
        pods=_pods(world, record),
        backups={backup.key for backup in rankings}
        | set(world.backups_by_vipa.get(vipa.key, NOTHING)),
        sysplexes={key for key in (Key(ns, spec.sysplex),) if key in world.sysplexes},
    )


def _pods(world: Inventory, record: Record | None) -> set[Key]:
    pod = world.pod_of(record.owner_uid) if record is not None else None
    return {pod.key} if pod is not None else set()


def _of_record(world: Inventory, record: Record) -> Scope:
    """The VIPA, whoever waits for its address, and those it names as owner or ranks as backup."""
    vipa = world.vipas.get(record.vipa)
    reach = Scope(vipas={record.vipa}, pods=_pods(world, record))
    if record.owner:
        reach.stacks.add(Key(record.vipa.namespace, record.owner))
    reach.vipas |= _claims(world, (record.address,))
    if vipa is not None and record.owner == "":
        reach.stacks |= _of_vipa(world, vipa).stacks
    return reach
