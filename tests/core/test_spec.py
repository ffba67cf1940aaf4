"""What users write: read as the API server reads it, and never an exception."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vipa.core import forms, spec
from vipa.core.cluster import Key
from vipa.core.notes import MOST_ISSUES
from vipa.core.resources import (
    Backup,
    Issue,
    Moveable,
    Port,
    Rank,
    Requirement,
    ServiceSpec,
    Stack,
    Sysplex,
    Vipa,
    VipaSpec,
)

CASES = yaml.safe_load((Path(__file__).parents[1] / "refusals.yaml").read_text())
READERS: dict[str, Any] = {
    "Sysplex": spec.sysplex,
    "Stack": spec.stack,
    "VIPA": spec.vipa,
    "VIPABackup": spec.backup,
}
META = {
    "name": "web",
    "namespace": "ns",
    "uid": "u1",
    "generation": 3,
    "creationTimestamp": "2025-11-22T16:00:00Z",
    "labels": {"tier": "gold"},
}
CREATED = 1763827200


def vipa(**fields: Any) -> Vipa:
    given = {"sysplex": "plex1", "address": "198.51.100.10", **fields}
    return spec.vipa({"kind": "VIPA", "metadata": META, "spec": given})


def stack(**fields: Any) -> Stack:
    return spec.stack({"metadata": {"name": "sysa"}, "spec": {"sysplex": "plex1", **fields}})


def sysplex(**fields: Any) -> Sysplex:
    return spec.sysplex({"metadata": {"name": "plex1"}, "spec": fields})


def backup(**fields: Any) -> Backup:
    given = {"sysplex": "plex1", "ranking": [{"stack": "sysb"}], **fields}
    return spec.backup({"metadata": {"name": "ring"}, "spec": given})


def judged(obj: dict[str, Any]) -> tuple[Issue, ...]:
    found: tuple[Issue, ...] = READERS[obj["kind"]](obj).issues
    return found


# One list for the API server and for these functions.


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
def test_refused(case: dict[str, Any]) -> None:
    obj, update = case["object"], case.get("update")
    issues = judged(obj)
    if update is not None:
        assert not issues
        issues = (*judged(update), *spec.changed(obj, update))
    assert any(case["text"] in str(issue) for issue in issues), issues
    assert len(issues) == 1, "one fault, one issue"


@pytest.mark.parametrize("case", CASES["accepted"], ids=lambda case: case["name"])
def test_accepted(case: dict[str, Any]) -> None:
    obj, update = case["object"], case.get("update", case["object"])
    assert not judged(obj)
    assert not judged(update)
    assert not spec.changed(obj, update)
    assert not spec.unknown_fields(obj)


# Values.


EVERYTHING: dict[str, Any] = {
    "primary": "sysa",
    "backups": [{"stack": "sysb", "rank": 200}],
    "moveable": "Manual",
    "scopeTopologyKey": "topology.kubernetes.io/zone",
    "ports": [
        {"name": "http", "port": 80, "targetPort": 8080},
        {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": "dns"},
        {"name": "plain", "port": 81},
    ],
    "service": {
        "name": "front",
        "type": "ClusterIP",
        "annotations": {"a": "b"},
        "labels": {"c": "d"},
        "externalTrafficPolicy": "Local",
        "sessionAffinity": "ClientIP",
        "loadBalancerClass": "a.example/b",
    },
    "move": {"to": "sysb"},
    "drainTimeout": "1m",
}


def test_vipa_with_everything() -> None:
    found = vipa(**EVERYTHING)
    assert found == Vipa(
        key=Key("ns", "web"),
        uid="u1",
        created=CREATED,
        generation=3,
        labels={"tier": "gold"},
        spec=VipaSpec(
            sysplex="plex1",
            address="198.51.100.10",
            primary="sysa",
            backups=(Rank("sysb", 200),),
            moveable=Moveable.MANUAL,
            scope_key="topology.kubernetes.io/zone",
            ports=(
                Port(name="http", port=80, target=8080),
                Port(name="dns", protocol="UDP", port=53, target="dns"),
                Port(name="plain", port=81, target=81),
            ),
            service=ServiceSpec(
                name="front",
                type="ClusterIP",
                annotations={"a": "b"},
                labels={"c": "d"},
                external_traffic_policy="Local",
                session_affinity="ClientIP",
                load_balancer_class="a.example/b",
            ),
            move_to="sysb",
        ),
    )


def test_defaults_are_those_of_the_crds() -> None:
    assert vipa().spec == VipaSpec(sysplex="plex1", address="198.51.100.10")
    assert sysplex().service_type == "LoadBalancer"
    assert sysplex(service={}).service_type == "LoadBalancer"
    assert sysplex(service={"type": "None"}).service_type == "None"
    assert stack() == Stack(key=Key("", "sysa"), sysplex="plex1")
    assert backup(vipas=["web"]) == Backup(
        key=Key("", "ring"),
        sysplex="plex1",
        vipas=frozenset({"web"}),
        ranking=(Rank("sysb", 1),),
    )


def test_null_is_the_same_as_left_out() -> None:
    nulls = dict.fromkeys(("range", "type", "moveable", "backups", "ports", "service", "move"))
    assert vipa(**nulls) == vipa()


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2025-11-22T16:00:00Z", CREATED),
        ("2024-02-29T23:59:59Z", 1709251199),
        ("2000-03-01T00:00:00Z", 951868800),
        ("1969-12-31T23:59:59Z", -1),
        ("2023-02-29T00:00:00Z", 0),
        ("1900-02-29T00:00:00Z", 0),
        ("2025-04-31T00:00:00Z", 0),
        ("2025-13-01T00:00:00Z", 0),
        ("2025-00-01T00:00:00Z", 0),
        ("2025-01-00T00:00:00Z", 0),
        ("2025-01-01T24:00:00Z", 0),
        ("2025-01-01T00:60:00Z", 0),
        ("2025-01-01T00:00:60Z", 0),
        ("2025-01-01T00:00:00+00:00", 0),
        ("2025-01-01T00:00:00.5Z", 0),
        ("yesterday", 0),
        (7, 0),
        (None, 0),
    ],
)
def test_creation_time_in_seconds(written: object, seconds: int) -> None:
    assert spec.vipa({"metadata": {"name": "web", "creationTimestamp": written}}).created == seconds


def test_a_stack_says_what_it_was_told() -> None:
    found = stack(membership="Left", deactivated=["web", "db"])
    assert (found.left, found.deactivated, found.default) == (True, frozenset({"web", "db"}), False)


@pytest.mark.parametrize(
    "fields",
    [
        {"membership": "Left"},
        {"quiesced": True},
        {"quiescedPorts": [80]},
        {"deactivated": ["web"]},
        {"membership": "left"},
        {"sysplex": None},
    ],
)
def test_stack_that_says_something_is_not_at_its_defaults(fields: dict[str, Any]) -> None:
    assert not stack(**fields).default


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (vipa(), ()),
        (vipa(moveable="WhenIdle"), ("spec.moveable: WhenIdle (acts as Manual)",)),
        (vipa(address=None, range="pool"), ("spec.range (assigns no address)",)),
        (vipa(prefixLength=24), ("spec.prefixLength (announces a host route)",)),
        (vipa(drainTimeout="61s"), ("spec.drainTimeout (acts as 0s)",)),
        (vipa(drainTimeout="60000ms"), ()),
        (stack(), ()),
        (stack(quiesced=True), ("spec.quiesced (acts as false)",)),
        (stack(quiescedPorts=[80]), ("spec.quiescedPorts (acts as none)",)),
        (stack(quiesced=False, quiescedPorts=[]), ()),
        (sysplex(), ()),
        (sysplex(joinDelay="0ms"), ()),
    ],
)
def test_fields_of_a_later_release_are_named(
    value: Vipa | Stack | Sysplex, expected: tuple[str, ...]
) -> None:
    assert value.unsupported == expected
    assert not value.issues


def test_selectors_become_requirements() -> None:
    expressions = [
        {"key": "env", "operator": "NotIn", "values": ["test", "test"]},
        {"key": "web", "operator": "Exists"},
        {"key": "old", "operator": "DoesNotExist", "values": []},
        {"key": "any", "operator": "In", "values": [""]},
    ]
    labels = {"tier": "gold", "app": "a"}
    found = backup(vipaSelector={"matchLabels": labels, "matchExpressions": expressions})
    assert not found.issues
    assert found.selector == (
        Requirement("app", "In", ("a",)),
        Requirement("tier", "In", ("gold",)),
        Requirement("env", "NotIn", ("test", "test")),
        Requirement("web", "Exists"),
        Requirement("old", "DoesNotExist"),
        Requirement("any", "In", ("",)),
    )
    assert backup(vipaSelector={}).selector == ()


@pytest.mark.parametrize(
    "selector",
    [
        [],
        {"matchLabels": {"tier": 1}},
        {"matchLabels": []},
        {"matchLabels": {str(n): "x" for n in range(17)}},
        {"matchExpressions": [{"key": "tier"}]},
        {"matchExpressions": ["tier"]},
        {"matchExpressions": [{"key": "tier", "operator": "In", "values": [1]}]},
    ],
)
def test_selector_that_cannot_be_read_selects_nothing(selector: object) -> None:
    """A requirement left out would widen it."""
    found = backup(vipaSelector=selector)
    assert found.issues
    assert found.selector is None
    assert not found.names(vipa())


def test_ranking_with_both_ranks_for_no_vipa() -> None:
    found = backup(vipas=["web"], vipaSelector={})
    assert found.issues
    assert (found.vipas, found.selector) == (frozenset(), None)


def test_what_can_be_read_beside_an_issue_is_kept() -> None:
    found = vipa(
        address="here",
        primary=7,
        moveable="Never",
        backups=[
            {"stack": "sysb", "rank": 200},
            {"stack": "sysc", "rank": 0},
            {"stack": "sysb", "rank": 1},
            {"rank": 3},
            "sysd",
        ],
        ports=[
            {"name": "a", "port": 80},
            {"name": "b", "port": 80},
            {"name": "c", "port": 0},
            {"name": "d", "port": 81, "targetPort": 80.0},
        ],
        drainTimeout="long",
        service={"labels": {"a": "b", "c": 1, "d": None}},
    )
    assert [issue.path for issue in found.issues] == [
        "spec.address",
        "spec.moveable",
        "spec.primary",
        "spec.backups[1].rank",
        "spec.backups[2]",
        "spec.backups[3].stack",
        "spec.backups[4]",
        "spec.ports[2].port",
        "spec.ports[3].targetPort",
        "spec.ports",
        'spec.service.labels["c"]',
        "spec.drainTimeout",
    ]
    assert found.spec == VipaSpec(
        sysplex="plex1",
        backups=(Rank("sysb", 200),),
        ports=(Port(name="a", port=80, target=80),),
        service=ServiceSpec(labels={"a": "b"}),
    )


@pytest.mark.parametrize(
    ("raw", "paths"),
    [
        ([], [""]),
        ({}, ["metadata", "spec"]),
        ({"metadata": [], "spec": []}, ["metadata", "spec"]),
        ({"metadata": {"name": ""}, "spec": {}}, ["metadata.name", "spec.sysplex", "spec"]),
        ({"metadata": {"generateName": "w-"}}, ["spec"]),
        ({"metadata": {"name": "web", "namespace": 7, "uid": []}}, None),
        ({"metadata": {"name": "web", "labels": {"a": 1}, "generation": "x"}}, None),
    ],
)
def test_objects_that_are_hardly_objects(raw: object, paths: list[str] | None) -> None:
    found = [issue.path for issue in spec.vipa(raw).issues]
    assert found
    assert paths is None or found == paths


def test_name_of_a_ranking_is_any_name() -> None:
    assert not spec.backup({"metadata": {"name": "a.b"}}).issues[1:]
    assert spec.backup({"metadata": {"name": "a_b"}}).issues[0].path == "metadata.name"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x" * 50, "Too long: may not be more than 45 characters"),
        ("y" * 45, '(got "' + "y" * 40 + '"...)'),
        (10**30, "not a huge number"),
        (7, "not 7"),
        (True, "not true"),
        (1.5, "not 1.5"),
        ([], "not a list"),
        ({}, "not an object"),
        ((), "not a tuple"),
    ],
)
def test_messages_show_what_stands_there(value: object, text: str) -> None:
    (issue,) = vipa(address=value).issues
    assert issue.path == "spec.address"
    assert text in issue.message


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"backups": 7}, "spec.backups: must be a list, not 7"),
        ({"backups": [{}] * 255}, "spec.backups: must have 0 to 254 entries, not 255"),
        ({"drainTimeout": 7}, "spec.drainTimeout: must be a string, not 7"),
        ({"drainTimeout": "1s" * 9}, "spec.drainTimeout: Too long"),
        ({"service": {"labels": 7}}, "spec.service.labels: must be an object, not 7"),
        (
            {"service": {"labels": {str(n): "" for n in range(65)}}},
            "spec.service.labels: must have at most 64 entries, not 65",
        ),
        ({"move": 7}, "spec.move: must be an object, not 7"),
    ],
)
def test_types_that_are_wrong(fields: dict[str, Any], text: str) -> None:
    (issue,) = vipa(**fields).issues
    assert str(issue).startswith(text)


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert vipa(backups=[{"stack": "sysb", "rank": 2.0}]).spec.backups == (Rank("sysb", 2),)


def test_issues_are_not_counted_for_ever() -> None:
    found = vipa(backups=[{}] * 200)
    assert len(found.issues) == MOST_ISSUES


# Pods.


@pytest.mark.parametrize(
    ("labels", "name", "expected"),
    [
        ({spec.SYSPLEX_LABEL: "plex1"}, "sysa", ("plex1", "sysa")),
        ({spec.SYSPLEX_LABEL: "plex1", spec.STACK_LABEL: "sysb"}, "sysa", ("plex1", "sysb")),
        ({spec.STACK_LABEL: "sysb"}, "sysa", ("", "")),
        ({}, "sysa", ("", "")),
        (None, "sysa", ("", "")),
        ([], "sysa", ("", "")),
    ],
)
def test_pod_joins_by_its_labels(labels: object, name: str, expected: tuple[str, str]) -> None:
    assert spec.pod_stack(labels, name) == (*expected, "")


@pytest.mark.parametrize(
    ("labels", "name", "sysplex", "words"),
    [
        ({spec.SYSPLEX_LABEL: "PLEX1"}, "sysa", "", [spec.SYSPLEX_LABEL, '"PLEX1"']),
        ({spec.SYSPLEX_LABEL: ""}, "sysa", "", [spec.SYSPLEX_LABEL, '""']),
        ({spec.SYSPLEX_LABEL: 7}, "sysa", "", [spec.SYSPLEX_LABEL, "is 7"]),
        ({spec.SYSPLEX_LABEL: "p", spec.STACK_LABEL: "a.b"}, "x", "p", [spec.STACK_LABEL, "a.b"]),
        ({spec.SYSPLEX_LABEL: "p", spec.STACK_LABEL: []}, "x", "p", [spec.STACK_LABEL]),
        ({spec.SYSPLEX_LABEL: "p"}, "a.b", "p", ["the pod's name", '"a.b"', spec.STACK_LABEL]),
        ({spec.SYSPLEX_LABEL: "p"}, "a" * 64, "p", ["at most 63 characters"]),
    ],
)
def test_pod_with_a_name_that_is_none_has_no_stack(
    labels: object, name: str, sysplex: str, words: list[str]
) -> None:
    plex, stack, problem = spec.pod_stack(labels, name)
    assert (plex, stack) == (sysplex, "")
    assert all(word in problem for word in words)
    assert "lower case letters" in problem


# Unknown fields, and changes.


def test_unknown_fields_are_found_everywhere() -> None:
    raw = {
        "kind": "VIPA",
        "metadata": {"name": "web", "lables": {}},
        "spec": {
            "sysplex": "plex1",
            "address": "198.51.100.10",
            "movable": "Manual",
            "ports": [{"name": "a", "port": 80, "target": 81}],
            "service": {"labels": {"free": "x"}, "clusterIP": "None"},
            7: "x",
        },
        "more": 1,
    }
    found = {issue.path: issue.message for issue in spec.unknown_fields(raw)}
    assert set(found) == {
        "more",
        "metadata.lables",
        "spec.movable",
        "spec.7",
        "spec.ports[0].target",
        "spec.service.clusterIP",
    }
    assert found["spec.movable"].endswith("did you mean moveable?")
    assert found["spec.7"].endswith("remove it")
    assert not spec.vipa(raw).issues


@pytest.mark.parametrize("raw", [None, {}, {"kind": []}, {"kind": "Pod", "spec": {"x": 1}}])
def test_other_kinds_have_no_unknown_fields(raw: object) -> None:
    assert spec.unknown_fields(raw) == ()
    assert spec.changed(raw, raw) == ()


def test_change_of_what_was_no_object() -> None:
    new = {"kind": "VIPA", "spec": {"address": "198.51.100.10", "sysplex": "plex1"}}
    assert [str(issue) for issue in spec.changed([], new)] == [
        "spec: address is immutable, range too: create another VIPA and delete this one"
    ]


# Never an exception.

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["plex1", "198.51.100.10", "::1", "60s", "1h", "Left", "Static", "WhenIdle"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=3) | st.sampled_from(["name", "spec"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
WHOLE = [case["object"] for case in CASES["refused"] + CASES["accepted"]]


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
@settings(max_examples=500, deadline=None)
def test_nothing_ever_raises(data: st.DataObject) -> None:
    """Any JSON in any place of any object."""
    whole = data.draw(st.sampled_from(WHOLE))
    raw = replaced(whole, data.draw(st.sampled_from(places(whole))), data.draw(JSON))
    for reader in READERS.values():
        for issue in reader(raw).issues:
            assert str(issue).isascii() or not json.dumps(raw).isascii()
    spec.unknown_fields(raw)
    spec.changed(whole, raw)
    spec.changed(raw, whole)
    spec.pod_stack(raw, "sysa")


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_nothing_raises_whatever_it_is(raw: object) -> None:
    for reader in READERS.values():
        reader(raw)
    spec.unknown_fields(raw)
    spec.changed(raw, raw)


@pytest.mark.parametrize("reader", READERS.values())
def test_whatever_has_no_issue_survives_its_own_json(reader: Any) -> None:
    """Objects that are right read alike after a trip through a file."""
    for case in CASES["accepted"]:
        obj = case["object"]
        if READERS[obj["kind"]] is reader:
            assert reader(json.loads(json.dumps(obj))) == reader(obj)


@given(st.integers(0, forms.LATEST))
def test_instants_are_written_as_they_are_read(seconds: int) -> None:
    assert forms.seconds(forms.instant(seconds)) == seconds
