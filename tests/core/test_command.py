"""`vipa move` and `vipa unpin`: when they are refused, and what an operator is told."""

from __future__ import annotations

from vipa.core import command
from vipa.core.cluster import Key, Node, Pod
from vipa.core.inventory import Inventory
from vipa.core.plan import make
from vipa.core.resources import Backup, Moveable, Rank, Sysplex, Vipa, VipaSpec
from vipa.core.snapshot import Snapshot

WEB = Key("ns", "web")


def key(name: str) -> Key:
    return Key("ns", name)


def pod(name: str, ready: bool = True) -> Pod:
    ip = f"10.0.0.{ord(name[-1])}"
    return Pod(
        key=key(name), uid=f"uid-{name}", sysplex="plex", stack=name, node="n", ips=(ip,),
        ready=ready,
    )  # fmt: skip


def snapshot(*pods: Pod, **spec: object) -> Snapshot:
    """sysa is the primary, sysb in its ranking, sysc in a shared one; everything has settled."""
    given = VipaSpec(
        sysplex="plex", address="198.51.100.10", primary="sysa", backups=(Rank("sysb", 200),)
    )
    fields = {name: getattr(given, name) for name in given.__dataclass_fields__}
    vipa = Vipa(key=WEB, uid="uid-web", spec=VipaSpec(**{**fields, **spec}))
    shared = Backup(
        key=key("shared"), sysplex="plex", vipas=frozenset({"web"}), ranking=(Rank("sysc", 100),)
    )
    plex = Sysplex(key=key("plex"), uid="uid-plex")
    world = Inventory([Node(name="n"), plex, vipa, shared, *pods])
    return make(Snapshot(world=world)).after


ALL = (pod("sysa"), pod("sysb"), pod("sysc"))


def test_a_stack_of_the_chain_may_be_named() -> None:
    for stack in ("sysa", "sysb", "sysc"):
        assert command.no_move(snapshot(*ALL), WEB, stack) == ""


def test_a_stack_that_is_away_may_be_named_because_a_pin_acts_later() -> None:
    assert command.no_move(snapshot(pod("sysa")), WEB, "sysb") == ""


def test_a_name_outside_of_the_chain_is_refused_with_the_chain() -> None:
    text = command.no_move(snapshot(*ALL, pod("sysx")), WEB, "sysx")
    assert text.startswith("stack sysx is not in the chain of VIPA ns/web, which is sysa, sysb, sy")


def test_an_empty_chain_is_told_as_nobody() -> None:
    now = snapshot(*ALL, primary="", backups=())
    now.world.drop(now.world.backups[key("shared")])
    assert "which is nobody" in command.no_move(now, WEB, "sysa")


def test_a_static_vipa_is_refused() -> None:
    now = snapshot(*ALL, static=True, backups=())
    assert "Static" in command.no_move(now, WEB, "sysa")


def test_an_unknown_vipa_is_refused() -> None:
    text = "there is no VIPA db in namespace ns"
    assert command.no_move(snapshot(*ALL), key("db"), "sysa") == text
    assert command.no_unpin(snapshot(*ALL), key("db")) == text


def test_unpin_of_a_vipa_without_pin_is_no_error() -> None:
    assert command.no_unpin(snapshot(*ALL), WEB) == ""


def test_once_is_refused_where_the_primary_would_take_back() -> None:
    text = command.no_move(snapshot(*ALL), WEB, "sysb", once=True)
    assert text.startswith("VIPA ns/web would move back to sysa at once (TakenBack)")


def test_once_to_the_primary_or_under_manual_is_allowed() -> None:
    manual = snapshot(*ALL, moveable=Moveable.MANUAL)
    assert command.no_move(manual, WEB, "sysb", once=True) == ""
    assert command.no_move(manual, WEB, "sysa", once=True) == ""
    assert command.no_move(snapshot(*ALL), WEB, "sysa", once=True) == ""


def test_once_is_judged_without_the_pin_that_is_there() -> None:
    pinned = snapshot(*ALL, move_to="sysb")
    assert "back to sysa" in command.no_move(pinned, WEB, "sysc", once=True)
    assert command.no_move(pinned, WEB, "sysa", once=True) == ""


def test_once_to_a_stack_that_cannot_take_it_is_refused_with_the_reason() -> None:
    now = snapshot(pod("sysa"), pod("sysb", ready=False))
    text = command.no_move(now, WEB, "sysb", once=True)
    assert text.startswith("stack sysb cannot take VIPA ns/web now (NotReady: pod sysb on node n")


def test_once_is_refused_while_the_vipa_is_not_accepted() -> None:
    now = snapshot(*ALL)
    now.world.drop(now.world.sysplexes[key("plex")])
    assert "is not accepted (NoSuchSysplex)" in command.no_move(now, WEB, "sysb", once=True)
