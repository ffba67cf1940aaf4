"""Whether the probes are believed: alone, many at once, nobody left, no witness (I10)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.builders import key, pod, vipa
from tests.core.watched import MONITOR, Watched, watched

from vipa.core import monitor, probing
from vipa.core.inventory import Inventory
from vipa.core.resources import Condition, OnUnresponsive, Rank

RANKED = (Rank("sysb", 200), Rank("sysc", 100))


def silent_before_its_backup() -> Watched:
    """sysa is found silent, sysb, which is to take over, is a probe short of it."""
    found = watched(vipa(backups=RANKED))
    found.deaf = {"sysa", "sysb"}
    found.wait(2)
    uid = found.world.pods[key("sysb")].uid
    found.memory.tallies[uid] = found.memory.tallies[uid]._replace(misses=1)
    found.wait(1)
    return found


def test_silent_stack_is_believed_and_its_backup_takes_over() -> None:
    found = watched(vipa(backups=RANKED))
    assert found.record().owner == "sysa"
    found.deaf = {"sysa"}
    found.wait(2)
    assert (found.record().owner, found.phase("sysa")) == ("sysa", "Active Eligible")
    found.wait()
    assert (found.record().owner, found.phase("sysa")) == ("sysb", "Failed Unresponsive")
    assert "no answer within 300 ms" in found.stack("sysa").status.message
    move = found.record().last_move
    assert move is not None
    assert move.reason == "OwnerFailed"
    assert found.held == ""


def test_many_silent_at_once_are_held_while_their_nodes_report() -> None:
    found = watched(vipa(backups=RANKED), stacks=4)
    found.deaf = {"sysa", "sysb", "sysc"}
    found.wait(3)
    assert (found.record().owner, found.held) == ("sysa", "MassFailure")
    assert found.phase("sysa") == "Active Eligible"
    assert "not believed yet" in found.stack("sysa").status.message
    found.wait(59)
    assert found.held == "MassFailure"
    found.wait(2)
    assert [found.phase(f"sys{s}") for s in "abc"] == ["Failed Unresponsive"] * 3


def test_stale_heartbeats_speak_against_their_stacks() -> None:
    found = watched(vipa(backups=(Rank("sysd", 1),)), stacks=4)
    found.deaf, found.stale = {"sysa", "sysb", "sysc"}, {"na", "nb"}
    found.wait(14)
    assert found.record().owner == "sysa"
    found.wait(2)
    assert found.record().owner == "sysd"
    assert found.phase("sysc") == "Failed Unresponsive"  # too few are left to be doubted


def test_that_a_lease_goes_stale_is_due_although_nothing_happens() -> None:
    found = watched(vipa(), stacks=4)
    found.deaf, found.stale = {"sysa", "sysb", "sysc"}, {"na"}
    found.wait(5)
    assert found.verdict("sysa").due == 1 + 15


def test_limit_counts_from_the_condition_and_so_over_a_restart() -> None:
    found = watched(vipa(backups=RANKED), stacks=4)
    found.deaf = {"sysa", "sysb", "sysc"}
    found.wait(40)
    began = found.holding
    assert began is not None
    found.restart()
    assert found.holding == began
    found.wait(23)
    assert found.phase("sysa") == "Failed Unresponsive"


def test_answers_end_what_is_held() -> None:
    found = watched(vipa(backups=RANKED), stacks=4)
    found.deaf = {"sysa", "sysb", "sysc"}
    found.wait(5)
    found.deaf = set()
    found.wait(1)
    assert (found.held, found.record().epoch) == ("", 1)
    found.wait(1)
    assert "not believed" not in found.stack("sysa").status.message


def test_too_few_stacks_or_nodes_or_a_share_too_small_are_no_mass() -> None:
    two = watched(vipa(backups=(Rank("sysd", 1),)), stacks=4)
    two.deaf = {"sysa", "sysb"}
    two.wait(3)
    assert two.record().owner == "sysd"
    one_node = watched(vipa(backups=(Rank("sysd", 1),)), stacks=4)
    for name in ("sysb", "sysc"):
        one_node.put(replace(one_node.world.pods[key(name)], node="na"))
    one_node.deaf = {"sysa", "sysb", "sysc"}
    one_node.wait(3)
    assert one_node.record().owner == "sysd"
    many = watched(vipa(backups=(Rank("sysd", 1),)), stacks=8)
    many.deaf = {"sysa", "sysb", "sysc"}
    many.wait(3)
    assert many.record().owner == "sysd"
    never = watched(
        vipa(backups=(Rank("sysd", 1),)), stacks=4, monitor=replace(MONITOR, hold_percent=100)
    )
    never.deaf = {"sysa", "sysb", "sysc"}
    never.wait(3)
    assert never.record().owner == "sysd"


def test_who_falls_silent_outside_of_the_window_is_judged_alone() -> None:
    found = watched(vipa(backups=(Rank("sysd", 1),)), stacks=4)
    found.deaf = {"sysb", "sysc"}
    found.wait(4)
    assert found.held == ""
    found.deaf |= {"sysa"}
    found.wait(5)
    assert found.record().owner == "sysd"


def test_one_that_was_believed_stays_so_when_others_follow() -> None:
    found = watched(vipa(backups=(Rank("sysd", 1),)), stacks=4)
    found.deaf = {"sysa"}
    found.wait()
    found.deaf |= {"sysb"}
    found.wait(2)
    assert (found.record().owner, found.record().epoch) == ("sysd", 2)
    found.deaf |= {"sysc"}
    found.wait()
    assert (found.phase("sysb"), found.held) == ("Active Eligible", ""), "too early to be told"
    found.wait(2)
    assert (found.phase("sysb"), found.held) == ("Active Eligible", "MassFailure")
    assert (found.phase("sysa"), found.record().epoch) == ("Failed Unresponsive", 2)


def test_who_has_just_begun_to_miss_its_probes_counts_too() -> None:
    """Probes do not fail in one moment but one after the other."""
    found = watched(vipa(backups=RANKED), stacks=4)
    found.deaf = {"sysa"}
    found.wait()
    found.deaf |= {"sysb", "sysc"}
    found.wait(2)
    assert (found.record().epoch, found.held) == (1, "")
    found.deaf = {"sysa"}
    found.wait(2)
    assert found.record().epoch == 1, "it may just not have been asked since the others are heard"
    found.wait()
    assert found.record().owner == "sysb", "one dead stack after all"


def test_who_is_heard_first_after_all_were_silent_convicts_nobody() -> None:
    """The others may just not have been asked since."""
    found = watched(vipa(backups=RANKED))
    found.deaf = {"sysa", "sysb", "sysc"}
    found.wait(8)
    assert (found.record().epoch, found.held) == (1, "MassFailure")
    found.deaf = {"sysa", "sysb"}
    found.wait()
    assert (found.record().epoch, found.held) == (1, "MassFailure")
    assert found.verdict("sysa").due is not None
    found.deaf = {"sysa"}
    found.wait()
    assert (found.record().epoch, found.phase("sysb")) == (1, "Active Eligible")
    found.wait()
    assert (found.record().owner, found.held) == ("sysb", "")


def test_incarnation_is_not_replaced_by_one_that_was_silent_with_it() -> None:
    twin = pod("sysa", "nb", "10.1.0.9", name="twin", created=1)
    found = watched(vipa(), twin, stacks=2)
    found.deaf = {"sysa", "twin", "sysb"}
    found.wait(3)
    found.deaf = {"sysa"}
    found.wait(2)
    assert found.record().pod == "sysa"
    found.wait()
    assert found.record().pod == "twin"


def test_every_answer_of_a_suspect_matters() -> None:
    """It has answered once, and is silent again: the next full row is news although it changes
    nothing of what was found before."""
    found = watched(vipa(), stacks=2)
    found.deaf = {"sysa", "sysb"}
    found.wait(4)
    seen, suspect = found.snapshot, found.world.pods[key("sysa")]
    before = seen.memory.tallies[suspect.uid]
    after = probing.heard(before, MONITOR, probing.Answer(seen.clock, "silent"), seen.clock)
    assert monitor.matters(seen, suspect, before, after)
    seen.memory.believed = frozenset({suspect.uid})
    assert not monitor.matters(seen, suspect, before, after)


def test_the_last_active_stack_is_never_expelled() -> None:
    found = watched(vipa(), stacks=2)
    found.deaf = {"sysb"}
    found.wait(3)
    assert found.phase("sysb") == "Failed Unresponsive"
    found.deaf |= {"sysa"}
    found.wait(5)
    assert (found.phase("sysa"), found.held) == ("Active Eligible", "NoWitness")
    found.deaf = {"sysa"}
    found.wait(3)
    assert (found.phase("sysa"), found.record().owner) == ("Failed Unresponsive", "sysb")


def test_all_that_would_go_at_once_stay() -> None:
    found = watched(vipa(), stacks=2)
    found.deaf = {"sysa", "sysb"}
    found.wait(10)
    assert (found.record().epoch, found.held) == (1, "NoWitness")
    assert [found.phase("sysa"), found.phase("sysb")] == ["Active Eligible"] * 2
    found.restart()
    assert found.held == "NoWitness"
    found.wait(10)
    assert (found.record().epoch, found.held) == (1, "NoWitness")
    found.deaf = set()
    found.wait(3)
    assert (found.record().epoch, found.held) == (1, "")


def test_an_address_moves_only_to_a_stack_that_has_answered_since() -> None:
    found = silent_before_its_backup()
    assert (found.record().owner, found.phase("sysa")) == ("sysa", "Failed Unresponsive")
    shown = found.world.vipas[key("web")].status.conditions
    assert [c.reason for c in shown if c.type == "Active"] == ["NoWitness"]
    found.deaf = {"sysa"}
    found.wait()
    assert (found.record().owner, found.held) == ("sysb", "")


def test_owner_that_nobody_has_answered_since_is_said() -> None:
    found = silent_before_its_backup()
    assert (found.record().owner, found.held) == ("sysa", "")
    found.world.drop(found.world.pods[key("sysc")])
    found.look()
    assert (found.record().owner, found.held) == ("sysa", "NoWitness")


def test_silence_that_is_only_reported_changes_nothing() -> None:
    found = watched(
        vipa(), stacks=2, monitor=replace(MONITOR, on_unresponsive=OnUnresponsive.REPORT)
    )
    found.deaf = {"sysa"}
    found.wait(5)
    assert (found.record().epoch, found.phase("sysa")) == (1, "Active Eligible")
    assert "(only reported)" in found.stack("sysa").status.message


def test_silent_incarnation_is_replaced_by_one_that_has_answered_since() -> None:
    twin = pod("sysa", "nb", "10.1.0.9", name="twin", created=1)
    found = watched(vipa(), twin, stacks=2)
    assert found.record().pod == "sysa"
    found.deaf = {"sysa"}
    found.wait(3)
    assert (found.record().pod, found.phase("sysa")) == ("twin", "Active Eligible")


def test_what_was_held_ends_although_a_believed_incarnation_is_of_an_active_stack() -> None:
    twin = pod("sysa", "nb", "10.1.0.9", name="twin", created=1)
    found = watched(vipa(), twin, stacks=2)
    found.deaf = {"sysa"}
    found.wait(3)
    status = found.world.sysplexes[key("plex1")].status
    held = Condition(type="Holding", status="True", reason="MassFailure")
    found.plex(status=replace(status, conditions=(*status.conditions, held)))
    assert found.memory.believed == {"uid-sysa"}
    assert found.held == ""


def test_silent_incarnation_waits_for_the_other_one_to_answer() -> None:
    twin = pod("sysa", "nb", "10.1.0.9", name="twin", created=1)
    found = watched(vipa(), twin, stacks=2)
    found.deaf = {"sysa", "twin"}
    found.wait(2)
    uid = found.world.pods[key("twin")].uid
    found.memory.tallies[uid] = found.memory.tallies[uid]._replace(misses=0)
    found.wait(1)
    assert found.record().pod == "sysa"
    assert found.verdict("sysa").due is not None


def test_verdicts_of_the_probes_outlast_a_restart() -> None:
    found = watched(vipa(backups=RANKED))
    found.deaf = {"sysa"}
    found.wait(3)
    epoch = found.record().epoch
    found.restart()
    assert (found.record().epoch, found.phase("sysa")) == (epoch, "Failed Unresponsive")
    found.deaf = set()
    found.wait(1)
    assert found.phase("sysa") == "Failed Unresponsive"
    found.wait(1)
    assert (found.phase("sysa"), found.record().owner) == ("Active Eligible", "sysa")


def test_record_that_was_written_before_the_status_tells_of_the_silence() -> None:
    found = watched(vipa(backups=RANKED))
    stacks = dict(found.world.stacks)
    found.deaf = {"sysa"}
    found.wait(3)
    assert found.record().owner == "sysb"
    for stack in stacks.values():
        found.world.put(stack)  # the crash came between the record and the statuses
    found.restart()
    found.wait(1)
    assert (found.record().owner, found.record().epoch) == ("sysb", 2)


def test_nobody_is_asked_where_nobody_probes() -> None:
    found = watched(vipa())
    pods = found.world
    assert isinstance(pods, Inventory)
    found.plex(monitor=None)
    found.deaf = {"sysa"}
    found.wait(5)
    assert found.record().owner == "sysa"


@pytest.mark.parametrize("many", [9, 3])
def test_message_names_some_of_many(many: int) -> None:
    found = watched(vipa(), stacks=10)
    found.deaf = {f"sys{c}" for c in "abcdefghij"[:many]}
    found.wait(3)
    assert ("and 1 more" in (found.holding.message if found.holding else "")) is (many == 9)


def test_probes_that_come_too_late_are_said() -> None:
    found = watched(vipa())
    plex = key("plex1")
    found.memory.behind[plex] = "a quarter of the probes started late"
    found.look()
    shown = found.world.sysplexes[plex].status.conditions
    assert [(c.status, c.reason) for c in shown if c.type == "Ready"] == [("False", "ProbesLate")]
