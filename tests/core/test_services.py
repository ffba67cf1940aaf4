"""The Service of a VIPA: made, corrected, removed; never somebody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.builders import HTTP, carry_out, condition, key, settled, vipa

from vipa.core import actions as act
from vipa.core import plan, services
from vipa.core.cluster import Service, Slice
from vipa.core.resources import ServiceSpec, Sysplex


def test_service_carries_the_address_and_the_record_its_name() -> None:
    found = settled(vipa(ports=(HTTP,)))
    service = found.world.services[key("web")]
    assert (service.ingress, service.vipa) == ("198.51.100.10", "web")
    assert found.world.records[key("web")].service == "web"


@pytest.mark.parametrize(
    "spec",
    [
        {"ports": ()},
        {"ports": (HTTP,), "service": ServiceSpec(type="None")},
    ],
)
def test_without_ports_or_type_there_is_a_record_and_no_service(spec: dict[str, object]) -> None:
    found = settled(vipa(**spec))
    assert not found.world.services
    assert found.world.records[key("web")].service == ""


def test_cluster_ip_has_no_ingress() -> None:
    found = settled(Sysplex(key=key("plex1"), service_type="ClusterIP"), vipa(ports=(HTTP,)))
    assert found.world.services[key("web")].ingress == ""


def test_foreign_service_is_left_alone_and_gets_no_endpoints_of_ours() -> None:
    found = settled(Service(key=key("web"), uid="theirs"), vipa(ports=(HTTP,)))
    assert "Service default/web is not this operator's" in condition(
        found, "web", "ServiceConflict"
    )
    assert found.world.records[key("web")].service == ""
    assert found.world.services[key("web")].uid == "theirs"


def test_service_that_two_vipas_ask_for_goes_to_the_older_one() -> None:
    db = vipa("db", address="198.51.100.11", ports=(HTTP,), service=ServiceSpec(name="web"))
    web = vipa("web", ports=(HTTP,), created=200)
    found = settled(db, web)
    assert found.world.services[key("web")].vipa == "db"
    assert "belongs to VIPA db" in condition(found, "web", "ServiceConflict")
    assert [found.world.records[key(n)].service for n in ("db", "web")] == ["web", ""]
    found.world.drop(found.world.services[key("web")])
    told = services.conflict(found.world, found.world.vipas[key("web")])
    assert told is not None
    assert "VIPA default/db asks for Service default/web too" in told.message


def test_selector_and_foreign_slices_of_our_service_are_removed() -> None:
    found = settled(vipa(ports=(HTTP,)))
    found.world.put(replace(found.world.services[key("web")], selector=True))
    found.world.put(Slice(key=key("web-x1"), uid="s1", service="web", managed_by="stock"))
    told = condition(carry_out(replace(found)), "web", "ServiceConflict")
    assert not told, "gone after the repair"
    actions = plan.make(found).actions
    applied = [a for a in actions if isinstance(a, act.ApplyService)]
    assert applied[0].drops_selector
    assert [a.key.name for a in actions if isinstance(a, act.DeleteSlice)] == ["web-x1"]


def test_conflicts_on_our_service_are_said_while_they_last() -> None:
    found = settled(vipa(ports=(HTTP,)))
    service = replace(found.world.services[key("web")], selector=True)
    found.world.put(service)
    found.world.put(Slice(key=key("web-x1"), uid="s1", service="web", managed_by="stock"))
    found.world.put(Slice(key=key("web-x2"), uid="s2", service="web", managed_by=services.MIRROR))
    told = services.conflict(found.world, found.world.vipas[key("web")])
    assert told is not None
    for words in ("was given a selector", "EndpointSlice default/web-x1", "delete that object"):
        assert words in told.message


def test_mirrored_slice_is_named_and_not_fought_over() -> None:
    found = settled(vipa(ports=(HTTP,)))
    found.world.put(Slice(key=key("web-x2"), uid="s2", service="web", managed_by=services.MIRROR))
    after = plan.make(found)
    assert not [a for a in after.actions if isinstance(a, act.DeleteSlice)]
    assert "Endpoints default/web" in condition(after.after, "web", "ServiceConflict")


def test_slice_in_the_place_of_the_record_keeps_the_vipa_inactive() -> None:
    found = settled(Slice(key=key("web-owner"), uid="s3"), vipa(ports=(HTTP,)))
    assert "has the record's name: delete it" in condition(found, "web", "ServiceConflict")
    assert found.world.vipas[key("web")].status.state == "Inactive"


def test_slice_in_the_place_of_the_record_is_somebody_s_and_stays() -> None:
    found = settled(vipa(ports=(HTTP,)))
    found.world.drop(found.world.records[key("web")])
    found.world.put(Slice(key=key("web-owner"), uid="s3", service="web"))
    after = plan.make(found)
    assert not [a for a in after.actions if isinstance(a, act.DeleteSlice)]
    assert key("web-owner") in after.after.world.slices


def test_renamed_service_removes_the_old_one() -> None:
    found = settled(vipa(ports=(HTTP,)))
    found.world.put(vipa(ports=(HTTP,), service=ServiceSpec(name="front")))
    assert list(carry_out(found).world.services) == [key("front")]


def test_another_class_makes_the_service_anew() -> None:
    found = settled(vipa(ports=(HTTP,)))
    found.world.put(vipa(ports=(HTTP,), service=ServiceSpec(load_balancer_class="a.b/c")))
    kinds = [type(a).__name__ for a in plan.make(found).actions if a.kind == "Service"]
    assert kinds == ["DeleteService", "ApplyService"]


@pytest.mark.parametrize("change", [{"intact": False}, {"ingress": ""}, {"applied": "other"}])
def test_edit_by_hand_is_repaired(change: dict[str, object]) -> None:
    found = settled(vipa(ports=(HTTP,)))
    found.world.put(replace(found.world.services[key("web")], **change))  # type: ignore[arg-type]
    assert [type(a) for a in plan.make(found).actions] == [act.ApplyService]


def test_service_of_a_former_vipa_is_made_anew() -> None:
    found = settled(vipa(ports=(HTTP,)))
    found.world.put(vipa(ports=(HTTP,), uid="another", created=200))
    after = carry_out(found)
    assert after.world.services[key("web")].vipa_uid == "another"
    assert after.world.records[key("web")].vipa_uid == "another"
    assert after.world.records[key("web")].fence == "200.1"


def test_what_a_selector_left_behind_is_removed_with_the_slice_that_mirrors_it() -> None:
    found = settled(vipa(ports=(HTTP,)))
    mirror = Slice(
        key=key("web-x2"), uid="s2", service="web", managed_by=services.MIRROR, leftover="e1"
    )
    found.world.put(mirror)
    told = services.conflict(found.world, found.world.vipas[key("web")])
    assert told is not None
    assert "the operator removes it" in told.message
    after = plan.make(found)
    assert [a.uid for a in after.actions if isinstance(a, act.DeleteEndpoints)] == ["e1"]
    assert not after.after.world.slices


def test_epoch_that_was_raised_in_the_status_is_left_behind_by_the_next_holder() -> None:
    found = settled(vipa())
    one = found.world.vipas[key("web")]
    found.world.put(replace(one, status=replace(one.status, epoch=9)))
    calm = carry_out(found)
    assert calm.world.vipas[key("web")].status.epoch == 9
    calm.world.put(replace(calm.world.pods[key("sysa")], ready=False))
    assert carry_out(calm).world.records[key("web")].epoch == 10
