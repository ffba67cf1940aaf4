"""What a fresh operator reads of silence, and when a word about one stack is heard by another."""

from __future__ import annotations

from dataclasses import replace

from tests.builders import key, pod, vipa
from tests.core.watched import MONITOR, Watched, watched

from vipa.core import judging
from vipa.core.cluster import Ready
from vipa.core.probing import Tally
from vipa.core.resources import OnUnresponsive, Rank

RANKED = (Rank("sysb", 200), Rank("sysc", 100))
EXPELS = replace(MONITOR, on_unresponsive=OnUnresponsive.LEAVE_UNTIL_JOINED)
REPORTS = replace(MONITOR, on_unresponsive=OnUnresponsive.REPORT)


def static() -> Watched:
    """sysc is the only home of a Static VIPA, whatever its membership."""
    home = vipa("home", address="198.51.100.12", static=True, primary="sysc", backups=())
    return watched(vipa(backups=RANKED), home)


def leave(found: Watched, name: str) -> None:
    stack = found.stack(name)
    found.put(replace(stack, left=True))


def test_who_is_silent_and_leaves_is_silent_to_a_fresh_operator_too() -> None:
    found = static()
    found.deaf = {"sysc"}
    found.wait(4)
    leave(found, "sysc")
    told = found.stack("sysc").status.message
    assert told.startswith("stack sysc has left the group: membership is Left; besides, pod sysc ")
    before = dict(found.world.vipas)
    found.restart()
    assert found.world.vipas == before
    assert found.stack("sysc").status.message == told


def test_who_answers_and_leaves_answers_to_a_fresh_operator_too() -> None:
    found = static()
    leave(found, "sysc")
    found.restart()
    assert found.stack("sysc").status.message.endswith("membership is Left")
    assert found.verdict("sysc").health.eligible


def test_pod_that_never_answered_does_not_by_leaving() -> None:
    found = static()
    found.deaf = {"sysd"}
    found.put(pod("sysd", "na", "10.1.0.9"))
    leave(found, "sysd")
    found.restart()
    assert not found.verdict("sysd").health.eligible


def test_expelled_stack_that_answers_again_does_so_to_a_fresh_operator_too() -> None:
    found = watched(vipa(backups=RANKED), monitor=EXPELS)
    found.deaf = {"sysa"}
    found.wait(4)
    assert "besides" in found.stack("sysa").status.message
    found.deaf = set()
    found.wait(4)
    assert found.phase("sysa") == "Left Autonomics"
    found.restart()
    assert found.verdict("sysa").health.eligible


def test_who_leaves_is_not_held_in_doubt() -> None:
    found = watched(vipa(backups=RANKED), stacks=4)
    found.deaf = {"sysa", "sysb", "sysc"}
    found.wait(3)
    assert found.held == "MassFailure"
    leave(found, "sysc")
    assert "not believed yet" not in found.stack("sysc").status.message
    assert not found.verdict("sysc").health.eligible


def test_silence_that_is_only_reported_keeps_nobody_out_after_a_restart() -> None:
    found = watched(vipa(backups=RANKED))
    found.deaf = {"sysb"}
    found.wait(4)
    found.plex(monitor=REPORTS)
    assert found.phase("sysb") == "Active Eligible"
    found.plex(monitor=MONITOR)
    assert found.phase("sysb") == "Failed Unresponsive"
    found.restart()
    found.plex(monitor=REPORTS)
    assert found.phase("sysb") == "Active Eligible"
    assert "(only reported)" in found.stack("sysb").status.message


def test_pod_that_waits_to_join_does_not_give_way_to_an_older_one() -> None:
    found = watched(vipa(backups=RANKED), join_delay=5.0)
    found.wait(6)
    old = found.world.pods[key("sysc")]
    found.put(replace(old, ready=False), pod("sysc", "nb", "10.1.0.8", name="sysc-2", created=9))
    found.wait(1)
    assert found.phase("sysc") == "Joining Joining"
    found.put(old)
    assert found.stack("sysc").status.pod == "sysc-2"


def replaced_while_the_owner_is_silent() -> Watched:
    """sysa and the pod of sysb fall silent together; another pod of sysb answers."""
    found = watched(vipa(backups=(Rank("sysb", 200),)), stacks=2)
    found.put(pod("sysb", "nb", "10.1.0.8", name="sysb-2", created=9))
    found.wait(1)
    found.deaf = {"sysa", "sysb"}
    return found


