"""One rehearsal in one engine: step by step, with what happened, what failed and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vipa.core.cluster import Key
from vipa.core.explain import Explanation
from vipa.rehearsal import expect, invariants
from vipa.rehearsal import steps as do
from vipa.rehearsal.engine import Engine, ImpossibleError
from vipa.rehearsal.expect import Failure
from vipa.rehearsal.observation import Observation, turns
from vipa.rehearsal.reading import Mistake
from vipa.rehearsal.steps import Expect, Rehearsal, Step, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """A step as it went. `number` 0: what was given, before the first step."""

    number: int
    line: int
    did: tuple[str, ...] = ()
    happened: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    broken: tuple[str, ...] = ()
    explanations: tuple[Explanation, ...] = ()

    @property
    def held(self) -> bool:
        return not self.failures and not self.broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A rehearsal as it went. `skipped` says why it did not run; `wrong` what the file asks for
    that cannot be."""

    rehearsal: Rehearsal
    steps: tuple[Stepped, ...] = ()
    skipped: str = ""
    wrong: Mistake | None = None

    @property
    def held(self) -> bool:
        return self.wrong is None and all(step.held for step in self.steps)


def run(rehearsal: Rehearsal, engine: Engine) -> Result:
    """The rehearsal up to its first step that does not hold: what follows would mislead."""
    reason = _skips(rehearsal, engine)
    if reason:
        return Result(rehearsal=rehearsal, skipped=reason)
    run = _Run(rehearsal=rehearsal, engine=engine)
    try:
        engine.setup(rehearsal.given)
        run.look(Step(number=0, line=rehearsal.line))
        for step in rehearsal.steps:
            if not run.done[-1].held:
                break
            run.step(step)
    except ImpossibleError as error:
        line = error.verb.line or rehearsal.line
        wrong = Mistake(rehearsal.path, line, error.message)
        return Result(rehearsal=rehearsal, steps=tuple(run.done), wrong=wrong)
    return Result(rehearsal=rehearsal, steps=tuple(run.done))


def _skips(rehearsal: Rehearsal, engine: Engine) -> str:
    if engine.name not in rehearsal.engines:
        return f"the file is for {', '.join(rehearsal.engines)}"
    return engine.skips(rehearsal)


@dataclass(slots=True, kw_only=True)
class _Run:
    rehearsal: Rehearsal
    engine: Engine
    done: list[Stepped] = field(default_factory=list)
    fences: dict[Key, tuple[int, int]] = field(default_factory=dict)

    def step(self, step: Step) -> None:
        match step.do:
            case (do.Restart(),):
                self.engine.restart()
            case (do.LeaderLost(),):
                self.engine.lose_leader()
            case (do.Blind() as verb,):
                self.engine.blind(verb.blind)
            case (do.Wait() as verb,):
                self.engine.wait(verb.seconds)
            case () if step.number == 1:
                self.fences.clear()  # it sees what is given once more, from no record on
            case ():
                self.engine.settle()
            case _:
                self.engine.do(step.do, live=step.live)
        self.look(step)

    def look(self, step: Step) -> None:
        seen, failures, broken = self._judged(step)
        while (failures or broken) and self.engine.waits():
            seen, failures, broken = self._judged(step)
        subjects = {failure.vipa for failure in failures if failure.vipa is not None}
        if broken:
            subjects |= {key for key in seen.world.vipas if any(key.name in t for t in broken)}
        told = (self.engine.explain(key) for key in sorted(subjects))
        self.done.append(
            Stepped(
                number=step.number,
                line=step.line,
                did=tuple(map(str, step.do)),
                happened=tuple(happened(seen)) if step.do or step.number != 1 else (),
                failures=failures,
                broken=broken,
                explanations=tuple(one for one in told if one is not None),
            )
        )
        for key in seen.world.vipas:
            fence = seen.fence(key)
            if fence is not None:
                self.fences[key] = max(fence, self.fences.get(key, fence))

    def _judged(self, step: Step) -> tuple[Observation, tuple[Failure, ...], tuple[str, ...]]:
        seen = self.engine.observe()
        wanted = step.expect or Expect(line=step.line)
        failures = tuple(expect.check(seen, wanted, self.fences))
        broken = tuple(invariants.broken(seen, self.fences, one_snapshot=_one_snapshot(step)))
        return seen, failures, broken


def _one_snapshot(step: Step) -> bool:
    """While the clock moves on, the operator looks again whenever something falls due."""
    several = any(
        isinstance(verb, do.Wait) or (isinstance(verb, do.Move) and verb.once) for verb in step.do
    )
    return not (step.live or several)


def happened(seen: Observation) -> Iterable[str]:
    """What moved, and why, in the order of names."""
    for key in sorted(seen.history):
        records = seen.history[key]
        last = next((r for r in reversed(records) if r is not None), None)
        if key not in seen.world.vipas:
            yield f"{shown(key)}: deleted"
        elif last is not None and (path := turns(records)):
            names = [path[0][0], *(to for _, to in path)]
            way = " -> ".join(name or "none" for name in names)
            move = last.last_move
            reason = move.reason if records[-1] is not None and move else "record removed"
            yield f"{shown(key)}: {way} {reason}, epoch {last.epoch}"
        elif last is not None and _renewed(records):
            yield f"{shown(key)}: {last.owner} goes on, pod {last.pod}, epoch {last.epoch}"
    yield from (f"refused: {text}" for text in seen.refusals)


def _renewed(records: tuple[object, ...]) -> bool:
    holders = {getattr(record, "holder", None) for record in records} - {None}
    epochs = {getattr(record, "epoch", None) for record in records} - {None}
    return len(holders) > 1 or len(epochs) > 1
