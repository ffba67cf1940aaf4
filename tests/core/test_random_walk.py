"""Whatever happens, in whatever order: the invariants hold after every step.

Thousands of random steps over a small sysplex in the model engine. After each one: I1 to I7 as seen
from outside; every cut of every plan leads to the same end (the engine tries them); and an operator
that looks only at what changed arrives at the same world as one that plans everything anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from vipa.core import actions as act
from vipa.core import judging, monitor, outcome
from vipa.core import memory as bookkeeping
from vipa.core import plan as planning
from vipa.core.cluster import Key
from vipa.core.inventory import Inventory, Object
from vipa.core.probing import Tally
from vipa.core.record import Record
from vipa.core.resources import Phase
from vipa.core.scope import Scope, absorb, everything, of_stack
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
MONITOR = {"probe": {"tcp": {"port": 8080}}, "failureThreshold": 2}
DAMPING = {"failures": 2, "window": "1m", "quarantine": "5s"}
# What a group may be told to watch for; the first of them, nothing.
SAYINGS: tuple[dict[str, Any], ...] = (
    {},
    {"monitor": MONITOR},
    {"monitor": {**MONITOR, "onUnresponsive": "LeaveUntilJoined", "holdLimit": "10s"}},
    {"monitor": {**MONITOR, "onUnresponsive": "Report"}, "joinDelay": "2s"},
    {"joinDelay": "3s", "damping": DAMPING},
    {"monitor": MONITOR, "joinDelay": "1s", "damping": DAMPING},
)


def group(saying: dict[str, Any]) -> dict[str, Any]:
    """The Sysplex, with everything else that it may say taken back."""
    nothing = dict.fromkeys(("monitor", "joinDelay", "damping"))
    return obj("Sysplex", "plex1", **{**nothing, **saying})


def given(saying: dict[str, Any]) -> Given:
    return Given(
        nodes=NODES,
        stacks=tuple(
            GivenStack(name=name, node=node, started=name != "sysd") for name, node in HOMES.items()
        ),
        objects=(obj("Sysplex", "plex1", **saying), WEB, DB, HOME, SHARED),
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
hearing = st.builds(
    lambda verb, stack: verb(stack=stack), st.sampled_from((do.Deaf, do.Deaf, do.Hears)), stacks
)
lengths = st.sampled_from((0.3, 0.5, 1.0, 1.3, 2.0, 3.5, 6.0, 12.0, 61.0))
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
    st.builds(lambda stack, joins: do.Member(stack=stack, joins=joins), stacks, st.booleans()),
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
    st.builds(lambda saying: do.Apply(object=group(saying)), st.sampled_from(SAYINGS)),
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

    def hear(self, tallies: dict[str, Tally], renewed: dict[str, float], now: Snapshot) -> None:
        """Take over what was heard, and plan again what that may change."""
        for uid, tally in tallies.items():
            pod = self.world.pod_of(uid)
            asking = monitor.of(now, pod) if pod is not None else None
            if pod is None or asking is None:
                continue
            before = monitor.tally(now, pod, asking)
            self.memory.tallies[uid] = tally
            if monitor.matters(now, pod, before, tally):
                self.scope.add(of_stack(self.world, pod.stack_key))
        for uid in self.memory.tallies.keys() - tallies.keys():
            del self.memory.tallies[uid]
        self.memory.renewed.clear()
        self.memory.renewed.update(renewed)

    def settle(self, model: Model) -> None:
        """Look at the same moment as the model did, with the same ears."""
        for record in self.world.records.values():
            bookkeeping.seen(self.memory, record)
        snapshot = Snapshot(
            world=self.world,
            now=model.world.now,
            clock=model.world.clock,
            settings=model.settings,
            memory=self.memory,
        )
        self.hear(model.memory.tallies, model.memory.renewed, snapshot)
        doubted = frozenset().union(*self.memory.doubted.values())
        for key, verdict in self.memory.verdicts.items():
            # A quarantine and a hold end at a whole second of the API server's clock: that may have
            # come although the time until it, as it was counted before, is not over.
            rounded = verdict.phase is Phase.QUARANTINED or key in doubted
            if rounded or (verdict.due is not None and verdict.due <= snapshot.clock + 1e-6):
                self.scope.add(of_stack(self.world, key))
        judged = judging.judge(snapshot, self.scope.stacks)
        for key in judging.others(snapshot, self.scope.stacks, judged):
            self.scope.add(of_stack(self.world, key))
        judging.remember(self.memory, judged)
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


class Beside(Model):
    """A model that calls somebody each time that its operator has come to rest."""

    looked: Callable[[], None] = staticmethod(lambda: None)

    def _settle(self) -> None:
        super()._settle()
        self.looked()


class Walk(RuleBasedStateMachine):
    """A sysplex to which things happen."""

    @initialize(collects=st.booleans(), saying=st.sampled_from((SAYINGS[0], *SAYINGS)))
    def begin(self, collects: bool, saying: dict[str, Any]) -> None:
        self.model = Beside(quick=True, collects=collects)
        self.model.setup(given(saying))
        self.fences: dict[Key, tuple[int, int]] = {}
        self.changed = False
        self.changes: list[tuple[Object, bool]] = []
        self.model.world.watch(lambda thing, gone: self.changes.append((thing, gone)))
        self.increment = Increment(self.model.world.inventory)
        self.increment.settle(self.model)
        self.model.looked = self.compare
        self.compare()

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

    @rule(todo=st.lists(hearing, min_size=1, max_size=4, unique_by=subject))
    def fall_silent(self, todo: list[Verb]) -> None:
        self.step(todo)

    @rule(seconds=lengths)
    def wait(self, seconds: float) -> None:
        self.model.wait(seconds)
        self.look(one_snapshot=False)

    @rule(todo=st.lists(happenings, max_size=3, unique_by=subject), seconds=lengths)
    def see_nothing(self, todo: list[Verb], seconds: float) -> None:
        """For a while, in which things happen."""
        self.model.blind(True)
        self.step([verb for verb in todo if not isinstance(verb, do.Move)])
        self.model.wait(seconds)
        assert self.model.observe().actions == ()
        self.model.blind(False)
        self.look()

    @rule(lost=st.booleans())
    def restart(self, lost: bool) -> None:
        memory = self.model.memory
        self.changed = any(one.due is not None for one in memory.verdicts.values())
        # Whoever is silent may answer whoever asks first, and what is doubted is in messages alone.
        self.changed |= any(tally.silent for tally in memory.tallies.values())
        self.increment.restart()
        if lost:
            self.model.lose_leader()
        else:
            self.model.restart()
        if not self.changed:
            assert self.model.observe().actions == ()
        self.look()

    def step(self, todo: list[Verb]) -> None:
        can = [verb for verb in todo if self.possible(verb)]
        self.model.do(can)
        once = any(isinstance(verb, do.Move) and verb.once for verb in can)
        self.look(one_snapshot=not once)

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

    def look(self, *, one_snapshot: bool = True) -> None:
        seen = self.model.observe()
        broken = invariants.broken(seen, self.fences, one_snapshot=one_snapshot)
        assert not broken, "\n".join(broken)
        for key in seen.world.vipas:
            if (fence := seen.fence(key)) is not None:
                self.fences[key] = max(fence, self.fences.get(key, fence))

    def compare(self) -> None:
        """Whoever is told what changed arrives where the model is."""
        self.changed = self.changed or bool(self.changes)
        for thing, gone in self.changes:
            self.increment.see(thing, gone)
        self.changes.clear()
        self.increment.settle(self.model)
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
    phases=(Hypothesis.generate,) if "VIPA_WALK_STEPS" in os.environ else tuple(Hypothesis),
    report_multiple_bugs=False,
)
# Half a minute on a machine of its own; what it may take on a busy one is no property of the core.
TestRandomWalk = pytest.mark.timeout(900)(Walk.TestCase)
