"""What has to be planned again: enough, and no more than concerns the change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import ADDRESS, HTTP, backup, key, node, pod, settled, vipa

from vipa.core import scope as scopes
from vipa.core.cluster import Key, Service, Slice
from vipa.core.inventory import Inventory, Object
from vipa.core.resources import Rank, Requirement, ServiceSpec, Stack, StackStatus, Sysplex
from vipa.core.scope import Scope, absorb, everything

OTHER = vipa("other", address="198.51.100.99", primary="sysx", backups=())


def reach(thing: Object, *given: Object, gone: bool = False) -> Scope:
    found = settled(vipa(ports=(HTTP,)), OTHER, *given)
    return absorb(found.world, thing, gone=gone)


def test_nothing_new_is_nothing_to_plan() -> None:
    found = settled(vipa())
    assert not absorb(found.world, found.world.pods[key("sysa")])
    assert not absorb(found.world, pod("nobody"), gone=True)


def test_pod_concerns_its_stack_and_whoever_names_it() -> None:
    found = reach(pod("sysb", "n2", "10.1.0.2", ready=False))
    assert found.vipas == {key("web")}
    assert found.stacks == {key("sysb")}
    assert found.sysplexes == {key("plex1")}
    assert found.decides


def test_pod_without_a_stack_concerns_itself() -> None:
    assert reach(pod("", name="odd")) == Scope(pods={key("odd")})


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        (vipa(ports=(HTTP,)), "vipas"),
        (Sysplex(key=key("plex1")), "sysplexes"),
        (pod("sysa", published="x"), "pods"),
    ],
)
def test_own_words_are_only_told_again(thing: Object, kind: str) -> None:
    found = reach(thing)
    assert not found.decides
    assert getattr(found, kind)


def test_own_words_on_a_stack_and_a_ranking() -> None:
    ranking = backup("shared", Rank("sysb", 9), vipas=frozenset({"web"}))
    found = settled(vipa(), ranking)
    stack = found.world.stacks[key("sysa")]
    told = absorb(found.world, replace(stack, status=replace(stack.status, message="edited")))
    assert told == Scope(stacks={key("sysa")}, decides=False)
    shown = found.world.backups[key("shared")]
    assert absorb(found.world, replace(shown, conditions=())).backups == {key("shared")}


def test_sysplex_that_shows_a_join_number_frees_the_stacks_that_waited_for_it() -> None:
    found = settled(vipa())
    plex = found.world.sysplexes[key("plex1")]
    found.world.put(replace(plex, status=replace(plex.status, joins=1)))
    told = absorb(found.world, plex, verdicts=found.memory.verdicts)
    assert told == Scope(sysplexes={key("plex1")}, stacks={key("sysb")}, decides=False)


def test_address_that_the_cluster_takes_concerns_its_claim() -> None:
    assert reach(node("n9", addresses=(ADDRESS, "not an address"))).vipas == {key("web")}
    wide = node("n9", pod_cidrs=("198.51.100.0/28", "2001:db8::/64", "junk"))
    assert reach(wide).vipas == {key("web")}
    assert reach(Service(key=key("shop"), addresses=(ADDRESS,))).vipas == {key("web")}


def test_node_concerns_the_stacks_on_it() -> None:
    found = reach(node("n1", "z9"), pod("", name="odd", on="n1"))
    assert found.stacks == {key("sysa")}


def test_service_concerns_the_vipa_that_it_is_for_or_in_the_way_of() -> None:
    ours = Service(key=key("web"), vipa="web", vipa_uid="uid-default-web")
    assert reach(ours).vipas == {key("web")}
    assert reach(Service(key=key("web"))).vipas == {key("web")}


def test_slice_concerns_the_service_and_the_record_whose_place_it_takes() -> None:
    assert reach(Slice(key=key("x1"), service="web")).vipas == {key("web")}
    assert reach(Slice(key=key("other-owner"))).vipas == {key("other")}
    assert not reach(Slice(key=key("x2"), service="nobody"))


def test_sysplex_that_goes_concerns_all_of_it_and_who_waits_for_an_address() -> None:
    waiting = vipa("web", namespace="team", created=999)
    found = settled(vipa(), Sysplex(key=Key("team", "plex1")), waiting, pod("", name="odd"))
    plex = found.world.sysplexes[key("plex1")]
    touched = absorb(found.world, plex, gone=True)
    assert touched.vipas == {key("web"), Key("team", "web")}
    assert {key("sysa"), key("sysb")} <= touched.stacks


def test_ranking_concerns_those_it_ranked_and_those_it_ranks() -> None:
    found = settled(vipa(), OTHER, backup("shared", Rank("sysb", 9), vipas=frozenset({"web"})))
    moved = backup("shared", Rank("sysx", 9), vipas=frozenset({"other"}))
    touched = absorb(found.world, moved)
    assert touched.vipas == {key("web"), key("other")}
    assert touched.stacks == {key("sysb"), key("sysx")}


def test_record_without_an_owner_concerns_the_backups_that_stand_ready() -> None:
    found = settled(vipa())
    record = found.world.records[key("web")]
    touched = absorb(found.world, replace(record, owner="", owner_uid="", ip="", pod=""))
    assert {key("sysa"), key("sysb")} <= touched.stacks
    orphan = replace(record, vipa=key("ghost"), owner="", address="junk")
    assert absorb(found.world, orphan).vipas == {key("ghost")}


def test_stack_object_concerns_who_names_it() -> None:
    left = Stack(key=key("sysb"), sysplex="plex1", left=True, default=False)
    assert reach(left).vipas == {key("web")}


def test_vipa_concerns_who_wants_its_service() -> None:
    found = settled(vipa(ports=(HTTP,)), OTHER)
    second = vipa("db", address="198.51.100.7", ports=(HTTP,), service=ServiceSpec(name="web"))
    assert key("web") in absorb(found.world, second).vipas


def test_vipa_that_changes_concerns_the_stack_that_holds_it() -> None:
    found = settled(vipa())
    assert key("sysa") in absorb(found.world, vipa(primary="sysx", backups=())).stacks


def test_everything_names_also_what_is_left_behind() -> None:
    found = settled(vipa(ports=(HTTP,)))
    found.world.drop(found.world.vipas[key("web")])
    assert key("web") in everything(found.world).vipas
    assert bool(Scope(pods={key("x")}))
    assert scopes.Scope() == Scope()


@pytest.mark.parametrize(
    ("need", "yes", "no"),
    [
        (Requirement("a", "In", ("1", "2")), {"a": "1"}, {"a": "3"}),
        (Requirement("a", "NotIn", ("1",)), {}, {"a": "1"}),
        (Requirement("a", "Exists"), {"a": ""}, {}),
        (Requirement("a", "DoesNotExist"), {}, {"a": ""}),
    ],
)
def test_selector_matches_as_in_kubernetes(
    need: Requirement, yes: dict[str, str], no: dict[str, str]
) -> None:
    assert need.matches(yes)
    assert not need.matches(no)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(-1, 4)), max_size=20
    )
)
def test_highest_join_number_is_known_after_any_changes(
    changes: list[tuple[str, str, int]],
) -> None:
    world = Inventory()
    for plex, name, joined in changes:
        one = Stack(key=key(name), sysplex=plex, status=StackStatus(join_number=max(joined, 0)))
        if joined < 0:
            world.drop(one)
        else:
            world.put(one)
        for group in "ab":
            shown = [s.status.join_number for s in world.stacks.values() if s.sysplex == group]
            assert world.top_join(key(group)) == max(shown, default=0)
