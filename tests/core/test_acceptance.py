"""Who may have an address: one table of claims, and that a refusal hurts only itself (I9)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.builders import ADDRESS, HTTP, NOW, carry_out, condition, key, node, settled, vipa

from vipa.core import actions as act
from vipa.core import plan
from vipa.core.cluster import Key, Service
from vipa.core.inventory import Inventory, network
from vipa.core.resources import Issue, Sysplex, VipaStatus
from vipa.core.snapshot import Settings, Snapshot, parse_allowed

OUTSIDE = Settings(allowed=(parse_allowed("192.0.2.0/24"),))
TEAM_ONLY = Settings(allowed=(parse_allowed("198.51.100.0/24=team-a, team-b"),))
IN_SERVICE_CIDR = Settings(service_cidrs=tuple(n for n in (network("198.51.100.0/28"),) if n))


@pytest.mark.parametrize(
    ("settings", "things", "words"),
    [
        (OUTSIDE, [], "AddressNotAllowed: 198.51.100.10 is outside of what namespace default"),
        (TEAM_ONLY, [], "AddressNotAllowed"),
        (IN_SERVICE_CIDR, [], "AddressInUse: 198.51.100.10 is in the Service CIDR"),
        (None, [node("n9", addresses=(ADDRESS,))], "an address of node n9"),
        (None, [node("n9", pod_cidrs=("198.51.100.0/26", "junk"))], "the pod CIDR 198.51.100.0/26"),
        (None, [Service(key=key("shop"), addresses=(ADDRESS,))], "of Service default/shop"),
    ],
)
def test_address_that_is_not_free_is_refused_in_words(
    settings: Settings | None, things: list[object], words: str
) -> None:
    found = settled(vipa(), *things, settings=settings)  # type: ignore[arg-type]
    assert words in condition(found, "web", "Accepted")
    assert found.world.vipas[key("web")].status.state == "Rejected"
    assert key("web") not in found.world.records


@pytest.mark.parametrize("text", ["198.51.100.0/24", "198.51.100.0/24=default", "0.0.0.0/0"])
def test_allowed_address_is_accepted(text: str) -> None:
    found = settled(vipa(), settings=Settings(allowed=(parse_allowed(text),)))
    assert found.world.records[key("web")].owner == "sysa"


@pytest.mark.parametrize("text", ["", "nonsense", "198.51.100.0/33", "198.51.100.0/24=", "=ns"])
def test_allowed_cidr_that_cannot_be_read_says_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match="write CIDR or CIDR=NAMESPACE"):
        parse_allowed(text)


def test_neighbours_of_the_cluster_s_own_addresses_are_free() -> None:
    cidrs = tuple(n for n in (network("10.0.0.0/16"),) if n)
    own = Service(key=key("shop"), addresses=("10.0.0.7",))
    near = node("n9", addresses=("198.51.100.11",), pod_cidrs=("10.1.0.0/16",))
    found = settled(vipa(), own, near, settings=Settings(service_cidrs=cidrs))
    assert found.world.records[key("web")].owner == "sysa"


def test_address_of_another_vipa_s_service_is_no_address_of_the_cluster() -> None:
    theirs = Service(key=key("db"), vipa="db", vipa_uid="gone", addresses=(ADDRESS,))
    assert settled(vipa(), theirs).world.records[key("web")].owner == "sysa"


def test_holder_keeps_its_address_against_a_later_service_and_node() -> None:
    found = settled(vipa(ports=(HTTP,)))
    found.world.put(Service(key=key("thief"), addresses=(ADDRESS,)))
    found.world.put(node("n9", addresses=(ADDRESS,)))
    assert not plan.make(found).actions


def test_younger_claim_waits_and_comes_in_without_an_edit() -> None:
    found = settled(vipa("web", created=1), vipa("late", created=2))
    assert "held by VIPA default/web" in condition(found, "late", "Accepted")
    found.world.drop(found.world.vipas[key("web")])
    assert carry_out(found).world.records[key("late")].owner == "sysa"


def test_older_claim_does_not_take_what_a_record_holds() -> None:
    found = settled(vipa("web", created=5))
    found.world.put(vipa("older", created=1))
    after = carry_out(found)
    assert after.world.records[key("web")].owner == "sysa"
    assert key("older") not in after.world.records


def test_object_that_cannot_be_read_loses_nothing_that_it_has() -> None:
    found = settled(vipa(ports=(HTTP,)))
    broken = replace(found.world.vipas[key("web")], issues=(Issue("spec.x", "is odd"),))
    found.world.put(broken)
    after = plan.make(found)
    assert {type(action) for action in after.actions} == {act.WriteVipaStatus}
    assert "Invalid: spec.x: is odd" in condition(after.after, "web", "Accepted")
    assert after.after.world.records[key("web")].owner == "sysa"
    assert key("web") in after.after.world.services


def test_range_without_an_address_is_pending() -> None:
    found = settled(vipa(address="", range="pool"))
    assert "Unknown NoAddress: no address yet: range pool" in condition(found, "web", "Accepted")
    assert found.world.vipas[key("web")].status.state == "Pending"


def test_vipa_that_is_refused_later_gives_its_record_up_and_keeps_its_epoch() -> None:
    found = settled(vipa(ports=(HTTP,)))
    refused = carry_out(replace(found, settings=OUTSIDE))
    assert not refused.world.records
    assert not refused.world.services
    assert refused.world.vipas[key("web")].status.epoch == 1
    again = carry_out(replace(refused, settings=Settings()))
    assert again.world.records[key("web")].epoch == 2


def test_same_address_is_one_over_namespaces() -> None:
    other = vipa("web", namespace="team", created=50)
    plex = Sysplex(key=Key("team", "plex1"))
    found = settled(plex, other, vipa(created=60))
    assert "held by VIPA team/web" in condition(found, "web", "Accepted")


def test_nothing_is_planned_for_an_empty_world() -> None:
    assert not plan.make(Snapshot(world=Inventory(), now=NOW)).actions


def test_status_of_a_lost_record_is_gone_on_from() -> None:
    one = replace(vipa(), status=VipaStatus(epoch=7, fence="junk", state="Active"))
    found = settled(one)
    record = found.world.records[key("web")]
    assert (record.epoch, record.fence) == (8, "100.8")
