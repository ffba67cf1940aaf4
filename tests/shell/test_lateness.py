"""Whether we are too slow to judge."""

from __future__ import annotations

import pytest
from tests.builders import key

from vipa.core.resources import Monitor, Probe
from vipa.shell.lateness import TEXT, Lateness, Stalls, allowance

PLEX = key("plex1")


@pytest.mark.parametrize(
    ("interval", "timeout", "start", "notice"),
    [(0.05, 0.01, 0.05, 0.005), (0.2, 0.1, 0.05, 0.025), (2.0, 0.3, 0.5, 0.075)],
)
def test_quarter_of_interval_and_timeout_is_allowed_and_never_less_than_a_busy_moment(
    interval: float, timeout: float, start: float, notice: float
) -> None:
    monitor = Monitor(probe=Probe(80), interval=interval, timeout=timeout)
    assert allowance(monitor) == pytest.approx((start, notice))


def test_timer_that_runs_on_time_tells_of_no_stall() -> None:
    stalls = Stalls()
    for turn in range(10):
        stalls.ran(turn * 0.025)
        stalls.expect((turn + 1) * 0.025)
    assert stalls.longest(0.0, 0.24) == 0.0


def test_stall_concerns_whoever_was_under_way_when_it_ended() -> None:
    stalls = Stalls()
    stalls.expect(1.0)
    stalls.ran(1.5)
    assert stalls.longest(0.9, 1.6) == 0.5
    assert stalls.longest(1.5, 1.6) == 0.5
    assert stalls.longest(1.55, 1.6) == 0.0


def test_longest_of_several_stalls_is_found_as_long_as_it_concerns_somebody() -> None:
    stalls = Stalls()
    for at, late in ((1.0, 0.3), (2.0, 0.1), (3.0, 0.2), (4.0, 0.05), (5.0, 0.003)):
        stalls.expect(at - late)
        assert stalls.ran(at) == pytest.approx(late)
    assert [round(stalls.longest(since, 5.0), 3) for since in (0.5, 1.5, 2.5, 3.5, 4.5)] == [
        *(0.3, 0.2, 0.2, 0.05, 0.0)
    ]


def test_stall_that_goes_on_counts_as_far_as_it_got() -> None:
    stalls = Stalls()
    stalls.expect(1.0)
    assert stalls.longest(0.0, 1.3) == pytest.approx(0.3)


def told() -> tuple[Lateness, list[str | None]]:
    lateness, heard = Lateness(), []
    lateness.on_behind = lambda plex, text: heard.append(text)
    return lateness, heard


def test_one_late_probe_of_each_stack_is_no_trouble() -> None:
    lateness, heard = told()
    for late in (*[True] * 300, *[False] * 20_000):
        lateness.count(PLEX, late, stacks=5000)
    assert heard == []


@pytest.mark.parametrize("stacks", [2, 100, 5000])
def test_who_is_late_often_is_behind_until_nearly_all_are_on_time(stacks: int) -> None:
    lateness, heard = told()
    rounds = 0
    while not heard:
        for number in range(max(stacks, 5)):
            lateness.count(PLEX, number % 2 == 0, stacks)
        rounds += 1
    assert (heard, rounds) == ([TEXT], 1)
    assert lateness.behind == {PLEX: TEXT}
    for _ in range(4):
        lateness.count(PLEX, False, stacks)
    assert heard == [TEXT]  # not at once
    for _ in range(20 * max(stacks, 5)):
        lateness.count(PLEX, False, stacks)
    assert heard == [TEXT, None]
    assert lateness.behind == {}


def test_sysplexes_are_counted_apart_and_nothing_is_kept_of_a_good_one() -> None:
    lateness, _ = told()
    for _ in range(10):
        lateness.count(PLEX, True, 2)
        lateness.count(key("plex2"), False, 2)
    assert set(lateness.behind) == set(lateness._shares) == {PLEX}


def test_sysplex_that_is_asked_no_more_is_not_behind() -> None:
    lateness, heard = told()
    for _ in range(10):
        lateness.count(PLEX, True, 2)
    lateness.forget(PLEX)
    lateness.forget(PLEX)
    assert (lateness.behind, heard) == ({}, [TEXT, None])
