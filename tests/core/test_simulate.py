"""What if something failed: the pure part of `vipa simulate`."""

from __future__ import annotations

import pytest

from vipa.core import simulate
from vipa.core.cluster import Key, Node, Pod, Ready
from vipa.core.inventory import Inventory, Object
from vipa.core.resources import Rank, Stack, Sysplex, Vipa, VipaSpec
from vipa.core.simulate import Failure, Fate
from vipa.core.snapshot import Snapshot

ZONE = "topology.kubernetes.io/zone"


def pod(name: str, node: str, stack: str = "", **more: object) -> Pod:
    values: dict[str, object] = {"ready": True, "ips": ("10.0.0.1",), **more}
    return Pod(  # type: ignore[arg-type]
        key=Key("ns", name),
        uid=f"uid-{name}",
        sysplex="plex1",
        stack=stack or name,
        node=node,
        **values,
    )


def vipa(name: str, number: int, primary: str, *backups: str, **more: object) -> Vipa:
    ranks = tuple(Rank(stack, 200 - index) for index, stack in enumerate(backups))
    values: dict[str, object] = {"primary": primary, "backups": ranks, **more}
    spec = VipaSpec(sysplex="plex1", address=f"198.51.100.{number}", **values)  # type: ignore[arg-type]
    return Vipa(key=Key("ns", name), uid=f"uid-{name}", spec=spec)


def snapshot(*objects: Object) -> Snapshot:
    """Three stacks on three nodes, two of them in one zone."""
    nodes = [Node(name=f"n{i}", labels={ZONE: f"z{(i + 1) // 2}"}) for i in (1, 2, 3)]
    pods = [pod("sysa", "n1"), pod("sysb", "n2"), pod("sysc", "n3")]
    plex = Sysplex(key=Key("ns", "plex1"), uid="uid-plex1")
    return Snapshot(world=Inventory([plex, *nodes, *pods, *objects]))


def fates(now: Snapshot, *failures: str) -> dict[str, Fate]:
    parsed = [one for text in failures if (one := simulate.parse(text)) is not None]
    return {fate.vipa.name: fate for fate in simulate.fates(now, parsed)}


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("node/n1", Failure("node", "n1")),
        ("zone/z1", Failure("zone", "z1")),
        ("stack/sysa", Failure("stack", "sysa")),
        ("stack/ns/sysa", Failure("stack", "sysa", "ns")),
        ("pod/sysa", None),
        ("node/", None),
        ("node", None),
        ("", None),
        ("node/a/n1", None),
        ("stack//sysa", None),
        ("stack/a/b/c", None),
    ],
)
def test_failures_as_written(text: str, failure: Failure | None) -> None:
    assert simulate.parse(text) == failure
    if failure is not None:
        assert str(failure) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("node/n1", ""),
        ("zone/z2", ""),
        ("stack/sysa", ""),
        ("stack/ns/sysd", ""),
        ("node/n9", "there is no node n9: there are n1, n2, n3"),
        ("zone/n1", "there is no zone n1: there are z1, z2"),
        ("stack/other/sysa", "there is no stack sysa in namespace other: there is none at all"),
    ],
)
def test_only_what_exists_can_fail(text: str, message: str) -> None:
    failure = simulate.parse(text)
    assert failure is not None
    world = snapshot(Stack(key=Key("ns", "sysd"), sysplex="plex1")).world
    assert simulate.unknown(world, failure) == message


def test_of_many_names_only_some_are_shown() -> None:
    world = Inventory(Node(name=f"n{number:02}") for number in range(20))
    assert simulate.unknown(world, Failure("node", "x")).endswith("n10, n11, ...")


def test_the_snapshot_itself_is_left_as_it_is() -> None:
    now = snapshot()
    failed = simulate.fail(now, [Failure("zone", "z1"), Failure("stack", "sysc")])
    assert {name: node.ready for name, node in failed.world.nodes.items()} == {
        "n1": Ready.UNKNOWN,
        "n2": Ready.UNKNOWN,
        "n3": Ready.TRUE,
    }
    assert not failed.world.pods[Key("ns", "sysc")].ready
    assert all(node.reports for node in now.world.nodes.values())
    assert now.world.pods[Key("ns", "sysc")].ready


def test_a_stack_of_another_namespace_does_not_fail() -> None:
    failed = simulate.fail(snapshot(), [Failure("stack", "sysa", "other")])
    assert failed.world.pods[Key("ns", "sysa")].ready


def test_the_address_moves_to_the_first_backup() -> None:
    found = fates(snapshot(vipa("web", 1, "sysa", "sysb", "sysc")), "node/n1")["web"]
    assert (found.source, found.to, found.epoch) == ("sysa", "sysb", 2)
    assert (found.reason, found.why) == ("NodeFailed", "node n1 has Ready=Unknown")
    assert found.successors == ("sysc",)
    assert found.moves
    assert not found.lost


def test_who_is_not_concerned_stays() -> None:
    found = fates(snapshot(vipa("web", 1, "sysa", "sysb")), "node/n3")["web"]
    assert (found.source, found.to, found.reason, found.why) == ("sysa", "sysa", "", "")
    assert not found.moves


def test_a_kept_owner_on_a_silent_node_counts_as_lost() -> None:
    found = fates(snapshot(vipa("web", 1, "sysa", "sysb")), "zone/z1")["web"]
    assert (found.to, found.lost, found.before_lost) == ("sysa", True, False)
    assert found.why == (
        "node n1 has Ready=Unknown; nobody else can take it: sysa keeps it (LastOwnerKept)"
    )


def test_a_released_address_is_lost() -> None:
    found = fates(snapshot(vipa("web", 1, "sysa")), "stack/ns/sysa")["web"]
    assert (found.source, found.to, found.reason, found.lost) == ("sysa", "", "OwnerFailed", True)
    assert found.why == "no candidate is eligible: pod sysa on node n1 is not Ready"


def test_what_is_lost_without_a_failure_is_told_apart() -> None:
    now = snapshot(vipa("web", 1, "sysz"), vipa("none", 2, ""))
    found = fates(now, "node/n3")
    assert found["web"].before_lost
    assert found["web"].why == "no candidate is eligible: no pod of stack sysz"
    assert found["none"].why == "neither primary nor a ranking names a stack"


def test_a_vipa_that_is_not_accepted_has_no_fate() -> None:
    now = snapshot(vipa("web", 1, "sysa"), vipa("late", 1, "sysb"))
    assert list(fates(now, "node/n3")) == ["late"]


def test_another_incarnation_is_a_move_too() -> None:
    second = pod("sysa-2", "n3", "sysa", created=5, ips=("10.0.0.2",))
    found = fates(snapshot(second, vipa("web", 1, "sysa")), "node/n1")["web"]
    assert (found.source, found.to, found.reason) == ("sysa", "sysa", "PodReplaced")
    assert not found.lost


def test_an_owner_that_nothing_names_any_more_keeps_what_nobody_can_take() -> None:
    from dataclasses import replace  # noqa: PLC0415

    from vipa.core import plan  # noqa: PLC0415

    before = plan.make(snapshot(vipa("web", 1, "sysa"))).after
    edited = before.world.vipas[Key("ns", "web")]
    before.world.put(replace(edited, spec=replace(edited.spec, primary="")))
    found = fates(before, "node/n1")["web"]
    assert found.why.startswith("neither primary nor a ranking names it; nobody else")
    assert found.lost
