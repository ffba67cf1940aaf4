"""What only a real API server can tell: that it takes our requests, and how it answers them.

Everything is written as the operator's ServiceAccount, so RBAC and admission policies have their
say too, and read back as it stands then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.cluster.plane import Api

from vipa.core import actions as act
from vipa.core.cluster import Key, Pod, Service, Slice
from vipa.core.record import Move, Record, RecordPort
from vipa.core.resources import (
    Backup,
    ChainEntry,
    Condition,
    OwnerRef,
    Phase,
    Port,
    Stack,
    StackStatus,
    StackVipa,
    Sysplex,
    SysplexStatus,
    Vipa,
    VipaStack,
    VipaStatus,
)
from vipa.k8s import names
from vipa.k8s.decode import decode
from vipa.k8s.encode import requests
from vipa.k8s.reduce import reduce

NOW = "2026-11-22T10:00:00Z"
MOVE = Move("sysa", "sysb", "OwnerFailed", NOW)
PORTS = (
    Port(name="http", port=80, target=8080),
    Port(name="dns", protocol="UDP", port=53, target="dns"),
)
# A patch for an object that came back under its name: metadata.uid is immutable.
ANOTHER_UID = [422]
READY = Condition(
    type="Accepted", status="True", reason="Accepted", message="", generation=1, since=NOW
)


@pytest.fixture
def wire(operator_api: Api, api: Api, namespace: str) -> Wire:
    return Wire(operator_api, api, namespace)


class Wire:
    """The operator's side and an administrator's, in one namespace."""

    def __init__(self, operator: Api, admin: Api, namespace: str) -> None:
        self.operator = operator
        self.admin = admin
        self.namespace = namespace
        self.refusal: str | None = None

    def key(self, name: str) -> Key:
        return Key(self.namespace, name)

    def send(self, action: act.Action) -> list[int]:
        """The statuses of the requests; the first refusal ends it."""
        found = []
        for one in requests(action, NOW):
            status, body = self.operator.request(
                one.method, one.path, one.body, content_type=one.content_type, query=one.query
            )
            found.append(status)
            if status >= 400:
                self.refusal = body.get("message")
                break
        return found

    def path(self, kind: str, name: str = "") -> str:
        return names.path(kind, self.namespace, name)

    def raw(self, kind: str, name: str) -> dict[str, Any]:
        status, body = self.admin.request("GET", self.path(kind, name))
        assert status == 200, body
        return body

    def uid(self, kind: str, name: str) -> str:
        return str(self.raw(kind, name)["metadata"]["uid"])

    def read(self, kind: str, name: str) -> Any:
        """The value; reduced it is the same, as for every object that is read here."""
        raw = self.raw(kind, name)
        value = decode(kind, raw)
        assert decode(kind, reduce(kind, raw)) == value
        return value

    def create(self, kind: str, name: str, **rest: Any) -> str:
        """An object made by somebody else; its uid."""
        body = {"apiVersion": names.KINDS[kind].api_version, "kind": kind, **rest}
        body["metadata"] = {"name": name, **rest.get("metadata", {})}
        status, answer = self.admin.request("POST", self.path(kind), body)
        assert status == 201, answer
        return str(answer["metadata"]["uid"])

    def edit(self, kind: str, name: str, patch: dict[str, Any], sub: str = "") -> None:
        """What somebody changes by hand."""
        path = names.path(kind, self.namespace, name, sub)
        status, body = self.admin.request("PATCH", path, patch, content_type=names.MERGE)
        assert status == 200, body

    def vipa(self, name: str = "web") -> str:
        spec = {"sysplex": "plex1", "address": "198.51.100.10", "primary": "sysa"}
        return self.create("VIPA", name, spec=spec)

    def pod(self, name: str = "sysa") -> str:
        spec = {"containers": [{"name": "app", "image": "app"}], "nodeName": "n1"}
        return self.create("Pod", name, spec=spec)


# The record.


@pytest.fixture
def record(wire: Wire) -> Record:
    return Record(
        vipa=wire.key("web"),
        vipa_uid=wire.vipa(),
        owner="sysa",
        owner_uid="6f1c2d2e-0f6b-4a52-8f3c-2a9d3a0f4b11",
        ip="10.1.0.5",
        pod="sysa-0",
        node="n1",
        zone="zone-a",
        epoch=1,
        prefix=1763841600,
        term=3,
        address="198.51.100.10",
        domain="zone-a",
        service="web",
        ports=(RecordPort("http", "TCP", 8080), RecordPort("dns", "UDP", 53)),
        last_move=MOVE,
    )


def written(wire: Wire, record: Record, status: int = 201) -> Record:
    assert wire.send(act.WriteRecord(key=record.vipa, record=record)) == [status]
    found = wire.read("EndpointSlice", "web-owner")
    assert isinstance(found, Record)
    return found


def test_record_reads_back_as_it_was_written(wire: Wire, record: Record) -> None:
    assert written(wire, record).says_as(record)


def test_record_without_owner_ports_and_service(wire: Wire, record: Record) -> None:
    bare = Record(vipa=record.vipa, vipa_uid=record.vipa_uid, address="2001:db8::10", epoch=4)
    assert written(wire, bare).says_as(bare)


def test_record_moves_in_one_guarded_write(wire: Wire, record: Record) -> None:
    first = written(wire, record)
    moved = replace(first, owner="sysb", owner_uid="u2", ip="10.1.0.6", epoch=2, ports=())
    second = written(wire, moved, 200)
    assert second.says_as(moved)
    assert second.version != first.version
    assert wire.send(act.WriteRecord(key=record.vipa, record=moved)) == [409]


def test_record_is_released_and_keeps_its_epoch(wire: Wire, record: Record) -> None:
    first = written(wire, record)
    free = replace(
        first, owner="", owner_uid="", ip="", pod="", node="", zone="", ports=(), domain=""
    )
    assert written(wire, free, 200).says_as(free)


def test_record_that_exists_is_not_created_over(wire: Wire, record: Record) -> None:
    written(wire, record)
    assert wire.send(act.WriteRecord(key=record.vipa, record=record)) == [409]


@pytest.mark.parametrize(
    "patch",
    [
        {"metadata": {"labels": {names.SERVICE_NAME: None}}},
        {"metadata": {"labels": {names.VIPA: "other"}}},
        {"metadata": {"annotations": {names.FENCE: "1.1"}}},
        {"metadata": {"annotations": {"sysplex.dev/more": "1"}}},
        {"metadata": {"ownerReferences": None}},
        {"endpoints": [{"addresses": ["10.1.0.5"], "conditions": {"ready": False}}]},
        {"ports": []},
    ],
)
def test_record_edited_by_hand_is_repaired(
    wire: Wire, record: Record, patch: dict[str, Any]
) -> None:
    written(wire, record)
    wire.edit("EndpointSlice", "web-owner", patch)
    found = wire.read("EndpointSlice", "web-owner")
    assert not found.says_as(record)
    repaired = replace(record, version=found.version, uid=found.uid)
    assert written(wire, repaired, 200).says_as(record)


def test_labels_and_annotations_of_others_do_not_matter(wire: Wire, record: Record) -> None:
    written(wire, record)
    patch = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}, "finalizers": ["e/f"]}}
    wire.edit("EndpointSlice", "web-owner", patch)
    assert wire.read("EndpointSlice", "web-owner").says_as(record)
    wire.edit("EndpointSlice", "web-owner", {"metadata": {"finalizers": None}})


def test_record_is_deleted_by_uid(wire: Wire, record: Record) -> None:
    found = written(wire, record)
    assert wire.send(act.DeleteRecord(key=record.vipa, uid="another")) == [409]
    assert wire.send(act.DeleteRecord(key=record.vipa, uid=found.uid)) == [200]


def test_foreign_slice_is_read_and_deleted(wire: Wire) -> None:
    metadata = {"labels": {names.SERVICE_NAME: "web", names.MANAGED_BY: "me"}}
    uid = wire.create("EndpointSlice", "web-x", metadata=metadata, addressType="IPv4", endpoints=[])
    key = wire.key("web-x")
    found = Slice(key=key, uid=uid, service="web", managed_by="me")
    assert wire.read("EndpointSlice", "web-x") == found
    assert wire.send(act.DeleteSlice(key=key, uid=uid)) == [200]


# The Service.


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


# The pod's annotation.


def test_pod_annotation_is_set_and_removed(wire: Wire) -> None:
    uid, key = wire.pod(), wire.key("sysa")
    for value in ('[{"vipa":"web"}]', "[]", None, None):
        assert wire.send(act.AnnotatePod(key=key, uid=uid, value=value)) == [200]
        found = wire.read("Pod", "sysa")
        assert isinstance(found, Pod)
        assert found.published == value


@pytest.mark.parametrize("value", ["[]", None])
def test_pod_annotation_of_somebody_else_is_overruled(wire: Wire, value: str | None) -> None:
    uid, key = wire.pod(), wire.key("sysa")
    wire.edit("Pod", "sysa", {"metadata": {"annotations": {names.VIPAS: "mine", "other": "x"}}})
    assert wire.send(act.AnnotatePod(key=key, uid=uid, value=value)) == [200]
    assert wire.read("Pod", "sysa").published == value
    assert wire.raw("Pod", "sysa")["metadata"]["annotations"]["other"] == "x"


@pytest.mark.parametrize("value", ["[]", None])
def test_pod_annotation_never_reaches_the_next_pod(wire: Wire, value: str | None) -> None:
    wire.pod()
    former = act.AnnotatePod(key=wire.key("sysa"), uid="another", value=value)
    assert wire.send(former) == ANOTHER_UID
    gone = act.AnnotatePod(key=wire.key("gone"), uid="another", value=value)
    assert wire.send(gone) == ([404] if value is None else [409])


# Our own kinds.


def test_stack_is_created_and_deleted(wire: Wire) -> None:
    key = wire.key("sysa")
    assert wire.send(act.CreateStack(key=key, sysplex="plex1")) == [201]
    assert wire.send(act.CreateStack(key=key, sysplex="plex2")) == [409]
    found = wire.read("Stack", "sysa")
    assert isinstance(found, Stack)
    assert (found.sysplex, found.default, found.issues) == ("plex1", True, ())
    assert wire.send(act.DeleteStack(key=key, uid="another")) == [409]
    assert wire.send(act.DeleteStack(key=key, uid=found.uid)) == [200]


FULL = VipaStatus(
    address="198.51.100.10",
    state="Active",
    owner=OwnerRef("sysb", "sysb-0", "u2", "10.1.0.6", "n2"),
    epoch=2,
    fence="1763841600.2",
    active_since=NOW,
    origin="VIPABACKUP",
    domain="zone-a",
    last_move=MOVE,
    seconds=0.25,
    chain=(ChainEntry("sysb", 200, True, "Eligible"), ChainEntry("sysa", 255, False, "NotReady")),
    stacks=(VipaStack("sysb", "ACTIVE", "VIPABACKUP", 200), VipaStack("sysa", "", "", 0, "DEST")),
    conditions=(READY, replace(READY, type="Active", message="sysb owns the address")),
)


@pytest.mark.parametrize(
    "status",
    [
        FULL,
        replace(FULL, owner=None, conditions=(READY,), chain=(), stacks=(), domain=""),
        replace(FULL, last_move=Move("sysb", "", "OwnerGone", NOW), seconds=None, origin=""),
        replace(FULL, owner=OwnerRef("sysa", "", "", "", ""), active_since=""),
        VipaStatus(epoch=2, state="Pending"),
    ],
)
def test_vipa_status_reads_back_whatever_was_there_before(wire: Wire, status: VipaStatus) -> None:
    wire.vipa()
    for one in (status, FULL, status):
        assert wire.send(
            act.WriteVipaStatus(key=wire.key("web"), uid=wire.uid("VIPA", "web"), status=one)
        ) == [200]
        found = wire.read("VIPA", "web")
        assert isinstance(found, Vipa)
        assert found.status == one
        assert not found.issues


def test_vipa_that_was_never_active_has_epoch_none(wire: Wire) -> None:
    wire.vipa()
    assert wire.read("VIPA", "web").status == VipaStatus()
    status = VipaStatus(state="Inactive", epoch=0)
    assert wire.send(
        act.WriteVipaStatus(key=wire.key("web"), uid=wire.uid("VIPA", "web"), status=status)
    ) == [200]
    assert wire.read("VIPA", "web").status == status


def test_statuses_of_the_group_read_back(wire: Wire) -> None:
    wire.create("Sysplex", "plex1")
    wire.create("Stack", "sysa", spec={"sysplex": "plex1"})
    ranking = {"sysplex": "plex1", "vipas": ["web"], "ranking": [{"stack": "sysb"}]}
    wire.create("VIPABackup", "ring", spec=ranking)
    for conditions in ((READY,), (READY, replace(READY, type="NotSupported")), ()):
        plex = SysplexStatus(stacks=2, active=1, vipas=0, joins=7, conditions=conditions)
        stack = StackStatus(
            phase=Phase.ACTIVE,
            reason="Eligible",
            message="pod sysa-0 is Ready",
            since=NOW,
            pod="sysa-0",
            pod_uid="u1",
            pod_ip="10.1.0.5",
            node="n1",
            zone="zone-a",
            join_number=7,
            vipas=(StackVipa("web", "198.51.100.10", "ACTIVE"), StackVipa("db", "", "", "DIST")),
            vipas_total=2,
            conditions=conditions,
        )
        sent = (
            act.WriteSysplexStatus(
                key=wire.key("plex1"), uid=wire.uid("Sysplex", "plex1"), status=plex
            ),
            act.WriteStackStatus(key=wire.key("sysa"), uid=wire.uid("Stack", "sysa"), status=stack),
            act.WriteBackupStatus(
                key=wire.key("ring"), uid=wire.uid("VIPABackup", "ring"), conditions=conditions
            ),
        )
        assert [wire.send(one) for one in sent] == [[200], [200], [200]]
        found = wire.read("Sysplex", "plex1"), wire.read("Stack", "sysa")
        assert isinstance(found[0], Sysplex)
        assert (found[0].status, found[1].status) == (plex, stack)
        backup = wire.read("VIPABackup", "ring")
        assert isinstance(backup, Backup)
        assert backup.conditions == conditions
        assert [one.issues for one in (*found, backup)] == [(), (), ()]


def test_status_does_not_meet_the_next_object_of_the_name(wire: Wire) -> None:
    wire.vipa()
    late = act.WriteVipaStatus(key=wire.key("web"), uid="another", status=VipaStatus(epoch=7))
    assert wire.send(late)[0] in (409, 422)
    assert wire.read("VIPA", "web").status == VipaStatus()


def test_status_written_by_hand_is_gone_after_ours(wire: Wire) -> None:
    wire.vipa()
    uid = wire.uid("VIPA", "web")
    alien = replace(READY, type="Alien")
    by_hand = replace(FULL, domain="elsewhere", conditions=(alien,))
    bare = VipaStatus(state="Inactive", epoch=2, conditions=(READY,))
    for status in (by_hand, bare):
        write = act.WriteVipaStatus(key=wire.key("web"), uid=uid, status=status)
        assert wire.send(write) == [200]
    assert wire.read("VIPA", "web").status == bare


def test_status_of_what_is_gone_creates_nothing(wire: Wire) -> None:
    action = act.WriteVipaStatus(key=wire.key("gone"), uid="", status=VipaStatus(state="Pending"))
    assert wire.send(action) == [404]


# Events.


@pytest.mark.parametrize("about", ["VIPA", "Pod"])
def test_event_is_said_once(wire: Wire, about: str) -> None:
    action = act.Emit(
        key=wire.key("web"),
        name="web.1763841600.2.2a9d3a0f4b11",
        about=about,
        uid="u1",
        event="TakenOver",
        note="EZZ8301I " + "x" * 2000,
        warning=about == "Pod",
    )
    assert wire.send(action) == [201]
    assert wire.send(action) == [409]
    found = wire.raw("Event", action.name)
    assert found["involvedObject"]["name"] == "web"
    assert len(found["message"]) == 1024


def test_event_with_the_longest_names(wire: Wire) -> None:
    action = act.Emit(
        key=wire.key("p" * 63 + "." + "q" * 180),
        name="P" * 253 + "._invalid_.-x",
        about="Pod",
        uid="u1",
        event="InvalidStackName",
        note="label",
    )
    assert wire.send(action) == [201]