def test_pod_that_serves_in_the_place_of_a_silent_one_is_a_witness_at_once() -> None:
    found = replaced_while_the_owner_is_silent()
    found.wait(3)
    judged = judging.judge(found.snapshot, [key("sysa"), key("sysb")])
    assert not judged.verdicts[key("sysa")].health.eligible
    assert (found.record().owner, found.record().pod) == ("sysb", "sysb-2")


def test_who_is_in_doubt_is_judged_whenever_another_one_of_the_group_is() -> None:
    found = watched(vipa(backups=RANKED), stacks=4)
    found.deaf = {"sysa", "sysb", "sysc"}
    found.wait(2)
    for name in ("sysb", "sysc"):  # a probe short of being found silent
        uid = found.world.pods[key(name)].uid
        found.memory.tallies[uid] = found.memory.tallies[uid]._replace(misses=1)
    found.wait(1)
    assert found.held == ""  # it may be a moment's: nobody is told
    assert found.memory.doubted == {key("plex1"): {key("sysa")}}
    assert key("sysa") in judging.judge(found.snapshot, [key("sysd")]).verdicts
    found.deaf = {"sysa"}
    found.wait(3)
    assert found.record().owner == "sysb"
    assert found.memory.doubted == {}


def test_silent_holder_gives_way_at_once_to_the_pod_that_brings_its_stack_in_again() -> None:
    found = watched(vipa(backups=()), stacks=2)
    home = found.world.nodes[key("na").name]
    found.put(replace(home, ready=Ready.UNKNOWN))
    found.deaf = {"sysa"}
    found.wait(4)
    found.put(home)
    assert (found.phase("sysa"), found.record().pod) == ("Failed Unresponsive", "sysa")
    twin = pod("sysa", "nb", "10.1.0.9", name="twin", created=9)
    found.memory.tallies[twin.uid] = Tally(silent=False, confirmed=True)
    found.put(twin)
    assert (found.phase("sysa"), found.record().pod) == ("Active Eligible", "twin")


def test_one_probe_lost_after_all_were_silent_convicts_nobody() -> None:
    found = watched(vipa(backups=RANKED), stacks=4)
    found.deaf = {"sysa", "sysb", "sysc", "sysd"}
    found.wait(5)
    assert found.held == "MassFailure"
    found.deaf = set()
    found.wait(1)
    found.deaf = {"sysa"}
    found.wait(2)
    assert (found.record().owner, found.phase("sysa")) == ("sysa", "Active Eligible")
    found.wait(1)
    assert (found.record().owner, found.phase("sysa")) == ("sysb", "Failed Unresponsive")


def held_over_a_restart() -> Watched:
    """Of three stacks that were held in doubt a fresh operator has asked one, and the fourth."""
    found = watched(vipa(backups=(Rank("sysd", 1),)), stacks=4)
    found.deaf = {"sysa", "sysb", "sysc"}
    found.wait(5)
    found.unasked = {"sysb", "sysc"}
    found.restart()
    found.wait(10)
    return found


def test_fresh_operator_doubts_whom_it_hears_first_as_the_one_before_did() -> None:
    found = held_over_a_restart()
    assert (found.record().owner, found.held) == ("sysa", "MassFailure")
    found.unasked = set()
    found.wait(5)
    assert (found.record().owner, found.held) == ("sysa", "MassFailure")


def test_fresh_operator_believes_its_own_probes_once_it_has_asked_all() -> None:
    found = held_over_a_restart()
    found.unasked, found.deaf = set(), {"sysa"}
    found.wait(3)
    assert (found.record().owner, found.held) == ("sysd", "")


def test_doubt_of_a_fresh_operator_ends_with_the_limit() -> None:
    found = held_over_a_restart()
    found.wait(46)
    assert found.record().owner == "sysa"
    found.wait(2)
    assert found.record().owner == "sysd"


def test_fresh_operator_takes_a_dead_node_for_dead_whatever_was_held() -> None:
    found = held_over_a_restart()
    found.stale = {"na"}
    found.wait(14)
    assert found.record().owner == "sysa"
    found.wait(2)
    assert found.record().owner == "sysd"


def test_silence_of_a_stack_begins_with_that_of_its_last_pod() -> None:
    """A pod of sysa has been silent for long. When the other one and sysb fall silent together, and
    nobody has answered since, sysb is no witness: it answered long after the first pod, but never
    after the second."""
    found = watched(vipa(backups=(Rank("sysb", 1),)), stacks=2)
    found.put(pod("sysa", "nb", "10.1.0.9", name="sysa-2"))
    found.wait(2)
    found.deaf = {"sysa-2"}
    found.wait(20)
    found.deaf = {"sysa-2", "sysa", "sysb"}
    found.wait(5)
    assert (found.record().owner, found.held) == ("sysa", "NoWitness")
