"""Objects of the API as values: whatever arrives, and reduced or whole alike."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vipa.core.cluster import Key, Node, Pod, Ready
from vipa.core.record import Record
from vipa.core.resources import Backup, Stack, Sysplex, Vipa
from vipa.k8s import names, records
from vipa.k8s.decode import READERS, decode, service_cidrs
from vipa.k8s.reduce import reduce

SECRET = "hunter2"

NODE = {
    "metadata": {
        "name": "n1",
        "uid": "n1",
        "labels": {"topology.kubernetes.io/zone": "z1"},
        "annotations": {"a": SECRET},
    },
    "spec": {
        "podCIDR": "10.1.0.0/24",
        "podCIDRs": ["10.1.0.0/24", "FD00::/64", "10.2.0.7/24", 7, "x"],
        "taints": [{"key": "other", "value": SECRET}],
    },
    "status": {
        "conditions": [
            {"type": "DiskPressure", "status": "False"},
            {"type": "Ready", "status": "True"},
        ],
        "addresses": [
            {"type": "Hostname", "address": "n1"},
            {"type": "InternalIP", "address": "192.0.2.11"},
            {"type": "ExternalIP", "address": "2001:DB8::11"},
            {"type": "ExternalDNS", "address": "n1.example"},
        ],
        "images": [SECRET],
    },
}

POD = {
    "metadata": {
        "name": "sysa-0",
        "namespace": "ns",
        "uid": "u1",
        "creationTimestamp": "1970-01-01T00:01:40Z",
        "labels": {names.SYSPLEX: "plex1", names.STACK: "sysa", "secret": SECRET},
        "annotations": {names.VIPAS: "[]", "secret": SECRET},
    },
    "spec": {
        "nodeName": "n1",
        "containers": [
            {
                "name": "app",
                "env": [{"name": "PASSWORD", "value": SECRET}],
                "args": [SECRET],
                "ports": [
                    {"name": "http", "containerPort": 8080},
                    {"containerPort": 9},
                    {"name": "http", "containerPort": 8081},
                ],
            }
        ],
        "initContainers": [
            {"restartPolicy": "Always", "ports": [{"name": "side", "containerPort": 7}]},
            {"ports": [{"name": "init", "containerPort": 6}]},
        ],
    },
    "status": {
        "phase": "Running",
        "podIP": "10.1.0.5",
        "podIPs": [{"ip": "10.1.0.5"}, {"ip": "FD00::5"}],
        "conditions": [{"type": "Ready", "status": "True", "message": SECRET}],
    },
}

SERVICE = {
    "metadata": {
        "name": "web",
        "namespace": "ns",
        "uid": "s1",
        "labels": {names.VIPA: "web", "tier": "gold", "secret": SECRET},
        "annotations": {names.APPLIED: "d:s:tier:a", "a": "b", "secret": SECRET},
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "p1"},
            {"apiVersion": names.API_VERSION, "kind": "VIPA", "name": "web", "uid": "v1"},
        ],
    },
    "spec": {
        "type": "LoadBalancer",
        "clusterIP": "10.0.0.9",
        "ports": [{"name": "http", "port": 80, "targetPort": "http", "appProtocol": SECRET}],
    },
    "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.10", "ipMode": "VIP"}]}},
}

RECORD: dict[str, Any] = json.loads(
    json.dumps(
        records.body(
            Record(vipa=Key("ns", "web"), vipa_uid="v1", owner="a", owner_uid="u", ip="10.1.0.5")
        )
    )
)
FOREIGN = {
    "metadata": {
        "name": "web-x",
        "namespace": "ns",
        "uid": "s1",
        "labels": {names.SERVICE_NAME: "web", names.MANAGED_BY: "me"},
        "annotations": {"secret": SECRET},
    },
    "endpoints": [SECRET],
}
OURS = {
    "metadata": {
        "name": "web",
        "namespace": "ns",
        "uid": "x1",
        "generation": 2,
        "labels": {"tier": "gold"},
        "annotations": {"secret": SECRET},
        "managedFields": [SECRET],
    },
    "spec": {
        "sysplex": "plex1",
        "address": "198.51.100.10",
        "vipas": ["web"],
        "ranking": [{"stack": "sysb"}],
    },
    "status": {
        "phase": "Active",
        "state": "Active",
        "epoch": 3,
        "owner": {"stack": "sysa"},
        "lastMove": {"to": "sysa", "seconds": 1},
        "chain": [{"stack": "sysa", "eligible": True}],
        "stacks": [{"stack": "sysa"}],
        "vipas": [{"name": "web"}],
        "conditions": [{"type": "Active", "status": "True"}],
    },
}
SAMPLES: list[tuple[str, Any]] = [
    ("Node", NODE),
    ("Pod", POD),
    ("Service", SERVICE),
    ("EndpointSlice", RECORD),
    ("EndpointSlice", FOREIGN),
    ("Sysplex", OURS),
    ("Stack", OURS),
    ("VIPA", OURS),
    ("VIPABackup", OURS),
]


def test_node() -> None:
    assert decode("Node", NODE) == Node(
        name="n1",
        labels={"topology.kubernetes.io/zone": "z1"},
        addresses=("192.0.2.11", "2001:db8::11"),
        pod_cidrs=("10.1.0.0/24", "fd00::/64", "10.2.0.0/24"),
    )


@pytest.mark.parametrize(
    ("conditions", "ready"),
    [
        ([{"type": "Ready", "status": "False"}], Ready.FALSE),
        ([{"type": "Ready", "status": "Unknown"}], Ready.UNKNOWN),
        ([{"type": "Ready", "status": "true"}], Ready.UNKNOWN),
        ([{"type": "Ready"}], Ready.UNKNOWN),
        ([], Ready.UNKNOWN),
        ("Ready", Ready.UNKNOWN),
    ],
)
def test_node_is_ready_only_if_it_says_so(conditions: object, ready: Ready) -> None:
    found = decode("Node", {"metadata": {"name": "n1"}, "status": {"conditions": conditions}})
    assert isinstance(found, Node)
    assert found.ready is ready


def test_node_that_somebody_declared_dead() -> None:
    taints = [{"key": names.OUT_OF_SERVICE, "effect": "NoExecute"}]
    found = decode("Node", {"metadata": {"name": "n1"}, "spec": {"taints": taints}})
    assert isinstance(found, Node)
    assert found.out_of_service


def test_pod() -> None:
    assert decode("Pod", POD) == Pod(
        key=Key("ns", "sysa-0"),
        uid="u1",
        created=100,
        sysplex="plex1",
        stack="sysa",
        node="n1",
        ips=("10.1.0.5", "fd00::5"),
        ready=True,
        ports=(("http", 8080), ("side", 7)),
        published="[]",
    )


@pytest.mark.parametrize(
    ("metadata", "status", "expected"),
    [
        ({"deletionTimestamp": "2026-11-22T10:00:00Z"}, {}, {"terminating": True}),
        ({}, {"phase": "Failed"}, {"ended": True}),
        ({}, {"phase": "Succeeded"}, {"ended": True}),
        ({}, {"podIP": "10.1.0.5"}, {"ips": ("10.1.0.5",)}),
        ({"annotations": {names.VIPAS: 7}}, {}, {}),
    ],
)
def test_pods_in_other_states(
    metadata: dict[str, Any], status: dict[str, Any], expected: dict[str, Any]
) -> None:
    raw = {"metadata": {"name": "p", "namespace": "ns", "uid": "u", **metadata}, "status": status}
    assert decode("Pod", raw) == replace(Pod(key=Key("ns", "p"), uid="u"), **expected)


def test_pod_with_a_label_that_names_no_stack() -> None:
    labels = {names.SYSPLEX: "plex1", names.STACK: "SYSA"}
    found = decode("Pod", {"metadata": {"name": "p", "labels": labels}})
    assert isinstance(found, Pod)
    assert (found.sysplex, found.stack) == ("plex1", "")
    assert names.STACK in found.problem


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Sysplex", Sysplex), ("Stack", Stack), ("VIPA", Vipa), ("VIPABackup", Backup)],
)
def test_our_kinds_keep_their_name_even_if_it_is_wrong(kind: str, expected: type) -> None:
    """An object that is there must be found under its name, also to say what is wrong with it."""
    found = decode(kind, {"metadata": {"name": "1.WEB", "namespace": "ns"}})
    assert isinstance(found, expected)
    assert getattr(found, "key") == Key("ns", "1.WEB")  # noqa: B009
    assert getattr(found, "issues")  # noqa: B009


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("raw", [{}, {"metadata": {}}, {"metadata": {"name": 7}}, [], None, "x"])
def test_an_object_without_a_name_is_none(kind: str, raw: Any) -> None:
    assert decode(kind, raw) is None
    assert decode(kind, reduce(kind, raw)) is None


@pytest.mark.parametrize("kind", ["ServiceCIDR", "Event", "Secret"])
def test_other_kinds_are_none(kind: str) -> None:
    assert decode(kind, OURS) is None


def test_service_cidrs() -> None:
    raw = {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.0.0.0/16", "FD00::/108", 7]}}
    assert service_cidrs(raw) == ("10.0.0.0/16", "fd00::/108")
    assert service_cidrs(reduce("ServiceCIDR", raw)) == ("10.0.0.0/16", "fd00::/108")
    assert service_cidrs({}) == ()


# Reduced.


@pytest.mark.parametrize(("kind", "raw"), SAMPLES)
def test_reduced_it_decodes_alike_and_keeps_no_secret(kind: str, raw: Any) -> None:
    small = reduce(kind, raw)
    assert decode(kind, small) == decode(kind, raw)
    assert SECRET not in json.dumps(small)
    assert reduce(kind, small) == small


def test_reduced_record_is_still_intact() -> None:
    found = decode("EndpointSlice", reduce("EndpointSlice", RECORD))
    assert isinstance(found, Record)
    assert found.intact


def test_kinds_that_nobody_knows_keep_their_name_only() -> None:
    raw = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"x": SECRET}, "spec": {"x": 1}}
    assert reduce("Secret", raw) == {"kind": "Secret", "metadata": {"name": "s"}, "spec": {}}


# Whatever arrives.

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.just(5000).map(lambda digits: 10**digits)  # str() of it raises
    | st.text(max_size=5)
    | st.sampled_from(["VIPA", "Ready", "web-owner", names.MANAGED_BY_VALUE, "198.51.100.10"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=3) | st.sampled_from(["name", "ip", "uid", "port"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(raw: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    )
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def replaced(raw: Any, path: tuple[Any, ...], value: object) -> Any:
    if not path:
        return value
    raw = copy.copy(raw)
    raw[path[0]] = replaced(raw[path[0]], path[1:], value)
    return raw


@given(st.data())
@settings(max_examples=600, deadline=None)
def test_nothing_ever_raises(data: st.DataObject) -> None:
    """Any JSON in any place of any object; and reduced it still decodes alike."""
    kind, whole = data.draw(st.sampled_from(SAMPLES))
    raw = replaced(whole, data.draw(st.sampled_from(places(whole))), data.draw(JSON))
    assert decode(kind, reduce(kind, raw)) == decode(kind, raw)


@given(st.sampled_from(sorted(READERS)), JSON)
@settings(max_examples=300, deadline=None)
def test_nothing_raises_whatever_it_is(kind: str, raw: Any) -> None:
    decode(kind, raw)
    decode(kind, {"metadata": {"name": "web-owner"}, "spec": raw, "status": raw})
    reduce(kind, raw)
