"""Values to JSON and back; what is read is what was written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vipa.core import actions as act
from vipa.core.cluster import Key, Service, Slice
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
from vipa.k8s import names, records, services, statuses
from vipa.k8s.decode import decode
from vipa.k8s.encode import FORCE, MANAGER, NEVER, Request, event_name, requests

NOW = "2026-11-22T10:00:00Z"
WEB = Key("ns", "web")

words = st.text(alphabet="abc-09", max_size=6)
full = st.text(alphabet="abc", min_size=1, max_size=6)
counts = st.integers(min_value=0, max_value=10**15)
moves = st.builds(Move, words, words, full, full)
conditions = st.lists(
    st.builds(
        Condition,
        type=full,
        status=st.sampled_from(["True", "False", "Unknown"]),
        reason=full,
        message=st.text(max_size=8),
        generation=counts,
        since=words,
    ),
    max_size=3,
).map(tuple)
v4 = st.just("198.51.100.10")
v6 = st.just("2001:db8::10")


def through(kind: str, raw: object) -> Any:
    """Over the wire, as JSON; a patch of a status as the object that it leaves behind."""
    if isinstance(raw, list):
        raw = {"metadata": {"name": "web", "namespace": "ns"}, "status": raw[1]["value"]}
    return decode(kind, json.loads(json.dumps(raw)))


# Records.


@st.composite
def held(draw: st.DrawFn) -> Record:
    owned = draw(st.booleans())
    return Record(
        vipa=Key("ns", draw(full)),
        vipa_uid=draw(full),
        owner=draw(full) if owned else "",
        owner_uid=draw(full) if owned else "",
        ip=draw(v4 | v6) if owned else "",
        pod=draw(full) if owned else "",
        node=draw(words) if owned else "",
        zone=draw(words) if owned else "",
        epoch=draw(counts),
        prefix=draw(counts),
        term=draw(counts),
        address=draw(v4 | v6),
        domain=draw(words),
        service=draw(words),
        ports=tuple(
            draw(st.lists(st.builds(RecordPort, full, st.just("TCP"), counts), max_size=3))
        ),
        last_move=draw(st.none() | moves),
        version=draw(st.sampled_from(["", "7"])),
        uid=draw(words),
    )


@given(held())
@settings(deadline=None)
def test_record_reads_back_as_it_is_written(record: Record) -> None:
    assert through("EndpointSlice", records.body(record)) == record


RECORD = Record(
    vipa=WEB,
    vipa_uid="v1",
    owner="sysa",
    owner_uid="u1",
    ip="10.1.0.5",
    pod="sysa-0",
    node="n1",
    zone="z1",
    epoch=3,
    prefix=100,
    term=2,
    address="198.51.100.10",
    domain="z1",
    service="web",
    ports=(RecordPort("http", "TCP", 8080),),
    last_move=Move("", "sysa", "Activated", NOW),
    version="7",
    uid="r1",
)


def edited(**annotations: str | None) -> Record:
    """The record after somebody edited its annotations; None removes one."""
    raw: dict[str, Any] = json.loads(json.dumps(records.body(RECORD)))
    for name, value in annotations.items():
        key = f"sysplex.dev/{name.replace('_', '-')}"
        raw["metadata"]["annotations"][key] = value
        if value is None:
            del raw["metadata"]["annotations"][key]
    found = decode("EndpointSlice", raw)
    assert isinstance(found, Record)
    return found


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"epoch": "03"}, {}),
        ({"epoch": "-3"}, {"epoch": 0}),
        ({"epoch": "\u0663"}, {"epoch": 0}),
        ({"epoch": None}, {"epoch": 0}),
        ({"epoch": "9" * 5000}, {"epoch": 0}),
        ({"epoch": "4"}, {"epoch": 4}),
        ({"term": "two"}, {"term": 0}),
        ({"fence": "100"}, {"prefix": 0}),
        ({"fence": "100.4"}, {}),
        ({"fence": "200.3"}, {"prefix": 200, "intact": True}),
        ({"fence": "9" * 5000 + ".3"}, {"prefix": 0}),
        ({"owner_uid": "u2"}, {"owner_uid": "u2"}),
        ({"last_move": "[" * 100_000}, {"last_move": None}),
        ({"last_move": "[]"}, {"last_move": None}),
        ({"last_move": "{}"}, {"last_move": Move("", "", "", "")}),
        ({"last_move": None}, {"last_move": None, "intact": True}),
        ({"unheard_of": "x"}, {}),
    ],
)
def test_record_with_other_annotations(
    annotations: dict[str, str | None], expected: dict[str, Any]
) -> None:
    assert edited(**annotations) == replace(RECORD, **{"intact": False, **expected})


def test_record_that_lost_its_vipa_belongs_to_none() -> None:
    raw: Any = records.body(RECORD)
    raw["metadata"]["ownerReferences"] = [
        {"kind": "VIPA", "apiVersion": "other.dev/v1", "uid": "x"},
        {"kind": "Pod", "apiVersion": names.API_VERSION, "uid": "x"},
    ]
    assert decode("EndpointSlice", raw) == replace(RECORD, vipa_uid="", intact=False)


@pytest.mark.parametrize(
    ("name", "managed_by"),
    [
        ("web-owner", "me"),
        ("web-owner", ""),
        ("web-targets", names.MANAGED_BY_VALUE),
        ("-owner", names.MANAGED_BY_VALUE),
    ],
)
def test_every_other_slice_is_a_slice(name: str, managed_by: str) -> None:
    labels = {names.MANAGED_BY: managed_by, names.SERVICE_NAME: "web"}
    raw = {"metadata": {"name": name, "namespace": "ns", "uid": "s1", "labels": labels}}
    expected = Slice(key=Key("ns", name), uid="s1", service="web", managed_by=managed_by)
    assert decode("EndpointSlice", raw) == expected


def test_record_is_created_by_post_and_changed_by_put() -> None:
    new = replace(RECORD, version="", uid="")
    (post,) = requests(act.WriteRecord(key=WEB, record=new), NOW)
    assert (post.method, post.query) == ("POST", MANAGER)
    assert post.path == "/apis/discovery.k8s.io/v1/namespaces/ns/endpointslices"
    (put,) = requests(act.WriteRecord(key=WEB, record=RECORD), NOW)
    assert (put.method, put.query) == ("PUT", MANAGER)
    assert put.path.endswith("/endpointslices/web-owner")
    metadata: Any = put.body and put.body["metadata"]
    assert (metadata["resourceVersion"], metadata["uid"]) == ("7", "r1")


# The Service.

SERVICE = act.ApplyService(
    key=WEB,
    vipa="web",
    vipa_uid="v1",
    type="LoadBalancer",
    address="198.51.100.10",
    ports=(Port(name="http", port=80, target=8080), Port(name="dns", port=53, target="dns")),
    labels={"tier": "gold", names.VIPA: "mine"},
    annotations={"example.com/a": "b", names.APPLIED: "mine"},
    applied="0123",
)


def as_stored(action: act.ApplyService) -> dict[str, Any]:
    """The Service as the API server would hold it: with what it fills in, in another order."""
    raw: dict[str, Any] = json.loads(json.dumps(services.body(action)))
    raw["metadata"]["uid"] = "s1"
    raw["spec"] |= {"clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.9"], "ipFamilies": ["IPv4"]}
    raw["spec"]["ports"].reverse()
    raw["status"] = {"loadBalancer": {"ingress": services.ingress(action)}}
    return raw


@pytest.mark.parametrize("kind", ["LoadBalancer", "ClusterIP"])
def test_service_reads_back_as_it_is_applied(kind: str) -> None:
    action = replace(SERVICE, type=kind)
    ours = (action.address,) if action.ingress else ()
    assert decode("Service", as_stored(action)) == Service(
        key=WEB,
        uid="s1",
        vipa="web",
        vipa_uid="v1",
        applied="0123",
        load_balancer_class=names.LOAD_BALANCER_CLASS if action.ingress else "",
        ingress=action.ingress,
        addresses=("10.0.0.9", *ours),
    )


def test_service_of_somebody_else_matters_by_its_addresses() -> None:
    raw = {
        "metadata": {"name": "web", "namespace": "ns", "uid": "s2"},
        "spec": {
            "selector": {"app": "x"},
            "clusterIP": "None",
            "clusterIPs": ["None", 7],
            "externalIPs": ["192.0.2.1", "2001:DB8:0::1"],
            "loadBalancerIP": "192.0.2.2",
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.3"}]}},
    }
    assert decode("Service", raw) == Service(
        key=WEB,
        uid="s2",
        selector=True,
        ingress="192.0.2.1,192.0.2.3",
        addresses=("192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3"),
    )


def test_new_service_is_applied_only_where_there_is_none() -> None:
    apply, status = requests(SERVICE, NOW)
    body: Any = apply.body
    assert (apply.method, apply.query) == ("PATCH", MANAGER)
    assert apply.content_type == names.APPLY
    assert body["metadata"]["resourceVersion"] == NEVER
    assert body["metadata"]["labels"] == {"tier": "gold", names.VIPA: "web"}
    assert (status.path, status.query) == (apply.path + "/status", FORCE)


def test_service_that_is_there_is_corrected_first() -> None:
    action = replace(SERVICE, uid="s1", drops_selector=True, type="ClusterIP")
    correct, apply = requests(action, NOW)
    body: Any = correct.body
    assert correct.content_type == names.MERGE
    assert body["metadata"] == {"uid": "s1"}
    assert body["spec"]["selector"] is None
    assert apply.query == FORCE
    assert apply.body is not None
    assert isinstance(apply.body["metadata"], dict)
    assert apply.body["metadata"]["uid"] == "s1"


def test_selector_is_left_alone_where_there_is_none() -> None:
    correct = requests(replace(SERVICE, uid="s1"), NOW)[0]
    body: Any = correct.body
    assert "selector" not in body["spec"]


def test_ipv6_asks_for_both_families() -> None:
    spec = services.spec(replace(SERVICE, address="2001:db8::10"))
    assert spec["ipFamilyPolicy"] == "PreferDualStack"
    assert "ipFamilyPolicy" not in services.spec(SERVICE)


# Statuses.

owners = st.builds(OwnerRef, full, words, words, words, words)
lines = st.lists(st.builds(VipaStack, full, words, words, counts, words), max_size=3)
chains = st.lists(st.builds(ChainEntry, full, counts, st.booleans(), words), max_size=3)


@st.composite
def vipa_statuses(draw: st.DrawFn) -> VipaStatus:
    move = draw(st.none() | moves)
    return VipaStatus(
        address=draw(words),
        state=draw(words),
        owner=draw(st.none() | owners),
        epoch=draw(st.none() | counts),
        fence=draw(words),
        active_since=draw(words),
        origin=draw(words),
        domain=draw(words),
        last_move=move,
        seconds=draw(st.none() | st.floats(0, 1e6)) if move is not None else None,
        chain=tuple(draw(chains)),
        stacks=tuple(draw(lines)),
        conditions=draw(conditions),
    )


stack_statuses = st.builds(
    StackStatus,
    phase=st.none() | st.sampled_from(Phase),
    reason=words,
    message=words,
    since=words,
    pod=words,
    pod_uid=words,
    pod_ip=words,
    node=words,
    zone=words,
    join_number=counts,
    vipas=st.lists(st.builds(StackVipa, full, words, words, words), max_size=3).map(tuple),
    vipas_total=counts,
    conditions=conditions,
)
plex_statuses = st.builds(
    SysplexStatus, stacks=counts, active=counts, vipas=counts, joins=counts, conditions=conditions
)


@given(vipa_statuses())
@settings(deadline=None)
def test_vipa_status_reads_back(status: VipaStatus) -> None:
    action = act.WriteVipaStatus(key=WEB, uid="x1", status=status)
    (request,) = requests(action, NOW)
    found = through("VIPA", request.body)
    assert isinstance(found, Vipa)
    assert found.status == status
    assert request.path.endswith("/namespaces/ns/vipas/web/status")
    assert (request.content_type, request.query) == (names.JSON_PATCH, MANAGER)
    body: Any = request.body
    assert body[0] == {"op": "test", "path": "/metadata/uid", "value": "x1"}


@given(stack_statuses)
@settings(deadline=None)
def test_stack_status_reads_back(status: StackStatus) -> None:
    (request,) = requests(act.WriteStackStatus(key=WEB, uid="x1", status=status), NOW)
    found = through("Stack", request.body)
    assert isinstance(found, Stack)
    assert found.status == status


@given(plex_statuses)
@settings(deadline=None)
def test_sysplex_status_reads_back(status: SysplexStatus) -> None:
    (request,) = requests(act.WriteSysplexStatus(key=WEB, uid="x1", status=status), NOW)
    found = through("Sysplex", request.body)
    assert isinstance(found, Sysplex)
    assert found.status == status


@given(conditions)
@settings(deadline=None)
def test_backup_status_reads_back(found: tuple[Condition, ...]) -> None:
    (request,) = requests(act.WriteBackupStatus(key=WEB, uid="x1", conditions=found), NOW)
    backup = through("VIPABackup", request.body)
    assert isinstance(backup, Backup)
    assert backup.conditions == found


def test_what_is_empty_is_left_out() -> None:
    assert statuses.vipa(VipaStatus()) == {}
    assert statuses.stack(StackStatus()) == {"joinNumber": 0, "vipasTotal": 0}


@pytest.mark.parametrize("seconds", ["1", True, 1e300, None])
def test_seconds_that_are_none(seconds: object) -> None:
    raw = {"metadata": {"name": "web"}, "status": {"lastMove": {"seconds": seconds}}}
    found = decode("VIPA", raw)
    assert isinstance(found, Vipa)
    assert (found.status.last_move, found.status.seconds) == (Move("", "", "", ""), None)


@pytest.mark.parametrize("epoch", ["1", True, None, 1.5])
def test_epoch_that_is_none(epoch: object) -> None:
    found = decode("VIPA", {"metadata": {"name": "web"}, "status": {"epoch": epoch}})
    assert isinstance(found, Vipa)
    assert found.status.epoch is None


# Everything else that is written.


@pytest.mark.parametrize(
    ("action", "path"),
    [
        (
            act.DeleteRecord(key=WEB, uid="r1"),
            "/apis/discovery.k8s.io/v1/namespaces/ns/endpointslices/web-owner",
        ),
        (
            act.DeleteSlice(key=WEB, uid="r1"),
            "/apis/discovery.k8s.io/v1/namespaces/ns/endpointslices/web",
        ),
        (act.DeleteService(key=WEB, uid="r1"), "/api/v1/namespaces/ns/services/web"),
        (
            act.DeleteStack(key=WEB, uid="r1"),
            "/apis/sysplex.dev/v1alpha1/namespaces/ns/stacks/web",
        ),
    ],
)
def test_deletion_is_guarded_by_uid(action: act.Action, path: str) -> None:
    (request,) = requests(action, NOW)
    body: Any = request.body
    assert (request.method, request.path) == ("DELETE", path)
    assert body["preconditions"] == {"uid": "r1"}


def test_pod_annotation_is_applied_and_removed() -> None:
    key = Key("ns", "sysa")
    (apply,) = requests(act.AnnotatePod(key=key, uid="u1", value="[]"), NOW)
    assert (apply.path, apply.content_type) == ("/api/v1/namespaces/ns/pods/sysa", names.APPLY)
    (remove,) = requests(act.AnnotatePod(key=key, uid="u1", value=None), NOW)
    assert remove.content_type == names.MERGE
    assert remove.body == {"metadata": {"uid": "u1", "annotations": {names.VIPAS: None}}}


def test_stack_is_created() -> None:
    (request,) = requests(act.CreateStack(key=Key("ns", "sysa"), sysplex="plex1"), NOW)
    found = through("Stack", request.body)
    assert found == Stack(key=Key("ns", "sysa"), sysplex="plex1")
    assert request == Request(
        method="POST",
        path="/apis/sysplex.dev/v1alpha1/namespaces/ns/stacks",
        body=request.body,
        query=MANAGER,
    )


@pytest.mark.parametrize(("about", "version"), [("VIPA", names.API_VERSION), ("Pod", "v1")])
def test_event_is_about_its_object(about: str, version: str) -> None:
    action = act.Emit(
        key=WEB, name="web.100.3.u1", about=about, uid="u1", event="TakenOver", note="EZZ8301I"
    )
    (request,) = requests(action, NOW, "operator-0")
    body: Any = request.body
    involved = {"apiVersion": version, "kind": about, "namespace": "ns", "name": "web"}
    assert body["involvedObject"] == {**involved, "uid": "u1"}
    assert (body["reason"], body["message"], body["type"]) == ("TakenOver", "EZZ8301I", "Normal")
    assert body["eventTime"] == "2026-11-22T10:00:00.000000Z"
    assert body["reportingInstance"] == "operator-0"
    (warning,) = requests(replace(action, warning=True, note="x" * 2000), NOW)
    body = warning.body
    assert (body["type"], len(body["message"])) == ("Warning", 1024)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web.100.3.2a9d3a0f4b11", "web.100.3.2a9d3a0f4b11"),
        ("Web._x_..-y-.", "web.x.y"),
        ("", "event"),
        ("...", "event"),
        ("a" * 300 + ".3.u1", "a" * 248 + ".3.u1"),
        ("a." + "b" * 252, "b" * 252),
    ],
)
def test_event_names_are_valid(name: str, expected: str) -> None:
    assert event_name(name) == expected


def test_an_action_without_requests_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="Action"):
        requests(act.Action(key=WEB), NOW)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("Node", "", "n1"), "/api/v1/nodes/n1"),
        (("Node", "ns", "n1"), "/api/v1/nodes/n1"),
        (("Pod",), "/api/v1/pods"),
        (("ServiceCIDR",), "/apis/networking.k8s.io/v1/servicecidrs"),
        (
            ("VIPA", "ns", "a/b", "status"),
            "/apis/sysplex.dev/v1alpha1/namespaces/ns/vipas/a%2Fb/status",
        ),
    ],
)
def test_paths(arguments: tuple[str, ...], expected: str) -> None:
    assert names.path(*arguments) == expected
