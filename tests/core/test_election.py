"""The elector's step, case by case. Which cases cannot go together is for the model to find."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vipa.core import election
from vipa.core.election import FOR_EVER, Ask, Lease, Read, Rules, State, Wait

RULES = Rules()
ME, OTHER = "me", "other"


def lease(holder: str = OTHER, version: int = 5, **more: object) -> Lease:
    return Lease(version, "u", holder, 4.0, 7)._replace(**more)


def seeing(found: Lease, at: float = 0.0, **more: object) -> State:
    state = election.seen(State(me=ME, rules=RULES), found, at)
    return replace(state, **more)  # type: ignore[arg-type]


def leading(at: float = 0.0) -> State:
    """Took a released Lease at this time, in term 8."""
    state = election.sent(seeing(lease("")), "m8", at)
    return election.seen(state, lease(ME, 6, transitions=8, mark="m8"), at + 0.1)


def test_nothing_known_is_read() -> None:
    assert election.step(State(me=ME, rules=RULES), 3.0, 0) == Read(4.0)


def test_released_is_taken_at_once_in_a_higher_term() -> None:
    assert election.step(seeing(lease("")), 0.0, 0) == Ask(ME, 8, 5, "u", True, 1.0)


def test_term_is_above_that_of_every_record() -> None:
    found = election.step(seeing(lease("")), 0.0, 41)
    assert isinstance(found, Ask)
    assert found.transitions == 42


def test_who_may_not_stand_only_looks() -> None:
    assert election.step(seeing(lease("")), 0.0, None) == Wait(FOR_EVER)


def test_held_by_another_is_taken_when_left_alone_for_its_own_duration() -> None:
    state = seeing(lease(duration=9.0), at=10.0)
    assert election.step(state, 18.9, 0) == Wait(19.0)
    assert isinstance(election.step(state, 19.0, 0), Ask)


def test_a_change_counts_from_when_it_arrives() -> None:
    state = election.seen(seeing(lease(), at=10.0), lease(version=6), 12.0)
    assert election.step(state, 15.9, 0) == Wait(16.0)
    again = election.seen(state, lease(version=6), 14.0)
    assert election.step(again, 14.0, 0) == Wait(16.0)


def test_old_news_changes_nothing() -> None:
    state = seeing(lease())
    assert election.seen(state, lease("", version=4), 1.0) is state


def test_lease_without_a_duration_is_waited_for_as_for_ones_own() -> None:
    assert election.step(seeing(lease(duration=0.0)), 0.0, 0) == Wait(4.0)


def test_absent_is_waited_for_and_made() -> None:
    state = seeing(Lease(5, exists=False), at=1.0)
    assert election.step(state, 4.9, 0) == Wait(5.0)
    assert election.step(state, 5.0, 3) == Ask(ME, 4, 0, "", True, 6.0)


def test_deleted_binds_for_the_duration_that_it_had() -> None:
    state = election.seen(seeing(lease(duration=9.0)), Lease(6, exists=False), 1.0)
    assert election.step(state, 9.9, 0) == Wait(10.0)
    found = election.step(state, 10.0, 0)
    assert isinstance(found, Ask)
    assert found.transitions == 8, "above the term that was seen before"


def test_taken_counts_from_when_it_was_asked_for() -> None:
    state = leading(at=2.0)
    assert (state.term, state.until) == (8, 5.0)
    assert election.leads(state, 4.9)
    assert not election.leads(state, 5.0)


def test_renewed_in_the_same_term_when_due() -> None:
    state = leading()
    assert election.step(state, 0.5, 8) == Wait(1.0)
    assert election.step(state, 1.0, 8) == Ask(ME, 8, 6, "u", False, 2.0)
    assert election.step(state, 2.5, 8) == Ask(ME, 8, 6, "u", False, 3.0), "no longer than we lead"


def test_renewal_without_answer_is_known_by_its_mark() -> None:
    state = election.failed(election.sent(leading(), "m9", 1.0), 2.0)
    assert election.step(state, 2.1, 8) == Wait(2.25)
    assert election.step(state, 2.25, 8) == Read(3.25)
    arrived = election.seen(state, lease(ME, 7, transitions=8, mark="m9"), 2.3)
    assert arrived.until == 4.0
    lost = election.seen(state, lease(ME, 6, transitions=8, mark="m8"), 2.3)
    assert lost.until == 3.0
    assert election.step(lost, 2.3, 8) == Ask(ME, 8, 6, "u", False, 3.0)


def test_only_the_answer_is_lost_when_the_mark_was_seen_by_the_watch() -> None:
    asked = election.sent(leading(), "m9", 1.0)
    state = election.seen(asked, lease(ME, 7, transitions=8, mark="m9"), 1.1)
    assert election.step(election.failed(state, 2.0), 2.25, 8) == Ask(ME, 8, 7, "u", False, 3.25)


def test_another_holder_ends_it_at_once() -> None:
    state = election.seen(leading(), lease(version=9), 0.2)
    assert not election.leads(state, 0.2)


def test_lapsed_looks_before_it_asks_and_begins_a_new_term() -> None:
    state = leading()
    assert election.step(state, 30.0, 8) == Read(31.0)
    read = election.seen(state, lease(ME, 6, transitions=8, mark="m8"), 30.1)
    assert election.step(read, 30.1, 8) == Ask(ME, 9, 6, "u", True, 31.1)


def test_deleted_under_a_leader_is_made_anew_at_once() -> None:
    state = election.seen(leading(), Lease(9, exists=False), 0.2)
    assert election.leads(state, 0.2)
    assert election.step(state, 0.2, 8) == Ask(ME, 9, 0, "", True, 1.2)


def test_record_of_a_higher_term_makes_a_leader_begin_a_new_one() -> None:
    assert election.step(leading(), 0.2, 20) == Ask(ME, 21, 6, "u", True, 1.2)


def test_another_process_of_our_name_ends_it() -> None:
    state = election.seen(leading(), lease(ME, 9, transitions=9, mark="x"), 0.2)
    assert not election.leads(state, 0.2)


def test_resigned_gives_back_what_it_holds_and_takes_nothing() -> None:
    state = election.resign(leading())
    assert not election.leads(state, 0.2)
    assert election.step(state, 0.2, 8) == Ask("", 8, 6, "u", True, 1.2)
    back = election.seen(election.sent(state, "m9", 0.2), lease("", 7, transitions=8), 0.3)
    assert election.step(back, 0.3, 8) == Wait(FOR_EVER)


def test_resigned_looks_for_what_it_may_have_got() -> None:
    asked = election.failed(election.sent(seeing(lease("")), "m8", 0.0), 0.1)
    state = election.resign(asked)
    assert election.step(state, 0.2, 0) == Read(1.2)
    got = election.seen(state, lease(ME, 6, transitions=8, mark="m8"), 0.3)
    assert not election.leads(got, 0.3)
    assert election.step(got, 0.3, 0) == Ask("", 8, 6, "u", True, 1.3)


def test_resigned_without_anything_to_give_back_is_done_at_once() -> None:
    assert election.step(election.resign(State(me=ME, rules=RULES)), 0.0, 0) == Wait(FOR_EVER)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (RULES, None),
        (Rules(1, 0.2, 0.2), None),
        (Rules(0, 0.2, 0.2), "whole seconds"),
        (Rules(2.5), "whole seconds"),
        (Rules(margin=0.7), "at least 0.73s"),
        (Rules(renew=0), "more than 0s"),
        (Rules(renew=1.6), "at most half of duration less margin (1.5s)"),
    ],
)
def test_rules_that_prove_nothing_are_refused(rules: Rules, said: str | None) -> None:
    found = election.complaint(rules)
    assert found is None if said is None else said in str(found)
