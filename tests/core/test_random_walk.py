"""Whatever happens, in whatever order: the invariants hold after every step.

Thousands of random steps over a small sysplex in the model engine. After each one: I1 to I7 as seen
from outside; every cut of every plan leads to the same end (the engine tries them); and an operator
that looks only at what changed arrives at the same world as one that plans everything anew.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from vipa.core import actions as act
from vipa.core import judging, outcome
from vipa.core import memory as bookkeeping
from vipa.core import plan as planning
from vipa.core.cluster import Key
from vipa.core.inventory import Inventory, Object
from vipa.core.record import Record
from vipa.core.scope import Scope, absorb, everything
from vipa.core.snapshot import Memory, Snapshot
from vipa.rehearsal import invariants, proofs, remembering
from vipa.rehearsal import steps as do
from vipa.rehearsal.model import Model
from vipa.rehearsal.steps import Given, GivenStack, Verb

STACKS = ("sysa", "sysb", "sysc", "sysd")
NODES = {"n1": "z1", "n2": "z1", "n3": "z2"}
HOMES = {"sysa": "n1", "sysb": "n2", "sysc": "n3", "sysd": "n3"}
ZONE = "topology.kubernetes.io/zone"
OUT = "node.kubernetes.io/out-of-service"
ADDRESS = {"web": "198.51.100.10", "db": "198.51.100.11", "home": "198.51.100.12"}
VIPAS = tuple(ADDRESS)
GROUP = "sysplex.dev/v1alpha1"


def obj(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "labels": {"tier": name}}
    return {"apiVersion": GROUP, "kind": kind, "metadata": meta, "spec": spec}


def vipa(name: str, **spec: Any) -> do.Apply:
    return do.Apply(object=obj("VIPA", name, **spec))


def ranks(*pairs: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"stack": stack, "rank": rank} for stack, rank in pairs]


PORTS = [{"name": "http", "port": 80, "targetPort": 8080}]
WEB = obj(
    "VIPA", "web", sysplex="plex1", address=ADDRESS["web"], primary="sysa",
    backups=ranks(("sysb", 200), ("sysc", 100)), ports=PORTS,
)  # fmt: skip
DB = obj(
    "VIPA", "db", sysplex="plex1", address=ADDRESS["db"], primary="sysb", moveable="Manual",
)  # fmt: skip
HOME = obj(
    "VIPA", "home", sysplex="plex1", address=ADDRESS["home"], type="Static", primary="sysc",
)  # fmt: skip
SHARED = obj("VIPABackup", "shared", sysplex="plex1", vipas=["db"], ranking=ranks(("sysa", 7)))
PLEX = obj("Sysplex", "plex1")
GIVEN = Given(
    nodes=NODES,
    stacks=tuple(
        GivenStack(name=name, node=node, started=name != "sysd") for name, node in HOMES.items()
    ),
    objects=(PLEX, WEB, DB, HOME, SHARED),
)

stacks = st.sampled_from(STACKS)
nodes = st.sampled_from(tuple(NODES))
names = st.sampled_from(VIPAS)
rankings = st.lists(
    st.tuples(stacks, st.sampled_from((1, 7, 7, 200))), max_size=4, unique_by=lambda pair: pair[0]
).map(lambda pairs: ranks(*pairs))
pods = st.builds(
    lambda verb, stack: verb(stack=stack),
    st.sampled_from((do.Stop, do.Kill, do.Fail, do.Fail, do.Recover, do.Recover)),
    stacks,
)
starts = st.builds(
    lambda stack, node, second: do.Start(
        stack=stack, node=node, pod=f"{stack}-2" if second else stack
    ),
    stacks,
    nodes,
    st.booleans(),
)
reports = st.builds(
    lambda verb, node: verb(node=node),
    st.sampled_from((do.Down, do.Up, do.Up)),
    st.one_of(nodes, st.just("zone/z1")),
)
taints = st.builds(
    lambda verb, node: verb(node=node, key=OUT),
    st.sampled_from((do.Taint, do.Untaint, do.Untaint)),
    nodes,
)
edits = st.one_of(
    st.builds(lambda name, r: vipa(name, backups=r), names, rankings),
    st.builds(
        lambda name, one: vipa(name, primary=one), names, st.one_of(stacks, st.none(), stacks)
    ),
    st.builds(
        lambda name, how: vipa(name, moveable=how),
        names,
        st.sampled_from(("Immediate", "Manual", "WhenIdle")),
    ),
    st.builds(
        lambda name, key: vipa(name, scopeTopologyKey=key), names, st.sampled_from((ZONE, None))
    ),
    st.builds(lambda name, p: vipa(name, ports=p), names, st.sampled_from((PORTS, None))),
    st.builds(
        lambda name, to: vipa(name, move=to and {"to": to}), names, st.one_of(stacks, st.none())
    ),
    st.builds(
        lambda name, tier: do.Apply(
            object={**obj("VIPA", name), "metadata": {**obj("VIPA", name)["metadata"], **tier}}
        ),
        names,
        st.sampled_from(({"labels": {"tier": "front"}}, {"labels": {"tier": "back"}})),
    ),
)
backups = st.builds(
    lambda name, r, activate, target: do.Apply(
        object=obj("VIPABackup", name, ranking=r or ranks(("sysd", 1)), activate=activate, **target)
    ),
    st.sampled_from(("shared", "other")),
    rankings,
    st.booleans(),
    st.sampled_from(
        (
            {"vipas": ["web", "db"], "vipaSelector": None},
            {"vipas": ["db", "home", "later"], "vipaSelector": None},
            {"vipas": None, "vipaSelector": {"matchLabels": {"tier": "front"}}},
        )
    ),
)
members = st.one_of(
    st.builds(
        lambda stack, how: do.Apply(object=obj("Stack", stack, membership=how)),
        stacks,
        st.sampled_from(("Left", "Joined", "Joined")),
    ),
    st.builds(
        lambda stack, off: do.Apply(object=obj("Stack", stack, deactivated=off)),
        stacks,
        st.lists(names, max_size=2, unique=True),
    ),
)
commands = st.one_of(
    st.builds(
        lambda name, to, once: do.Move(vipa=Key("default", name), to=to, once=once),
        names,
        stacks,
        st.booleans(),
    ),
    st.builds(lambda name: do.Unpin(vipa=Key("default", name)), names),
)
deletions = st.builds(
    lambda what: do.Delete(kind=what[0], key=Key("default" if what[0] != "Node" else "", what[1])),
    st.sampled_from(
        [("VIPA", name) for name in VIPAS]
        + [("EndpointSlice", f"{name}-owner") for name in VIPAS]
        + [("Stack", name) for name in STACKS]
        + [("VIPABackup", "shared"), ("VIPABackup", "other"), ("Sysplex", "plex1")]
        + [("Service", "web"), ("Node", "n1"), ("Node", "n3")]
    ),
)
creations = st.one_of(
    st.sampled_from([do.Apply(object=one) for one in (WEB, DB, HOME, SHARED, PLEX)]),
    st.builds(  # another VIPA under the name: other ranks, perhaps an address in use
        lambda name, address, r, primary: vipa(
            name, sysplex="plex1", address=address, backups=r, primary=primary
        ),
        names,
        st.sampled_from(tuple(ADDRESS.values())),
        rankings,
        st.one_of(stacks, st.none()),
    ),
    st.builds(
        lambda name: do.Apply(
            object={
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {ZONE: NODES[name]}},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        ),
        nodes,
    ),
)
happenings = st.one_of(pods, pods, pods, starts, starts, reports, taints, members, commands)
writings = st.one_of(edits, edits, backups, members, deletions, creations, creations, pods, starts)


def subject(verb: Verb) -> str:
    """What a verb is about: in one list each stack and node has one thing happen to it."""
    if isinstance(verb, do.Delete) and verb.kind == "Node":
        return verb.key.name
    return getattr(verb, "stack", "") or getattr(verb, "node", "") or str(verb)


class Increment:
    """An operator that is told what changed, and plans again only that."""

    def __init__(self, world: Inventory) -> None:
        self.world = Inventory()
        self.memory = Memory()
        self.scope = Scope()
        for thing in world.objects():
            self.see(thing, False)

    def see(self, thing: Object, gone: bool) -> None:
        if isinstance(thing, Record) and gone:
            bookkeeping.gone(self.memory, thing)
        self.scope.add(absorb(self.world, thing, gone=gone, verdicts=self.memory.verdicts))

    def restart(self) -> None:
        self.memory = Memory()
        self.scope = everything(self.world)

    def settle(self, now: str) -> None:
        for record in self.world.records.values():
            bookkeeping.seen(self.memory, record)
        snapshot = Snapshot(world=self.world, now=now, memory=self.memory)
        judging.remember(self.memory, judging.judge(snapshot, self.scope.stacks))
        while self._take(list(planning.moves(snapshot, self.scope.vipas))):
            pass
        parts = (planning.publish_members, planning.publish_groups, planning.publish)
        for _ in range(proofs.ROUNDS * 2):
            if not sum(self._take(list(part(snapshot, self.scope))) for part in parts):
                break
        for key in self.scope.stacks:  # nobody bears the name any more: it is judged afresh
            if key not in self.world.stacks and key not in self.world.pods_by_stack:
                self.memory.verdicts.pop(key, None)
        self.scope = Scope()

    def _take(self, actions: list[act.Action]) -> int:
        for action in actions:
            remembering.acted(self.memory, self.world, action)
            after = outcome.of(self.world, action)
            if after is not None:
                self.scope.add(
                    absorb(self.world, after[0], gone=after[1], verdicts=self.memory.verdicts)
                )
        return len(actions)


class Walk(RuleBasedStateMachine):
    """A sysplex to which things happen."""

    @initialize(collects=st.booleans())
    def begin(self, collects: bool) -> None:
        self.model = Model(quick=True, collects=collects)
        self.model.setup(GIVEN)
        self.fences: dict[Key, tuple[int, int]] = {}
        self.changes: list[tuple[Object, bool]] = []
        self.model.world.watch(lambda thing, gone: self.changes.append((thing, gone)))
        self.increment = Increment(self.model.world.inventory)
        self.increment.settle(self.model.world.now)
        self.look([])

    @rule(todo=st.lists(happenings, min_size=1, max_size=3, unique_by=subject))
    def happen(self, todo: list[Verb]) -> None:
        self.step(todo)

    @rule(todo=st.lists(pods, min_size=1, max_size=4, unique_by=subject))
    def fail(self, todo: list[Verb]) -> None:
        self.step(todo)

    @rule(todo=st.lists(writings, min_size=1, max_size=4, unique_by=subject))
    def write(self, todo: list[Verb]) -> None:
        self.step(todo)

    @rule(names=st.sets(stacks, min_size=1))
    def heal(self, names: set[str]) -> None:
        """Nodes report, and these stacks have a healthy pod: else all would be down for ever."""
        world = self.model.world.inventory
        there = [node for node in NODES if node in world.nodes]
        todo: list[Verb] = [do.Up(node=node) for node in there]
        todo += [do.Untaint(node=node, key=OUT) for node in there]
        for name in sorted(names):
            if self.has_pod(name):
                todo.append(do.Recover(stack=name))
            else:
                todo.append(do.Start(stack=name, node=HOMES[name]))
        self.step(todo)

    @rule()
    def restart(self) -> None:
        self.model.restart()
        if not self.changes:
            seen = self.model.observe()
            assert seen.actions == (), seen.actions
        self.increment.restart()
        self.look([])

    def step(self, todo: list[Verb]) -> None:
        can = [verb for verb in todo if self.possible(verb)]
        self.model.do(can)
        self.look(can)

    def possible(self, verb: Verb) -> bool:
        world = self.model.world.inventory
        match verb:
            case do.PodVerb():
                return self.has_pod(verb.stack)
            case do.Down() | do.Up() if verb.node.startswith("zone/"):
                return any(node.zone == "z1" for node in world.nodes.values())
            case do.Down() | do.Up() | do.Taint() | do.Untaint():
                return verb.node in world.nodes
        return True

    def has_pod(self, stack: str) -> bool:
        members = self.model.world.inventory.members(Key("default", stack))
        return any(not pod.terminating for pod in members)

    def look(self, did: list[Verb]) -> None:
        once = any(isinstance(verb, do.Move) and verb.once for verb in did)
        seen = self.model.observe()
        broken = invariants.broken(seen, self.fences, one_snapshot=not once)
        assert not broken, "\n".join(broken)
        for key in seen.world.vipas:
            if (fence := seen.fence(key)) is not None:
                self.fences[key] = max(fence, self.fences.get(key, fence))
        for thing, gone in self.changes:
            self.increment.see(thing, gone)
        self.changes.clear()
        if once:  # two snapshots in one step: begin anew from what they led to
            self.increment = Increment(self.model.world.inventory)
            self.increment.memory = remembering.copied(self.model.memory)
        self.increment.settle(self.model.world.now)
        unlike = list(proofs.worlds(self.model.world.inventory, self.increment.world))
        assert not unlike, "\n".join(unlike)


STEPS = int(os.environ.get("VIPA_WALK_STEPS", "2400"))
Walk.TestCase.settings = settings(
    max_examples=max(STEPS // 40, 1),
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize="VIPA_WALK_STEPS" not in os.environ,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,) if "VIPA_WALK_STEPS" in os.environ else tuple(Phase),
    report_multiple_bugs=False,
)
# Half a minute on a machine of its own; what it may take on a busy one is no property of the core.
TestRandomWalk = pytest.mark.timeout(900)(Walk.TestCase)
