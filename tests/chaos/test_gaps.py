"""What is found while the machine stood still, or nobody could see, is counted and left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.chaos import checker
from tests.chaos.checker import gaps
from tests.chaos.checker.report import report
from tests.chaos.histories import IPS, Line, answered, control, failed, index, record, seen, whole

FAULT = {"fault", "struck", "mended", "settled"}
AWAKE = control((40.0, 95.0), (95.0, 156.0))


def rules(lines: list[Line]) -> set[str]:
    return {finding.rule for finding in checker.judge(lines).broken}


def left_out(lines: list[Line]) -> set[str]:
    return {finding.rule for finding in checker.judge(lines).left_out}


def moves_by_a_stall() -> list[Line]:
    """The owner never left, but its address did, and came back."""
    lines = [*whole("kubelet-stop"), *AWAKE, *seen((40.0, 156.0))]
    lines[index(lines, "fault")]["stacks"] = []
    assert rules(lines) >= {"stays put"}
    return lines


def test_nothing_is_left_out_on_a_machine_that_keeps_up() -> None:
    lines = [*whole(), *AWAKE, *seen((40.0, 156.0))]

    assert checker.judge(lines) == ((), (), ())
    assert "0.0 s unseen, 0 findings" in said(lines)


def test_a_connect_that_failed_when_the_control_did_is_nobody_s_fault() -> None:
    lines = [*whole(), *failed(140.0, 140.0)]
    assert "service" in rules(lines)

    lines.append({"t": 140.2, "kind": "failed", "target": "control", "error": "timeout"})

    assert "service" not in rules(lines)
    assert "1 failed connects" in said(lines)


def test_a_connect_to_the_control_that_was_never_begun_excuses_nothing() -> None:
    own = "dial tcp :1024->127.0.0.1:8080: bind: address already in use"
    never = {"t": 140.2, "kind": "failed", "target": "control", "error": own}

    assert "service" in rules([*whole(), *failed(140.0, 140.0), never])


def test_connects_that_failed_while_the_control_was_not_even_asked_are_nobody_s_fault() -> None:
    lines = [*whole(), *failed(139.5, 143.0), *control((40.0, 140.0), (143.0, 156.0))]

    assert "service" not in rules(lines)
    assert "3.0 s stood still" in said(lines)


def test_a_connect_that_failed_long_after_a_standstill_is_a_finding() -> None:
    lines = [*whole(), *failed(146.0, 146.0), *control((40.0, 140.0), (143.0, 156.0))]

    assert "service" in rules(lines)


def test_the_time_of_a_standstill_is_subtracted_from_an_outage() -> None:
    lines = [*whole(), *failed(102.2, 103.4)]
    assert "service" in rules(lines)

    lines += control((40.0, 101.0), (102.2, 156.0))

    assert "service" not in rules(lines)


def test_a_standstill_does_not_excuse_what_was_late_without_it() -> None:
    lines = [*whole(), *failed(102.2, 106.0), *control((40.0, 101.0), (102.2, 156.0))]

    assert "service" in rules(lines)


def test_an_outage_goes_on_over_a_standstill() -> None:
    lines = [*whole(), *failed(102.2, 105.5)]

    lines += control((40.0, 102.2), (102.8, 156.0))

    (found,) = [one for one in checker.judge(lines).others if one.rule == "service"]
    assert "cost 2.7" in found.text


def test_the_time_of_a_standstill_is_subtracted_from_the_time_without_owner() -> None:
    lines = whole()
    lines[index(lines, "record", 1)]["t"] = 102.6
    assert "in time" in rules(lines)

    lines += control((40.0, 100.5), (101.4, 156.0))

    assert "in time" not in rules(lines)


def test_an_address_that_moved_in_a_standstill_is_left_out_and_counted() -> None:
    lines = [line for line in moves_by_a_stall() if line.get("target") != "control"]

    lines += control((40.0, 98.0), (101.0, 110.5), (112.0, 156.0))

    assert "stays put" not in rules(lines)
    assert "stays put" in left_out(lines)
    assert f"{len(checker.judge(lines).left_out)} findings" in said(lines)


@pytest.mark.parametrize("cause", ["seen", "control"])
def test_an_address_that_moved_long_after_a_gap_is_a_finding(cause: str) -> None:
    lines = moves_by_a_stall()
    if cause == "seen":
        lines = [line for line in lines if line["kind"] != "seen"]
        lines += seen((40.0, 92.0), (97.0, 156.0))
    else:
        lines = [line for line in lines if line.get("target") != "control"]
        lines += control((40.0, 92.0), (97.0, 156.0))

    assert "stays put" in rules(lines)


def test_what_moved_while_nobody_could_see_is_left_out() -> None:
    lines = [line for line in moves_by_a_stall() if line["kind"] != "seen"]

    lines += seen((40.0, 99.0), (103.5, 108.5), (112.0, 156.0))

    assert "stays put" not in rules(lines)
    assert "8.0 s unseen" in said(lines)


def test_of_a_time_unseen_for_a_moment_the_rest_is_late() -> None:
    lines = whole()
    lines[index(lines, "record", 1)]["t"] = 109.0

    lines += seen((40.0, 101.0), (104.0, 156.0))

    assert "in time" in rules(lines)


def a_stranger_answers(lines: list[Line]) -> None:
    lines.append(answered(130.0, 130.5, "sysc"))


def an_open_connection_ends(lines: list[Line]) -> None:
    held = {"t": 60.0, "until": 130.0, "target": "web", "pod": "sysa-0", "error": "reset"}
    lines.append({"kind": "held", **held})


def it_moves_without_need(lines: list[Line]) -> None:
    lines += [record(130.0, "sysb", 4), record(140.0, "sysa", 5)]


@pytest.mark.parametrize(
    ("breaks", "rule"),
    [
        (a_stranger_answers, "answers"),
        (an_open_connection_ends, "open stays"),
        (it_moves_without_need, "best eligible"),
    ],
)
def test_what_is_found_in_a_standstill_alone_is_left_out(
    breaks: Callable[[list[Line]], None], rule: str
) -> None:
    lines = whole()
    breaks(lines)
    assert rule in rules([*lines, *AWAKE])

    lines += control((40.0, 128.0), (129.5, 156.0))

    assert rule not in rules(lines)
    assert rule in left_out(lines)


def test_of_a_time_unseen_for_too_long_nothing_is_said_of_lateness() -> None:
    lines = whole()
    lines[index(lines, "record", 1)]["t"] = 109.0
    assert "in time" in rules(lines)

    lines += seen((40.0, 101.0), (105.5, 156.0))

    assert "in time" not in rules(lines)
    assert "in time" in left_out(lines)


def test_a_fault_that_takes_the_api_server_away_is_not_excused_by_that() -> None:
    lines = [line for line in moves_by_a_stall() if line["kind"] != "seen"]
    lines[index(lines, "fault")]["fault"] = "control-plane-kill"

    lines += seen((40.0, 99.0), (103.5, 108.5), (112.0, 156.0))

    assert "stays put" in rules(lines)


def test_safety_holds_however_slow_the_machine_is() -> None:
    lines = [*whole(), *control((40.0, 100.5), (112.5, 156.0)), *seen((40.0, 100.5), (112.5, 156))]
    lines[index(lines, "record", 2)]["epoch"] = 1

    assert checker.judge(lines).code == checker.BROKEN


def test_a_run_that_stood_still_for_a_fifth_shows_nothing() -> None:
    lines = [*whole(), *control((40.0, 115.0), (140.0, 156.0))]

    assert "complete" in rules(lines)


def test_a_run_of_which_connects_say_nothing_for_a_fifth_shows_nothing() -> None:
    """Short standstills, but before and after each one no failed connect counts."""
    awake = [(40.0, 100.0), *((100.6 + 3 * n, 103.0 + 3 * n) for n in range(11))]
    lines = [*whole(), *control(*awake, (133.6, 156.0))]

    assert "complete" in rules(lines)
    assert "6.6 s stood still (" in said([*whole(), *control(*awake, (133.0, 156.0))])


def test_clients_may_pause_only_as_long_as_the_machine_stood_still() -> None:
    lines = [*whole(), *control((40.0, 140.0), (146.0, 156.0))]
    lines[index(lines, "answered", 2)]["until"] = 140.0
    lines.append(answered(146.0, 150.0, "sysa"))

    assert "complete" not in rules(lines)

    lines[index(lines, "answered", 2)]["until"] = 136.0

    assert "complete" in rules(lines)


def test_gaps_that_overlap_count_once() -> None:
    found = gaps.Gaps(still=[(1.0, 3.0), (2.0, 4.0)], unseen=[(3.0, 6.0)])

    assert found.still_s(0.0, 10.0) == 3.0
    assert found.lost_s(0.0, 10.0) == 5.0
    assert found.lost_s(3.5, 5.0) == 1.5


def test_spans_leave_out_what_none_of_them_covers() -> None:
    assert gaps.missing([(1.0, 5.0), (2.0, 3.0), (5.4, 6.0), (8.0, 9.0)], 0.5) == [(6.0, 8.0)]


def stock(*silent: str) -> list[Line]:
    """Answers of each pod to the stock Service, and failed connects at 105 s."""
    spans = {one: [(50.0, 104.0), (106.0, 150.0)] for one in silent}
    return [
        answered(first, last, one, "stock")
        for one in IPS
        for first, last in spans.get(one, [(50.0, 150.0)])
    ] + failed(105.0, 105.0, "stock")


def shared_failure(*silent: str, fault: str = "control-plane-kill") -> list[Line]:
    """Nothing moves, and one connect fails at the owner."""
    lines = [line for line in whole(fault) if line["kind"] not in {"failed", "record", "answered"}]
    lines[index(lines, "fault")]["stacks"] = []
    served = [record(2.0, "sysa", 1), answered(50.0, 150.0, "sysa")]
    return [*lines, *served, *failed(105.1, 105.1), *stock(*silent)]


@pytest.mark.parametrize("silent", [(), ("sysa",), ("sysa", "sysb")])
def test_a_connect_that_fails_at_a_pod_together_with_stock_s_is_shared(
    silent: tuple[str, ...],
) -> None:
    lines = shared_failure(*silent)

    assert rules(lines) == set()
    assert "1 failed together with stock's" in said(lines)
    (cost,) = [one for one in checker.costs(lines) if one.target == "web"]
    assert (cost.failed, cost.shared, cost.outage) == (0, 1, 0.0)


def test_a_connect_that_fails_while_stock_s_fail_at_another_pod_is_not_shared() -> None:
    lines = shared_failure("sysb")

    assert "service" in rules(lines)
    (cost,) = [one for one in checker.costs(lines) if one.target == "web"]
    assert (cost.failed, cost.shared) == (1, 0)


def test_a_connect_that_fails_when_stock_s_do_not_is_not_shared() -> None:
    lines = shared_failure()
    lines = [line for line in lines if (line["kind"], line.get("target")) != ("failed", "stock")]

    assert "service" in rules(lines)


def test_a_connect_that_fails_long_after_stock_s_did_is_not_shared() -> None:
    lines = [*shared_failure(), *failed(108.0, 108.0)]

    assert "service" in rules(lines)


def test_where_an_address_may_move_no_failed_connect_is_shared() -> None:
    assert "service" in rules(shared_failure(fault="drain"))


def test_without_any_fault_a_connect_may_fail_together_with_stock_s() -> None:
    lines = [line for line in shared_failure() if line["kind"] not in FAULT]

    assert rules(lines) == set()


def said(lines: list[Line]) -> str:
    return "\n".join(report(lines, checker.judge(lines)))
