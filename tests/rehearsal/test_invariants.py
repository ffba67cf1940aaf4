"""The second opinion: an observation that breaks an invariant is caught, and by its number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from vipa.core.cluster import Key
from vipa.core.record import Move, Record
from vipa.core.resources import (
    ChainEntry,
    Condition,
    Monitor,
    Phase,
    Probe,
    State,
    Vipa,
    VipaStack,
    VipaStatus,
)
from vipa.rehearsal import invariants, loader
from vipa.rehearsal.model import Model
from vipa.rehearsal.observation import Observation, Said, turns
from vipa.rehearsal.runner import run

WEB = Key("default", "web")
TEXT = """\
rehearsal: invariants
given:
  stacks: {sysa: {node: n1}, sysb: {node: n2}, sysc: {node: n3}}
  objects:
  - kind: VIPA
    metadata: {name: web}
    spec:
      address: 198.51.100.10
      primary: sysa
      backups: [{stack: sysb, rank: 200}, {stack: sysc, rank: 100}]
      ports: [{name: http, port: 80}]
steps:
- do: {fail: sysa}
- do: {kill: sysb}
"""


def seen() -> Observation:
    """sysb was lost, sysc owns: the state that every case below spoils."""
    model = Model()
    assert run(loader.loads(TEXT), model).held
    return model.observe()


def record(saw: Observation, **changes: object) -> None:
    old = saw.world.records[WEB]
    saw.world.put(replace(old, **changes))  # type: ignore[arg-type]


def status(saw: Observation, **changes: object) -> None:
    old = saw.world.vipas[WEB]
    saw.world.put(replace(old, status=replace(old.status, **changes)))  # type: ignore[arg-type]


def two_active(saw: Observation) -> None:
    lines = saw.world.vipas[WEB].status.stacks
    status(saw, stacks=(*lines, VipaStack("sysa", "ACTIVE", "VIPADEFINE", 255)))


def foreign_endpoint(saw: Observation) -> None:
    record(saw, ip="10.9.9.9")


def late_status(saw: Observation) -> None:
    status(saw, epoch=2)


def other_owner_in_status(saw: Observation) -> None:
    owner = saw.world.vipas[WEB].status.owner
    assert owner is not None
    status(saw, owner=owner._replace(stack="sysb"))


def pod_not_told(saw: Observation) -> None:
    pod = saw.world.pods[Key("default", "sysc")]
    saw.world.put(replace(pod, published=None))


def chain(saw: Observation, **eligible: bool) -> None:
    lines = saw.world.vipas[WEB].status.chain
    status(saw, chain=tuple(c._replace(eligible=eligible.get(c.stack, c.eligible)) for c in lines))


def better_passed_over(saw: Observation) -> None:
    chain(saw, sysa=True)


def needless_move(saw: Observation) -> None:
    chain(saw, sysb=True)


def nobody_although(saw: Observation) -> None:
    record(saw, owner="", owner_uid="", ip="")
    status(saw, owner=None, stacks=(), state=State.INACTIVE)


def owner_not_eligible(saw: Observation) -> None:
    chain(saw, sysc=False)


def without_record(saw: Observation) -> None:
    saw.world.drop(saw.world.records[WEB])


def wrong_state(saw: Observation) -> None:
    status(saw, state=State.INACTIVE)


def unknown_verdict(saw: Observation) -> None:
    lines = saw.world.vipas[WEB].status.chain
    status(saw, chain=(*lines, ChainEntry("x", 1, False, "Bored")))


def unknown_move(saw: Observation) -> None:
    record(saw, last_move=Move("sysb", "sysc", "Whim", ""))


def unknown_condition(saw: Observation) -> None:
    old = saw.world.vipas[WEB].status.conditions
    others = tuple(one for one in old if one.type != "Active")
    status(saw, conditions=(*others, Condition(type="Active", status="True", reason="Perhaps")))


def unknown_phase_reason(saw: Observation) -> None:
    stack = saw.world.stacks[Key("default", "sysa")]
    saw.world.put(replace(stack, status=replace(stack.status, reason="Tired")))


def taken_by(saw: Observation, phase: Phase) -> None:
    stack = saw.world.stacks[Key("default", "sysc")]
    saw.world.put(replace(stack, status=replace(stack.status, phase=phase)))
    before = saw.world.records[WEB]
    old = replace(before, owner="sysb", owner_uid="gone", epoch=before.epoch - 1)
    saw.history[WEB] = (old, before)  # type: ignore[index]


def taken_by_a_quarantined_stack(saw: Observation) -> None:
    taken_by(saw, Phase.QUARANTINED)


def taken_without_a_witness(saw: Observation) -> None:
    """sysa fell silent at 5, sysc was heard at 4 for the last time."""
    plex = saw.world.sysplexes[Key("default", "plex1")]
    saw.world.put(replace(plex, monitor=Monitor(probe=Probe(8080))))
    stack, pod = saw.world.stacks[Key("default", "sysa")], saw.world.pods[Key("default", "sysa")]
    saw.world.put(replace(stack, status=replace(stack.status, reason="Unresponsive")))
    saw.world.put(replace(pod, ready=True))
    after = replace(saw.world.records[WEB], last_move=Move("sysa", "sysc", "OwnerFailed", ""))
    saw.world.put(after)
    old = replace(after, owner="sysa", owner_uid=pod.uid, epoch=after.epoch - 1)
    saw.history[WEB] = (old, after)  # type: ignore[index]
    saw.unheard[pod.uid] = 5.0  # type: ignore[index]
    saw.heard[after.owner_uid] = 4.0  # type: ignore[index]


def orphaned_record(saw: Observation) -> None:
    record(saw, vipa=Key("default", "other"), vipa_uid="another")


def orphaned_service(saw: Observation) -> None:
    service = saw.world.services[WEB]
    saw.world.put(replace(service, key=Key("default", "old"), vipa_uid="another"))


def orphaned_annotation(saw: Observation) -> None:
    pod = saw.world.pods[Key("default", "sysa")]
    saw.world.put(replace(pod, published='[{"vipa": "web", "epoch": 1}]'))


CASES: dict[str, tuple[Callable[[Observation], None], str]] = {
    "two-active": (two_active, "web: I1"),
    "foreign-endpoint": (foreign_endpoint, "web: I1"),
    "late-status": (late_status, "web: I1"),
    "other-owner": (other_owner_in_status, "web: I1"),
    "pod-not-told": (pod_not_told, "web: I1"),
    "better-passed-over": (better_passed_over, "web: I3 sysc took it, first in rank was sysa"),
    "needless-move": (needless_move, "web: I4 sysb could have stayed"),
    "nobody": (nobody_although, "web: I5 nobody owns it, and sysc could"),
    "not-eligible": (owner_not_eligible, "web: I5 sysc is not eligible"),
    "without-record": (without_record, "web: I5 it is Active and has no record"),
    "wrong-state": (wrong_state, "web: I5 with an owner it says Inactive"),
    "verdict": (unknown_verdict, "web: I7 x is judged `Bored`"),
    "move": (unknown_move, "web: I7 moved for `Whim`"),
    "condition": (unknown_condition, "web: I7 Active for `Perhaps`"),
    "quarantined": (taken_by_a_quarantined_stack, "web: I3 sysc took it and is Quarantined"),
    "no-witness": (taken_without_a_witness, "web: I10 sysc took it from sysa, which is silent"),
    "phase-reason": (unknown_phase_reason, "web: I7 stack sysa is Failed for `Tired`"),
    "record-left": (orphaned_record, "I8 the record of default/other"),
    "service-left": (orphaned_service, "I8 Service default/old"),
    "annotation-left": (orphaned_annotation, "I8 pod default/sysa"),
}


def test_what_is_right_is_not_complained_of() -> None:
    assert invariants.broken(seen(), {}) == []


@pytest.mark.parametrize(("spoil", "text"), CASES.values(), ids=CASES)
def test_broken(spoil: Callable[[Observation], None], text: str) -> None:
    saw = seen()
    spoil(saw)
    found = invariants.broken(saw, {})
    assert any(one.startswith(text) for one in found), found


def unwitnessed() -> Observation:
    saw = seen()
    taken_without_a_witness(saw)
    return saw


def test_no_witness_is_asked_for_where_nobody_asks_any_more() -> None:
    saw = unwitnessed()
    saw.world.put(replace(saw.world.sysplexes[Key("default", "plex1")], monitor=None))
    assert not [one for one in invariants.broken(saw, {}) if "I10" in one]


def test_no_witness_is_asked_for_where_no_ranking_names_the_owner_any_more() -> None:
    saw = unwitnessed()
    chain = tuple(one for one in saw.world.vipas[WEB].status.chain if one.stack != "sysa")
    status(saw, chain=chain)
    assert not [one for one in invariants.broken(saw, {}) if "I10" in one]


def test_a_witness_that_was_heard_since_is_one() -> None:
    saw = unwitnessed()
    saw.heard[saw.world.records[WEB].owner_uid] = 5.5  # type: ignore[index]
    assert not [one for one in invariants.broken(saw, {}) if "I10" in one]


def test_a_blind_operator_is_held_to_terms_of_office_alone() -> None:
    saw = seen()
    late_status(saw)
    orphaned_service(saw)
    assert invariants.broken(replace(saw, blind=True), {}) == []
    assert invariants.broken(replace(saw, blind=True), {WEB: (9 << 40, 1)})


def test_what_was_broken_on_the_way_is_told() -> None:
    saw = replace(seen(), broken=("web: I5 x",))
    assert invariants.broken(saw, {}) == ["web: I5 x"]


def test_order_is_not_judged_where_there_was_more_than_one_snapshot() -> None:
    saw = seen()
    needless_move(saw)
    assert invariants.broken(saw, {}, one_snapshot=False) == []


def test_restlessness_is_against_i6() -> None:
    saw = replace(seen(), restless=("planned again: x",))
    assert invariants.broken(saw, {}) == ["I6 planned again: x"]


def test_an_unknown_event_is_against_i7() -> None:
    saw = replace(seen(), events={WEB: (Said("Bored", ""),)})
    assert invariants.broken(saw, {}) == ["web: I7 event `Bored`"]


A = Record(vipa=WEB, vipa_uid="u", owner="sysa", owner_uid="1", ip="10.0.0.1", epoch=1, prefix=5)
B = replace(A, owner="sysb", owner_uid="2", ip="10.0.0.2", epoch=2)
NONE = replace(A, owner="", owner_uid="", ip="")
NEW = replace(A, vipa_uid="v", prefix=6)

TERMS: dict[str, tuple[tuple[Record | None, ...], bool]] = {
    "taken": ((A, B), True),
    "released": ((A, NONE, replace(B, epoch=2)), True),
    "same-stack-other-pod": ((A, replace(A, owner_uid="9", epoch=2)), True),
    "created": ((None, A), True),
    "re-created": ((B, None, NEW), True),
    "ports-only": ((A, replace(A, service="web")), True),
    "lost-and-written-anew": ((A, None, replace(A, epoch=2)), True),
    "not-raised": ((A, replace(B, epoch=1)), False),
    "raised-by-two": ((A, replace(B, epoch=3)), False),
    "raised-without-holder": ((A, replace(A, epoch=2)), False),
    "raised-by-a-release": ((A, replace(NONE, epoch=2)), False),
    "fell": ((B, replace(A, epoch=1)), False),
    "front-changed": ((A, replace(B, prefix=4)), False),
    "re-created-below": ((B, None, replace(NEW, prefix=5)), False),
    "re-created-lower": ((B, None, replace(NEW, prefix=4)), False),
    "lost-and-reused": ((B, None, A), False),
}


@pytest.mark.parametrize(("history", "right"), TERMS.values(), ids=TERMS)
def test_terms_of_office(history: tuple[Record | None, ...], right: bool) -> None:
    found = list(invariants.terms(history, None))
    assert (found == []) is right, found
    assert all(text.startswith("I2") for text in found)


def test_a_fence_never_falls_below_one_of_an_earlier_step() -> None:
    assert list(invariants.terms((None, A), (5, 0))) == []
    assert list(invariants.terms((None, A), (5, 2)))


def test_an_unreadable_vipa_is_left_alone() -> None:
    saw = seen()
    vipa: Vipa = saw.world.vipas[WEB]
    saw.world.put(replace(vipa, issues=("spec: no",), status=VipaStatus()))  # type: ignore[arg-type]
    assert invariants.broken(saw, {}) == []


TURNS: dict[str, tuple[tuple[Record | None, ...], list[tuple[str, str]]]] = {
    "nothing": ((), []),
    "stays": ((A, A), []),
    "moved": ((A, B), [("sysa", "sysb")]),
    "there-and-back": ((A, B, A), [("sysa", "sysb"), ("sysb", "sysa")]),
    "released": ((A, NONE), [("sysa", "")]),
    "created": ((None, A), [("", "sysa")]),
    "created-without-owner": ((None, NONE), []),
    "lost-same-owner": ((A, None, A), []),
    "lost-other-owner": ((A, None, B), [("sysa", ""), ("", "sysb")]),
    "gone": ((A, None), [("sysa", "")]),
    "made-anew": ((A, None, NEW), [("", "sysa")]),
    "made-anew-at-once": ((A, NEW), [("", "sysa")]),
    "other-pod": ((A, replace(A, owner_uid="9")), []),
}


@pytest.mark.parametrize(("history", "moves"), TURNS.values(), ids=TURNS)
def test_moves_are_changes_of_owner(
    history: tuple[Record | None, ...], moves: list[tuple[str, str]]
) -> None:
    assert turns(history) == moves
