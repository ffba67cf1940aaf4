"""The annotation of a pod, written by two sides and never to another pod; and events."""

from __future__ import annotations

import pytest
from tests.cluster.codec.wire import ANOTHER_UID, Wire

from vipa.core import actions as act
from vipa.core.cluster import Pod
from vipa.k8s import names


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
