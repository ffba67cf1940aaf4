"""The model engine: the decisions of the operator over values in memory.

Clock, pods, nodes and API are values; the plan is the operator's own `plan.make`. A step is one
snapshot, and each step is a second later than the one before, so that ages differ; a `wait` alone
moves the clock under the eyes of the operator, who looks at every moment at which a verdict may be
another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vipa.core import actions as act
from vipa.core import command, explain, outcome
from vipa.core import memory as bookkeeping
from vipa.core import plan as planning
from vipa.core.cluster import Key
from vipa.core.explain import Explanation
from vipa.core.inventory import Object
from vipa.core.record import Record
from vipa.core.snapshot import Memory, Settings, Snapshot
from vipa.rehearsal import aside, invariants, objects, proofs, remembering, steps
from vipa.rehearsal.happenings import Happenings
from vipa.rehearsal.monitoring import Monitoring
from vipa.rehearsal.observation import Observation, Said
from vipa.rehearsal.steps import MODEL, Given, Rehearsal, Verb
from vipa.rehearsal.world import RefusedError, World

NO_LIMITS = Settings(probes=True)
LABELS_ONLY = ("InvalidStackName", "StackNameInUse")
STEP_S = 1.0
# What is given has settled when nothing falls due any more, or after the longest joinDelay.
SETTLED_WITHIN_S = 86400.0
# A verdict that is due at once, and is the same then, is looked at again after this.
AGAIN_S = 0.1


class Model:
    """`proves`: try every cut of every plan (I6), with `quick` by one operator in turn.

    `collects`: the garbage collector is quicker than the operator. `spread`: the pods are not asked
    all at once.
    """

    name = MODEL

    def __init__(
        self,
        *,
        proves: bool = True,
        quick: bool = False,
        collects: bool = False,
        spread: bool = False,
        settings: Settings = NO_LIMITS,
    ) -> None:
        self.settings = replace(settings, probes=True)
        self.proves = proves
        self.quick = quick
        self.collects = collects
        self.spread = spread
        self.setup(Given())

    def setup(self, given: Given) -> None:
        self.world = World(collects=self.collects)
        self.memory = Memory()
        self.sees = True
        self._said: set[str] = set()
        self._begin()
        self.world.watch(self._seen)
        self._happenings = Happenings(self.world, given)
        self._monitoring = Monitoring(self._happenings, spread=self.spread)
        self._look()
        while (due := self._due()) is not None and due < SETTLED_WITHIN_S:
            self._pass_until(due)

    def skips(self, rehearsal: Rehearsal) -> str:
        applied = [v.object for s in rehearsal.steps for v in s.do if isinstance(v, steps.Apply)]
        for raw in (*rehearsal.given.objects, *applied):
            if raw["kind"] not in objects.VERSIONS:
                return f"the model knows no {raw['kind']}"
        return ""

    def do(self, verbs: Sequence[Verb], *, live: bool = False) -> None:
        self._step()
        for verb in verbs:
            self._one(verb)
            if live:
                self._look()
        self._look()

    def settle(self) -> None:
        self._begin()
        self._look()

    def restart(self) -> None:
        self._step()
        self._forget()

    def lose_leader(self) -> None:
        """As a restart, under the term that the new leader has."""
        self._step()
        self.settings = replace(self.settings, term=self.settings.term + 1)
        self._forget()

    def blind(self, blind: bool) -> None:
        self._step()
        self.sees = not blind
        self._monitoring.cut_off()
        if self.sees:
            self._monitoring.listed_again(self.memory, self.world.clock)
        self._look()

    def wait(self, seconds: float) -> None:
        self._begin(0.0)
        self._happenings.next_step()
        self._look()
        self._pass_until(self.world.clock + seconds)

    def observe(self) -> Observation:
        return Observation(
            world=self.world.inventory.copy(),
            now=self.world.now,
            history={key: tuple(records) for key, records in self._history.items()},
            events={key: tuple(said) for key, said in self._events.items()},
            actions=tuple(self._actions),
            refusals=tuple(self._refusals),
            restless=tuple(self._restless),
            blind=not self.sees,
            heard=dict(self._monitoring.heard),
            unheard=dict(self._monitoring.unheard),
            broken=tuple(self._broken),
        )

    def waits(self) -> bool:
        """Everything has settled already."""
        return False

    def explain(self, vipa: Key) -> Explanation | None:
        return explain.explain(self._snapshot(), vipa)

    def close(self) -> None:
        """Nothing to let go."""

    def _step(self) -> None:
        self._begin()
        self._happenings.next_step()

    def _forget(self) -> None:
        """A fresh operator, which has listed everything if it sees anything."""
        self.memory = Memory()
        self._monitoring.cut_off()
        self._look()

    def _begin(self, seconds: float = STEP_S) -> None:
        """A new step: a later second, nothing seen yet."""
        self._move_clock(self.world.clock + seconds)
        records = self.world.inventory.records
        self._history: dict[Key, list[Record | None]] = {k: [r] for k, r in records.items()}
        self._events: dict[Key, list[Said]] = {}
        self._actions: list[str] = []
        self._refusals: list[str] = []
        self._restless: list[str] = []
        self._broken: list[str] = []

    def _move_clock(self, moment: float) -> None:
        before, self.world.clock = self.world.clock, moment
        if before and self.sees:
            self._monitoring.beat(self.memory, before, moment)

    def _pass_until(self, end: float) -> None:
        """Time passes; the operator looks at each moment at which a verdict may be another one."""
        while self.world.clock < end:
            due = self._due()
            moments = [end, self._happenings.next_end(), due]
            if self.sees:
                moments.append(self._monitoring.next(self._snapshot()))
            self._move_clock(min(one for one in moments if one is not None))
            ended = self._happenings.elapsed()
            heard = self.sees and self._monitoring.deliver(self._snapshot())
            if ended or heard or (due is not None and self.world.clock >= due):
                self._look_in_between()

    def _due(self) -> float | None:
        """When the operator looks although nothing happens; a blind one does not look."""
        due = planning.due(self._snapshot()) if self.sees else None
        return None if due is None else round(self.world.clock + max(due, AGAIN_S), 6)

    def _look_in_between(self) -> None:
        """A snapshot of its own, with moves of its own: judged as a step would be."""
        history, records = self._history, self.world.inventory.records
        self._history = {key: [record] for key, record in records.items()}
        acted = len(self._actions)
        self._look()
        if len(self._actions) > acted:
            self._broken += invariants.broken(self.observe(), {})
        for key, found in self._history.items():
            history.setdefault(key, [None]).extend(found[1:] if key in history else found)
        self._history = history

    def _look(self) -> None:
        """The operator comes to rest, unless it sees nothing."""
        if self.sees:
            self._monitoring.listed(self.memory, self.world.clock)
            self._monitoring.greet(self._snapshot())
            self._settle()

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            world=self.world.inventory,
            now=self.world.now,
            clock=self.world.clock,
            settings=self.settings,
            memory=self.memory,
        )

    def _one(self, verb: Verb) -> None:
        try:
            match verb:
                case steps.Move():
                    self._move(verb)
                case steps.Unpin():
                    self._command(command.no_unpin(self._snapshot(), verb.vipa))
                    self._pin(verb.vipa, None)
                case steps.Member():
                    self._command(command.no_member(self._snapshot(), verb.key))
                    self._happenings.happen(verb)
                case _:
                    self._happenings.happen(verb)
        except RefusedError as error:
            self._refusals.append(str(error))

    def _move(self, verb: steps.Move) -> None:
        """With --once the pin is taken away as soon as the move is committed."""
        refused = command.no_move(self._snapshot(), verb.vipa, verb.to, once=verb.once)
        self._command(refused)
        self._pin(verb.vipa, verb.to)
        if verb.once:
            self._look()
            self._pin(verb.vipa, None)
            if not self.sees:
                raise RefusedError(f"VIPA {verb.vipa} was not moved: the operator sees nothing")

    @staticmethod
    def _command(refused: str) -> None:
        if refused:
            raise RefusedError(refused)

    def _pin(self, vipa: Key, to: str | None) -> None:
        meta = {"name": vipa.name, "namespace": vipa.namespace}
        move = {"to": to} if to else None
        self.world.apply({"kind": "VIPA", "metadata": meta, "spec": {"move": move}})

    def _seen(self, thing: Object, gone: bool) -> None:
        """A watch of records: one that vanished is remembered by its fence."""
        if isinstance(thing, Record) and gone:
            bookkeeping.gone(self.memory, thing)
            self._history.setdefault(thing.vipa, [None]).append(None)

    def _settle(self) -> None:
        """Rounds until nothing is left to do. A second round that writes is against I6."""
        for record in self.world.inventory.records.values():
            bookkeeping.seen(self.memory, record)
        for number in range(proofs.ROUNDS):
            snapshot = self._snapshot()
            before = replace(snapshot, memory=remembering.copied(snapshot.memory))
            plan = planning.make(replace(snapshot, memory=remembering.copied(snapshot.memory)))
            if number:
                again = (a for a in plan.actions if not aside.by_the_way(self.world.inventory, a))
                self._restless += [f"planned again: {proofs.described(one)}" for one in again]
            elif self.proves:
                self._restless += proofs.broken(before, plan, said=self._said, both=not self.quick)
            self.memory = remembering.copied(plan.after.memory)
            if not plan.actions:
                return
            for action in plan.actions:
                self._carry_out(action)

    def _carry_out(self, action: act.Action) -> None:
        inventory = self.world.inventory
        remembering.acted(self.memory, inventory, action)
        match action:
            case act.Emit():
                if action.name in self._said:
                    return
                self._say(action)
            case act.WriteRecord():
                self._history.setdefault(action.key, [None]).append(action.record)
            case act.DeleteRecord():
                self._history.setdefault(action.key, [None]).append(None)
            case act.DeleteStack():
                self.world.forget("Stack", action.key)
        if not aside.by_the_way(inventory, action):
            self._actions.append(proofs.described(action))
        outcome.apply(inventory, action)

    def _say(self, action: act.Emit) -> None:
        """An event counts for its VIPA, also where a pod concerned is told."""
        self._said.add(action.name)
        if action.event not in LABELS_ONLY:
            vipa = Key(action.key.namespace, action.name.partition(".")[0])
            self._events.setdefault(vipa, []).append(Said(action.event, action.note))
