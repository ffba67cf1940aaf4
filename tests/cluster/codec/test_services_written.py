"""The Service of a VIPA, as it is written, edited by others, and read back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.cluster.codec.wire import ANOTHER_UID, PORTS, Wire

from vipa.core import actions as act
from vipa.core.cluster import Service
from vipa.k8s import names


@pytest.fixture
def wanted(wire: Wire) -> act.ApplyService:
    return act.ApplyService(
        key=wire.key("web"),
        vipa="web",
        vipa_uid=wire.vipa(),
        type="LoadBalancer",
        address="198.51.100.10",
        ports=PORTS,
        annotations={"example.com/a": "b"},
        labels={"tier": "gold"},
        applied="0123456789abcdef",
    )


def applied(wire: Wire, wanted: act.ApplyService) -> Service:
    """The Service after the action: as it was asked for."""
    statuses = wire.send(wanted)
    assert all(status < 300 for status in statuses), wire.refusal
    found = wire.read("Service", "web")
    assert isinstance(found, Service)
    assert (found.vipa, found.vipa_uid) == (wanted.vipa, wanted.vipa_uid)
    assert (found.applied, found.ingress) == (wanted.applied, wanted.ingress)
    assert found.intact
    assert not found.selector
    return found


VARIANTS: list[dict[str, Any]] = [
    {},
    {"type": "ClusterIP"},
    {"annotations": {}, "labels": {}},
    {"address": "2001:db8::10"},
    {"type": "ClusterIP", "address": "2001:db8::10"},
    {"external_traffic_policy": "Local"},
    {"session_affinity": "ClientIP"},
    {"session_affinity": "None", "external_traffic_policy": "Cluster"},
    {"load_balancer_class": "example.com/lb"},
    {"type": "ClusterIP", "external_traffic_policy": "Local"},
    {"ports": PORTS[:1]},
    {"ports": PORTS[1:]},
    {"labels": {names.VIPA: "mine"}, "annotations": {names.APPLIED: "mine"}},
]


@pytest.mark.parametrize("change", VARIANTS, ids=str)
def test_service_is_as_it_was_asked_for(
    wire: Wire, wanted: act.ApplyService, change: dict[str, Any]
) -> None:
    found = applied(wire, replace(wanted, **change))
    spec = wire.raw("Service", "web")["spec"]
    assert not any("nodePort" in port for port in spec["ports"])
    address = replace(wanted, **change).ingress
    assert (address in found.addresses) == bool(address)
    assert spec["clusterIP"] in found.addresses


# Every change is between the plain Service and another one, in both directions; but for the class
# of a LoadBalancer, which the API server does not let change: the plan makes such a Service anew.
CHANGES = [
    pair
    for one in VARIANTS[1:]
    if "load_balancer_class" not in one
    for pair in (({}, one), (one, {}))
]


@pytest.mark.parametrize(("before", "change"), CHANGES, ids=str)
def test_service_follows_every_change(
    wire: Wire, wanted: act.ApplyService, before: dict[str, Any], change: dict[str, Any]
) -> None:
    first, second = replace(wanted, **before), replace(wanted, **change, applied="other")
    found = applied(wire, first)
    assert applied(wire, replace(second, uid=found.uid)).uid == found.uid
    raw = wire.raw("Service", "web")
    assert set(raw["metadata"]["labels"]) == {*second.labels, names.VIPA}
    assert set(raw["metadata"]["annotations"]) == {*second.annotations, names.APPLIED}
    assert len(raw["spec"]["ports"]) == len(second.ports)


EDITS: list[dict[str, Any]] = [
    {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 9}]}},
    {"spec": {"ports": [{"name": "more", "port": 81}, {"name": "http", "port": 80}]}},
    {"spec": {"type": "NodePort", "loadBalancerClass": None}},
    {"spec": {"type": "ClusterIP", "loadBalancerClass": None}},
    {"spec": {"allocateLoadBalancerNodePorts": True}},
    {"spec": {"externalTrafficPolicy": "Local"}},
    {"spec": {"sessionAffinity": "ClientIP"}},
    {"spec": {"selector": {"app": "x"}}},
    {"metadata": {"labels": {names.VIPA: None}}},
    {"metadata": {"labels": {names.VIPA: "other"}}},
    {"metadata": {"labels": {"tier": None}}},
    {"metadata": {"annotations": {"example.com/a": "c"}}},
    {"metadata": {"annotations": {names.APPLIED: "0123456789abcdef"}}},
    {"metadata": {"annotations": {names.APPLIED: None}}},
]


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_service_edited_by_hand_is_noticed_and_repaired(
    wire: Wire, wanted: act.ApplyService, edit: dict[str, Any]
) -> None:
    uid = applied(wire, wanted).uid
    wire.edit("Service", "web", edit)
    found = wire.read("Service", "web")
    same = found.applied == wanted.applied and found.ingress == wanted.ingress
    assert not (same and found.intact and not found.selector)
    applied(wire, replace(wanted, uid=uid, drops_selector=found.selector))
    assert len(wire.raw("Service", "web")["spec"]["ports"]) == len(PORTS)


@pytest.mark.parametrize(
    "ingress",
    [
        [],
        None,
        [{"ip": "198.51.100.10", "ipMode": "Proxy"}],
        [{"ip": "198.51.100.10"}, {"ip": "198.51.100.11"}],
        [{"hostname": "web.example.com"}],
    ],
    ids=str,
)
def test_ingress_edited_by_hand_is_noticed_and_repaired(
    wire: Wire, wanted: act.ApplyService, ingress: object
) -> None:
    uid = applied(wire, wanted).uid
    wire.edit("Service", "web", {"status": {"loadBalancer": {"ingress": ingress}}}, "status")
    assert wire.read("Service", "web").ingress != wanted.ingress
    applied(wire, replace(wanted, uid=uid))


def test_service_edits_that_are_not_ours_to_judge(wire: Wire, wanted: act.ApplyService) -> None:
    found = applied(wire, wanted)
    patch = {"metadata": {"labels": {"theirs": "x"}, "annotations": {"theirs": "y"}}}
    wire.edit("Service", "web", patch)
    assert wire.read("Service", "web") == found


@pytest.mark.parametrize("kind", ["LoadBalancer", "ClusterIP"])
def test_service_of_somebody_else_is_never_touched(
    wire: Wire, wanted: act.ApplyService, kind: str
) -> None:
    """Not even one that says the same as ours would."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    wire.create("Service", "web", spec={"type": kind, "ports": ports})
    before = wire.raw("Service", "web")
    assert wire.send(replace(wanted, type=kind, ports=PORTS[:1])) == [409]
    assert wire.raw("Service", "web") == before


def test_service_that_was_re_created_is_never_touched(wire: Wire, wanted: act.ApplyService) -> None:
    former = replace(wanted, uid="6f1c2d2e-0f6b-4a52-8f3c-2a9d3a0f4b11")
    assert wire.send(former) == [404]
    applied(wire, wanted)
    before = wire.raw("Service", "web")
    assert wire.send(former) == ANOTHER_UID
    assert wire.raw("Service", "web") == before


def test_service_is_deleted_by_uid(wire: Wire, wanted: act.ApplyService) -> None:
    found = applied(wire, wanted)
    assert wire.send(act.DeleteService(key=found.key, uid="another")) == [409]
    assert wire.send(act.DeleteService(key=found.key, uid=found.uid)) == [200]
