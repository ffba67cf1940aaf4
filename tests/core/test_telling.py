"""What is told about decisions: events, explanations, statuses of stacks and rankings."""

from __future__ import annotations

from dataclasses import replace

from tests.builders import (
    HTTP,
    NOW,
    backup,
    carry_out,
    condition,
    key,
    node,
    pod,
    settled,
    snapshot,
    vipa,
)

from vipa.core import actions as act
from vipa.core import conditions, events, judging, plan
from vipa.core.annotation import entries_of, wanted
from vipa.core.explain import explain
from vipa.core.inventory import Inventory
from vipa.core.record import Move, Record, parse_fence
from vipa.core.resources import Condition, Issue, Rank, Stack, Sysplex
from vipa.core.scope import everything
from vipa.core.snapshot import Memory, Settings, parse_allowed


def test_events_are_named_by_what_happened() -> None:
    record = settled(vipa()).world.records[key("web")]
    named = {
        ("sysa", "sysb", "NodeFailed"): "TakenOver",
        ("sysb", "sysa", "TakenBack"): "TakenBack",
        ("sysa", "sysb", "Moved"): "Moved",
        ("sysa", "sysa", "PodReplaced"): "Moved",
        ("", "sysa", "Activated"): "Activated",
        ("sysa", "", "Deactivated"): "Deactivated",
        ("sysa", "", "GivenUp"): "GivenUp",
        ("sysa", "", "OwnerGone"): "Inactive",
        ("sysa", "", "written by somebody"): "Inactive",
        ("sysa", "sysb", "written by somebody"): "Moved",
    }
    for (source, to, reason), name in named.items():
        assert events.name_of(Move(source, to, reason, NOW)) == name
    assert not list(events.of_move(vipa(), replace(record, last_move=None), None))


def test_giver_is_told_to_whom_it_gave() -> None:
    record = replace(
        settled(vipa()).world.records[key("web")],
        last_move=Move("sysb", "sysa", "TakenBack", NOW),
    )
    told = {e.key.name: e.note for e in events.of_move(vipa(), record, ("sysb", "uid-b"), 0.0123)}
    assert told["web"].startswith("EZZ8302I VIPA 198.51.100.10 TAKEN FROM sysb ON sysa")
    assert told["sysb"].startswith("EZZ8303I VIPA 198.51.100.10 GIVEN TO sysa")
    assert told["sysa"].endswith("TakenBack, epoch 1, 12 ms")


def test_pod_is_told_why_it_is_no_stack() -> None:
    things = (
        pod("", name="odd", problem="label x: write y"),
        pod("lost", name="lost", sysplex="nowhere"),
        Sysplex(key=key("plex2")),
        pod("sysa", name="twin", sysplex="plex2"),
    )
    found = settled(*things)
    told = {a.event for a in plan.make(snapshot(*things)).actions if isinstance(a, act.Emit)}
    assert {"InvalidStackName", "NoSuchSysplex"} <= told
    whole = everything(found.world)
    fresh = replace(found, memory=Memory())
    again = {a.name for a in plan.publish(fresh, whole) if isinstance(a, act.Emit)}
    assert again, "a fresh operator says it again, under the same name"
    found.memory.emitted = again
    assert not list(plan.publish(found, whole))


def test_event_said_by_this_operator_is_not_said_again() -> None:
    found = settled(vipa())
    one = found.world.vipas[key("web")]
    found.world.put(replace(one, status=replace(one.status, last_move=None)))
    record = found.world.records[key("web")]
    found.memory.emitted = {e.name for e in events.of_move(one, record, None)} | {
        e.name for e in events.unsaid(found, found.world.vipas[key("web")], record)
    }
    assert not list(events.unsaid(found, found.world.vipas[key("web")], record))


def test_recent_moves_are_told_once_more_at_the_start_of_a_term() -> None:
    found = settled(vipa())
    assert {e.event for e in events.recent(found)} == {"Activated"}
    assert not list(events.recent(replace(found, now="2026-01-01T00:02:01Z")))
    one = found.world.vipas[key("web")]
    found.world.put(replace(one, status=replace(one.status, last_move=None)))
    assert not list(events.recent(found)), "the plan tells what no status tells of"
    found.world.drop(one)
    assert not list(events.recent(found))


def test_conflict_says_who_did_not_write_it() -> None:
    record = settled(vipa()).world.records[key("web")]
    told = events.conflict(vipa(), record)
    assert (told.event, told.warning) == ("Conflict", True)
    assert "written by somebody else, epoch 1" in told.note


def test_explanation_names_every_stack_of_the_group() -> None:
    found = settled(vipa(), pod("sysc", "n3", "10.1.0.3"))
    told = explain(found, key("web"))
    assert told is not None
    assert [(row.stack, row.reason) for row in told.rows] == [
        ("sysa", "Eligible"),
        ("sysb", "Eligible"),
        ("sysc", "NotRanked"),
    ]
    assert told.summary == "sysa owns the address and may stay"
    assert explain(found, key("nobody")) is None


def test_explanation_of_an_owner_that_nobody_names_and_that_is_deactivated() -> None:
    found = settled(vipa())
    found.world.put(vipa(primary="", backups=()))
    found.world.put(Stack(key=key("sysa"), sysplex="plex1", deactivated=frozenset({"web"})))
    told = explain(found, key("web"))
    assert told is not None
    assert told.rows[-1].message.endswith("names sysa; deactivated as well") or any(
        "deactivated as well" in row.message for row in told.rows
    )
    assert told.summary == "sysa gives the address up (Deactivated); nobody can take it"


