"""Is a stack Active: each check of a pod by itself, and who may still serve."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.builders import HTTP, carry_out, key, node, pod, settled, vipa

from vipa.core import actions as act
from vipa.core import health, memory, outcome, plan
from vipa.core.cluster import Node, Pod, Ready, Service, Slice
from vipa.core.resources import Port, SysplexStatus
from vipa.core.scope import everything
from vipa.core.snapshot import Memory

NODES = {
    "n1": node("n1"),
    "silent": node("silent", ready=Ready.UNKNOWN),
    "fenced": node("fenced", out_of_service=True),
}


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        (pod("s", ""), "NotReady", "is not scheduled yet"),
        (pod("s", "gone"), "NodeDown", "node gone does not exist"),
        (pod("s", "fenced"), "NodeDown", "is tainted out-of-service"),
        (pod("s", "silent", ready=False), "NodeDown", "node silent has Ready=Unknown"),
        (pod("s", terminating=True, ready=False), "Terminating", "is being deleted"),
        (pod("s", ended=True), "NotReady", "has ended"),
        (pod("s", ips=()), "NotReady", "has no address yet"),
        (pod("s", ready=False), "NotReady", "is not Ready"),
        (pod("s"), "Eligible", "pod s on node n1 is Ready"),
    ],
)
def test_first_finding_is_the_cause_of_the_others(found: Pod, reason: str, words: str) -> None:
    verdict = health.facts(found, NODES)
    assert verdict.reason == reason
    assert words in verdict.message


@pytest.mark.parametrize(
    ("found", "may"),
    [
        (None, False),
        (pod("s", ended=True), False),
        (pod("s", ips=()), False),
        (pod("s", "gone"), False),
        (pod("s", "fenced"), False),
        (pod("s", ready=False), False),
        (pod("s", "silent", ready=False), True),
        (pod("s", terminating=True), True),
    ],
)
def test_last_owner_may_still_serve_unless_it_certainly_does_not(
    found: Pod | None, may: bool
) -> None:
    assert health.may_still_serve(found, NODES) is may


def test_node_without_a_condition_does_not_report() -> None:
    assert not Node(name="n", ready=Ready.UNKNOWN).reports


def test_kept_owner_that_lacks_a_named_port_leaves_it_out() -> None:
    named = Port(name="admin", port=81, target="admin")
    found = settled(vipa(ports=(HTTP,), backups=()))
    found.world.put(vipa(ports=(HTTP, named), backups=()))
    record = carry_out(found).world.records[key("web")]
    assert record.owner == "sysa"
    assert [port.name for port in record.ports] == ["http"]


def test_join_number_is_shown_only_after_the_sysplex_has_it() -> None:
    found = settled(vipa())
    plex = found.world.sysplexes[key("plex1")]
    found.world.put(replace(plex, status=SysplexStatus()))
    stack = found.world.stacks[key("sysa")]
    found.world.put(replace(stack, status=replace(stack.status, message="edited")))
    told = list(plan.publish(found, everything(found.world)))
    assert not [a for a in told if isinstance(a, act.WriteStackStatus)]


def test_nothing_is_left_of_what_is_gone() -> None:
    found = settled(vipa(ports=(HTTP,)))
    assert not list(plan.moves(found, [key("ghost")]))
    found.world.drop(found.world.vipas[key("web")])
    assert not list(plan.publish(carry_out(found), everything(found.world)))


def test_action_that_meets_nothing_changes_nothing() -> None:
    world = settled().world
    before = list(world.objects())
    for action in (
        act.DeleteSlice(key=key("x"), uid="u"),
        act.DeleteService(key=key("x"), uid="u"),
        act.AnnotatePod(key=key("sysa"), uid="another", value="x"),
        act.WriteVipaStatus(key=key("x"), uid="u", status=vipa().status),
        act.Emit(key=key("x"), name="n", about="VIPA", uid="u", event="E", note="n"),
    ):
        outcome.apply(world, action)
    assert list(world.objects()) == before


def test_action_on_what_is_there_takes_it_away() -> None:
    world = settled(Slice(key=key("x1"), uid="s"), Service(key=key("shop"), uid="u")).world
    outcome.apply(world, act.DeleteSlice(key=key("x1"), uid="s"))
    assert key("x1") not in world.slices


def test_memory_of_a_vipa_that_never_had_a_record_is_empty() -> None:
    kept = Memory()
    memory.released(kept, "nobody")
    assert not kept.records


def test_incarnation_on_a_node_that_comes_back_does_not_displace_the_one_that_serves() -> None:
    found = settled(vipa(), pod("sysa", "n3", "10.1.0.9", name="young", created=9))
    older = found.world.pods[key("sysa")]
    found.world.put(replace(older, ready=False))
    second = carry_out(found)
    assert second.world.records[key("web")].pod == "young"
    second.world.put(older)
    assert not [a for a in plan.make(second).actions if isinstance(a, act.WriteRecord)]
