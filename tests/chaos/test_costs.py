"""What each fault cost: its own time alone, whatever comes after it."""

from __future__ import annotations

import pytest
from tests.chaos import checker
from tests.chaos.histories import Line, answered, control, failed, index, pod, record, whole


def rules(lines: list[Line]) -> set[str]:
    return {finding.rule for finding in checker.judge(lines).broken}


def second(name: str, t: float, *stacks: str) -> list[Line]:
    return [
        {"t": t, "kind": "fault", "id": 2, "fault": name, "stacks": list(stacks)},
        {"t": t + 0.1, "kind": "struck", "id": 2},
        {"t": t + 5.0, "kind": "mended", "id": 2},
        {"t": t + 8.0, "kind": "settled", "id": 2},
    ]


def test_costs_are_told_for_each_fault_and_target() -> None:
    (cost,) = checker.costs(whole())

    assert cost.fault == "node-cut"
    assert cost.ownerless == pytest.approx(1.7)
    assert cost.outage == pytest.approx(2.105)
    assert (cost.failed, cost.shared, cost.lost) == (22, 0, 0.0)


def test_of_stock_with_several_pods_an_outage_lasts_until_all_is_well() -> None:
    more = [*failed(101.0, 101.3, "stock"), *failed(105.0, 105.2, "stock")]
    answer = {"t": 60.0, "kind": "answered", "target": "stock", "pod": "sysa-0"}
    lines = [*whole(), *more, {**answer, "until": 61.0, "count": 9}]

    (cost,) = [one for one in checker.costs(lines) if one.target == "stock"]

    assert cost.outage == pytest.approx(4.205)


def test_an_address_that_fails_again_in_the_time_of_a_fault_was_not_well_in_between() -> None:
    (cost,) = checker.costs([*whole(), *failed(111.3, 111.3)])

    assert cost.outage == pytest.approx(11.205)


def test_a_cost_says_how_long_nothing_was_said() -> None:
    """The machine stood still, and a second before and after connects say nothing either."""
    lines = [*whole(), *control((40.0, 105.0), (106.5, 156.0))]

    assert next(checker.costs(lines)).lost == pytest.approx(3.5)


def test_an_owner_that_is_replaced_by_a_later_fault_was_not_replaced_by_this_one() -> None:
    """The process of sysa ends and begins again in its pod: the address stays."""
    lines = [line for line in whole("container-kill") if line["kind"] != "record"]
    lines += [record(2.0, "sysa", 1), *second("pod-delete", 120.0, "sysa")]
    lines += [record(120.05, "sysb", 2), record(127.0, "sysa", 3)]
    lines[index(lines, "mended")]["t"] = 101.0
    lines.append(answered(120.2, 127.5, "sysb"))

    first, later = (one for one in checker.costs(lines) if one.target == "web")

    assert first.ownerless is None
    assert later.ownerless == 0.0
    assert "in time" not in rules(lines)


def test_a_later_fault_does_not_excuse_what_was_late_before_it() -> None:
    """sysa is lost at 100 and kept until 104; at 103 comes a fault that may take 7 s."""
    lines = whole()
    lines[index(lines, "record", 1)]["t"] = 104.0
    lines += second("zone-cut", 103.0, "sysc")

    assert "in time" in rules(lines)


def unready(lines: list[Line], since: float, until: float) -> None:
    """sysa loses its readiness without any fault, and its address only at the end of this."""
    lines += [pod(since, "sysa", ready=False), record(until, "sysb", 4)]
    lines += [pod(until + 4.0, "sysa"), record(until + 5.0, "sysa", 5)]


def test_a_later_fault_excuses_nothing_that_was_late_without_one() -> None:
    lines = whole()
    unready(lines, 120.0, 124.0)
    assert "in time" in rules(lines)

    lines += second("zone-cut", 123.0, "sysc")

    assert "in time" in rules(lines)


@pytest.mark.parametrize(("t", "late"), [(115.0, False), (112.8, True)])
def test_a_fault_excuses_nothing_that_goes_on_after_it_is_over(t: float, late: bool) -> None:
    """sysc is cut off together with a leader, until 123 or 120.8; sysa is lost at 120."""
    lines = whole()
    unready(lines, 120.0, 123.0)
    lines[index(lines, "settled")]["t"] = 112.5

    lines += second("zone-cut", t, "sysc")

    assert ("in time" in rules(lines)) == late


def test_what_is_kept_too_long_is_told_once() -> None:
    lines = whole()
    unready(lines, 120.0, 128.0)
    lines += [pod(t, "sysc", ip=f"10.0.0.{t:.0f}") for t in (123.0, 124.0, 125.0, 126.0)]

    found = [one for one in checker.judge(lines).others if one.rule == "in time"]

    assert len(found) == 1


def test_a_fault_that_was_never_over_excuses_nothing_of_the_next_one() -> None:
    lines = [line for line in whole("mass-failure") if line["kind"] not in {"mended", "settled"}]
    lines += second("node-cut", 120.0, "sysa")
    lines += [record(124.5, "sysb", 4), record(127.0, "sysa", 5)]

    assert "in time" in rules(lines)


def test_a_stack_of_a_fault_that_was_never_mended_is_lost_until_the_next_one_only() -> None:
    """Otherwise all that the owner keeps from then on would be kept too long."""
    lines = [line for line in whole() if line["kind"] not in {"mended", "settled"}]
    lines[index(lines, "record", 2)]["t"] = 121.0
    lines += second("operator-kill", 120.0)

    assert "in time" not in rules(lines)


def test_others_may_answer_in_the_time_of_a_hand_edit_only() -> None:
    lines = whole("hand-edit")
    lines[index(lines, "settled")]["t"] = 101.0
    lines[index(lines, "mended")]["t"] = 100.9
    stranger = {"target": "web", "pod": "sysc-0", "count": 3}
    inside = {"t": 100.5, "kind": "answered", "until": 100.9, **stranger}
    after = {"t": 101.5, "kind": "answered", "until": 101.9, **stranger}

    assert "answers" not in rules([*lines, inside])
    assert "answers" in rules([*lines, after])


@pytest.mark.parametrize(("mended", "late"), [(106.0, False), (102.0, True)])
def test_where_nobody_can_serve_only_the_time_after_it_was_mended_counts(
    mended: float, late: bool
) -> None:
    lines = [*whole("mass-failure"), *failed(102.2, 107.5)]
    lines[index(lines, "fault")]["stacks"] = ["sysa", "sysb", "sysc"]
    lines[index(lines, "record", 1)]["t"] = 107.0
    lines[index(lines, "mended")]["t"] = mended

    assert ("in time" in rules(lines), "service" in rules(lines)) == (late, late)


@pytest.mark.parametrize(
    ("taken", "ownerless"), [(["sysa", "sysb", "sysc"], 10.9), (["sysa"], 1.7)]
)
def test_an_owner_that_hangs_as_well_and_answers_nobody_is_none(
    taken: list[str], ownerless: float
) -> None:
    """Where sysc is well it is kube-proxy that has not followed yet."""
    lines = whole("mass-failure")
    lines[index(lines, "fault")]["stacks"] = taken
    lines[index(lines, "record", 1)] = record(101.8, "sysc", 2)

    assert next(checker.costs(lines)).ownerless == pytest.approx(ownerless)