def test_explanation_of_what_is_about_to_happen() -> None:
    found = settled(vipa())
    sysa = found.world.pods[key("sysa")]
    found.world.put(replace(sysa, ready=False))
    judging.remember(found.memory, judging.judge(found, [key("sysa")]))
    told = explain(found, key("web"))
    assert told is not None
    assert told.summary == "sysb is to own the address (OwnerFailed), now sysa"
    for name in ("sysa", "sysb"):
        found.world.put(replace(found.world.pods[key(name)], terminating=True, ready=True))
    judging.remember(found.memory, judging.judge(found, [key("sysa"), key("sysb")]))
    told = explain(found, key("web"))
    assert told is not None
    assert "keeps the address (LastOwnerKept)" in told.summary
    found.world.put(vipa("new", address="198.51.100.11", primary="nobody", backups=()))
    told = explain(found, key("new"))
    assert told is not None
    assert told.summary == "no owner: no candidate is eligible"


def test_explanation_believes_the_operator_about_its_own_options() -> None:
    refused = settled(vipa(), settings=Settings(allowed=(parse_allowed("192.0.2.0/24"),)))
    told = explain(replace(refused, settings=Settings()), key("web"))
    assert told is not None
    assert told.summary.startswith("AddressNotAllowed: 198.51.100.10 is outside")
    assert not told.accepted
    by_itself = explain(refused, key("web"))
    assert by_itself is not None
    assert by_itself.summary.startswith("AddressNotAllowed")


def test_ranking_says_what_takes_no_effect() -> None:
    things = (
        backup(
            "shared",
            Rank("sysb", 10),
            Rank("sysx", 5),
            vipas=frozenset({"web", "home", "none"}),
        ),
        vipa(),
        vipa("home", address="198.51.100.11", static=True, backups=()),
        backup("odd", vipas=frozenset(), issues=(Issue("spec.x", "is odd"),)),
    )
    found = settled(*things)
    told = {c.type: c.message for c in found.world.backups[key("shared")].conditions}
    assert told["Accepted"] == "ranks 2 VIPAs"
    assert told["UnknownVIPA"].endswith(": none")
    assert told["StaticNotRanked"].endswith(": home")
    assert told["UnknownStack"].endswith(": sysx")
    assert told["Overlapping"].endswith(": sysb for web")
    assert "Overlapping" in condition(found, "web", "Overlapping")
    assert [c.status for c in found.world.backups[key("odd")].conditions] == ["False"]


def test_faulty_stack_and_sysplex_say_so() -> None:
    issues = (Issue("spec.membership", "write Joined or Left"),)
    found = settled(
        Sysplex(key=key("plex1"), issues=(Issue("spec.service", "is odd"),)),
        Stack(key=key("sysa"), sysplex="plex1", issues=issues, default=False),
        vipa(),
    )
    assert [c.type for c in found.world.stacks[key("sysa")].status.conditions] == ["Invalid"]
    ready = found.world.sysplexes[key("plex1")].status.conditions[0]
    assert (ready.type, ready.status, ready.reason) == ("Ready", "False", "Invalid")


def test_static_vipa_shows_no_backups_on_stacks_that_rankings_name() -> None:
    found = settled(
        vipa("home", static=True, backups=()),
        backup("shared", Rank("sysb", 10), vipas=frozenset({"home"})),
    )
    assert found.world.stacks[key("sysb")].status.vipas == ()


def test_message_that_is_too_long_is_cut() -> None:
    long = Condition(type="X", status="True", reason="X", message="x" * 5000)
    (merged,) = conditions.merge([long], (), 1, NOW)
    assert len(merged.message) == conditions.MESSAGE_LONGEST
    assert merged.message.endswith(" ...")


def test_annotation_of_somebody_else_is_passed_over() -> None:
    assert entries_of("{") == []
    assert entries_of('{"a": 1}') == []
    assert entries_of('[1, {"epoch": true}, {"epoch": -1}, {"epoch": 1e3}]') == []
    assert entries_of('[{"vipa": "web", "epoch": 3}]')[0].epoch == 3
    assert entries_of(f'[{{"epoch": {10**18}}}]') == []


def test_pod_is_not_told_of_a_record_whose_vipa_is_gone() -> None:
    found = settled(vipa())
    found.world.drop(found.world.vipas[key("web")])
    assert wanted(found.world, found.world.pods[key("sysa")]) is None


def test_lost_record_goes_on_from_the_highest_epoch_that_a_pod_shows() -> None:
    found = settled(vipa())
    found.world.drop(found.world.records[key("web")])
    sysb = found.world.pods[key("sysb")]
    shown = '[{"vipa":"web","epoch":9},{"vipa":"db","epoch":50}]'
    found.world.put(replace(sysb, published=shown))
    found.world.put(node("n4"))
    record = carry_out(found).world.records[key("web")]
    assert (record.owner, record.epoch) == ("sysa", 10)


def test_fence_of_a_record_that_was_edited_is_repaired() -> None:
    found = settled(vipa(ports=(HTTP,)))
    record = found.world.records[key("web")]
    found.world.put(replace(record, prefix=0, intact=False))
    assert carry_out(found).world.records[key("web")].fence == "100.1"
    assert parse_fence("1.2") == (1, 2)
    for junk in ("", "1", "1.", ".2", "a.b", "1.2.3", "9" * 19 + ".1"):
        assert parse_fence(junk) is None


def test_record_without_a_vipa_goes() -> None:
    orphan = Record(vipa=key("ghost"), vipa_uid="u", owner="sysa", uid="r")
    assert not settled(orphan).world.records


def test_number_of_rounds_is_enough_for_a_world_of_conflicts() -> None:
    things = [vipa(f"v{i}", created=i) for i in range(5)]
    found = settled(*things, Inventory().nodes.get("none") or node("n5"))
    assert list(found.world.records) == [key("v0")]
