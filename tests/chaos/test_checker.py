"""The checker finds what is broken: one whole history, and each way to break it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path

import pytest
from tests.chaos import checker
from tests.chaos.histories import IPS, Line, answered, failed, index, pod, record, whole

CHECKER = Path(checker.__file__).parent


def rules(lines: list[Line]) -> set[str]:
    return {finding.rule for finding in checker.judge(lines).broken}


def test_a_history_of_kept_promises_passes() -> None:
    assert checker.judge(whole()) == ((), (), ())


def test_the_order_of_lines_in_the_file_does_not_matter() -> None:
    assert checker.judge(whole()[::-1]) == ((), (), ())


def two_endpoints(lines: list[Line]) -> None:
    lines[index(lines, "record")]["ready"].append({"ip": IPS["sysb"], "pod": "sysb-0"})


def owner_of_an_epoch_changes(lines: list[Line]) -> None:
    lines[index(lines, "record", 1)]["epoch"] = 1


def owner_without_endpoint(lines: list[Line]) -> None:
    lines[index(lines, "record", 1)]["ready"] = []


def epoch_falls(lines: list[Line]) -> None:
    lines[index(lines, "record", 2)]["epoch"] = 1


def epoch_rises_for_nothing(lines: list[Line]) -> None:
    lines.append(record(130.0, "sysa", 4))


def term_falls(lines: list[Line]) -> None:
    lines[index(lines, "record", 2)]["term"] = 0


def worse_backup_is_taken(lines: list[Line]) -> None:
    lines[index(lines, "record", 1)] = record(101.8, "sysc", 2)


def moved_without_need(lines: list[Line]) -> None:
    lines += [record(130.0, "sysb", 4), record(140.0, "sysa", 5)]


def too_late(lines: list[Line]) -> None:
    lines[index(lines, "record", 1)]["t"] = 104.0


def nobody_although_somebody_could(lines: list[Line]) -> None:
    lines += [record(120.0, "", 3), record(130.0, "sysa", 4), pod(125.0, "sysb", ip="x")]


def does_not_come_home(lines: list[Line]) -> None:
    del lines[index(lines, "record", 2)]


def comes_home_late(lines: list[Line]) -> None:
    """Its primary answers the stock Service again since 112."""
    lines[index(lines, "record", 2)]["t"] = 115.5
    lines[index(lines, "settled")]["t"] = 116.0
    lines.append(answered(112.0, 150.0, "sysa", "stock"))


def a_stranger_answers(lines: list[Line]) -> None:
    lines.append(answered(120.0, 121.0, "sysc"))


def an_old_owner_answers_on(lines: list[Line]) -> None:
    lines.append(answered(106.0, 107.0, "sysa"))


def outage_is_too_long(lines: list[Line]) -> None:
    lines += failed(102.2, 104.0)


def fails_once_more_when_it_comes_home(lines: list[Line]) -> None:
    lines += failed(111.3, 111.3)


def fails_without_a_fault(lines: list[Line]) -> None:
    lines += failed(140.0, 140.0)


def open_connection_breaks(lines: list[Line]) -> None:
    held = {"t": 60.0, "until": 70.0, "target": "web", "pod": "sysa-0", "error": "reset"}
    lines.append({"kind": "held", **held})


def something_is_left(lines: list[Line]) -> None:
    lines[index(lines, "left")]["things"].append("service/web")


def nobody_looked_what_is_left(lines: list[Line]) -> None:
    del lines[index(lines, "left")]


def clients_paused(lines: list[Line]) -> None:
    lines[index(lines, "answered", 2)]["until"] = 140.0


def fault_is_never_over(lines: list[Line]) -> None:
    del lines[index(lines, "settled")]


def no_end(lines: list[Line]) -> None:
    del lines[index(lines, "end")]


def no_record_was_seen(lines: list[Line]) -> None:
    lines[:] = [line for line in lines if line["kind"] != "record"]


def moves_where_nothing_shall(lines: list[Line]) -> None:
    lines[index(lines, "fault")].update(fault="leader-freeze", stacks=[])


def too_long_without_owner(lines: list[Line]) -> None:
    """Although nobody else was eligible either."""
    lines[index(lines, "fault")].update(fault="zone-cut", stacks=list(IPS))
    lines[index(lines, "record", 1)]["t"] = 107.2


def open_connection_breaks_where_nothing_shall(lines: list[Line]) -> None:
    lines[:] = [line for line in lines if line["kind"] != "failed"]
    lines[index(lines, "fault")].update(fault="drain", stacks=["sysa"])
    held = {"t": 60.0, "until": 105.0, "target": "web", "pod": "sysb-0", "error": "reset"}
    lines.append({"kind": "held", **held})


def open_connection_breaks_as_soon_as_its_pod_is_told_to_end(lines: list[Line]) -> None:
    """Which serves on for 3 s."""
    lines[:] = [line for line in lines if line["kind"] != "failed"]
    lines[index(lines, "fault")].update(fault="drain", stacks=["sysa"])
    lines += [pod(100.2, "sysa", terminating=True), pod(103.4, "sysa", gone=True)]
    held = {"t": 60.0, "until": 100.6, "target": "web", "pod": "sysa-0", "error": "reset"}
    lines.append({"kind": "held", **held})


def nobody_ever_asked(lines: list[Line]) -> None:
    del lines[index(lines, "asking")]


SAFETY: list[tuple[Callable[[list[Line]], None], str]] = [
    (two_endpoints, "one owner"),
    (owner_of_an_epoch_changes, "one owner"),
    (owner_without_endpoint, "one owner"),
    (epoch_falls, "epoch and term"),
    (epoch_rises_for_nothing, "epoch and term"),
    (term_falls, "epoch and term"),
    (something_is_left, "nothing left"),
]
OTHERS: list[tuple[Callable[[list[Line]], None], str]] = [
    (worse_backup_is_taken, "best eligible"),
    (moved_without_need, "best eligible"),
    (too_late, "in time"),
    (too_long_without_owner, "in time"),
    (nobody_although_somebody_could, "in time"),
    (does_not_come_home, "at home"),
    (comes_home_late, "taken back"),
    (moves_where_nothing_shall, "stays put"),
    (a_stranger_answers, "answers"),
    (an_old_owner_answers_on, "answers"),
    (outage_is_too_long, "service"),
    (fails_once_more_when_it_comes_home, "service"),
    (fails_without_a_fault, "service"),
    (open_connection_breaks, "open stays"),
    (open_connection_breaks_where_nothing_shall, "open stays"),
    (open_connection_breaks_as_soon_as_its_pod_is_told_to_end, "open stays"),
    (nobody_looked_what_is_left, "complete"),
    (nobody_ever_asked, "complete"),
    (clients_paused, "complete"),
    (fault_is_never_over, "complete"),
    (no_end, "complete"),
    (no_record_was_seen, "complete"),
]


@pytest.mark.parametrize(("breaks", "rule"), SAFETY, ids=[one.__name__ for one, _ in SAFETY])
def test_a_broken_promise_of_safety_is_found(
    breaks: Callable[[list[Line]], None], rule: str
) -> None:
    lines = whole()

    breaks(lines)

    verdict = checker.judge(lines)
    assert rule in {found.rule for found in verdict.safety}
    assert verdict.code == checker.BROKEN


@pytest.mark.parametrize(("breaks", "rule"), OTHERS, ids=[one.__name__ for one, _ in OTHERS])
def test_another_broken_promise_is_found_and_is_none_of_safety(
    breaks: Callable[[list[Line]], None], rule: str
) -> None:
    lines = whole()

    breaks(lines)

    verdict = checker.judge(lines)
    assert rule in {found.rule for found in verdict.others}
    assert verdict.code == checker.LATE


def test_every_rule_has_a_history_that_breaks_it() -> None:
    names = {
        safety: {
            rule.finds.__name__.replace("_", " ") for rule in checker.RULES if rule.safety is safety
        }
        for safety in (True, False)
    }

    assert names == {True: {rule for _, rule in SAFETY}, False: {rule for _, rule in OTHERS}}


def test_one_failed_connect_is_too_many_where_a_move_is_graceful() -> None:
    lines = [line for line in whole("drain") if line["kind"] != "failed"]
    lines[index(lines, "answered", 1)]["t"] = 100.0
    assert "service" not in rules(lines)

    lines += failed(100.5, 100.5)

    assert "service" in rules(lines)


def test_a_connect_that_was_never_begun_is_no_failed_one() -> None:
    (line,) = failed(140.0, 140.0)
    line["error"] = "dial tcp :1024->198.51.100.10:80: bind: address already in use"

    assert "service" not in rules([*whole(), line])


def test_a_lost_record_may_come_back_with_a_higher_epoch_for_the_same_owner() -> None:
    lines = [*whole("hand-edit"), record(112.0, "sysa", 4, uid="r2")]

    assert "epoch and term" not in rules(lines)


def test_an_open_connection_to_a_node_that_died_may_end_when_its_patience_does() -> None:
    held = {"t": 60.0, "until": 118.0, "target": "web", "pod": "sysb-0"}
    late = [*whole(), {"kind": "held", **held, "error": "timeout"}]
    reset = [*whole(), {"kind": "held", **held, "error": "reset"}]

    assert "open stays" not in rules(late)
    assert "open stays" in rules(reset)


@pytest.mark.parametrize("told", [True, False])
def test_an_open_connection_may_end_with_its_pod(told: bool) -> None:
    """Also where nobody saw that the pod was told to end, and it is gone."""
    lines = [line for line in whole("drain") if line["kind"] != "failed"]
    lines += [pod(100.2, "sysa", terminating=told), pod(103.9, "sysa", gone=True)]
    held = {"t": 60.0, "until": 103.3, "target": "web", "pod": "sysa-0", "error": "EOF"}
    lines.append({"kind": "held", **held})

    assert "open stays" not in rules(lines)


def test_a_connection_that_ends_when_the_addresses_are_taken_down_broke_no_promise() -> None:
    held = {"t": 60.0, "until": 152.0, "target": "web", "pod": "sysa-0", "error": "EOF"}

    assert "open stays" not in rules([*whole(), {"kind": "held", **held}])


@pytest.mark.parametrize(("heard", "late"), [(108.0, True), (111.5, False), (None, False)])
def test_an_address_is_late_when_its_primary_was_well_and_was_heard(
    heard: float | None, late: bool
) -> None:
    """Mended is it at 110, and its own again at 114."""
    lines = whole()
    lines[index(lines, "record", 2)]["t"] = 114.0
    lines[index(lines, "settled")]["t"] = 114.5
    if heard is not None:
        lines.append(answered(heard, 150.0, "sysa", "stock"))

    assert ("taken back" in rules(lines)) == late


def test_a_primary_that_is_not_ready_yet_need_not_have_its_address() -> None:
    lines = whole()
    comes_home_late(lines)
    lines += [pod(105.0, "sysa", ready=False), pod(114.0, "sysa")]

    assert "taken back" not in rules(lines)


def run(path: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-m", "tests.chaos.checker", str(path)],  # -S: nothing installed
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKER.parents[2],
    )


@pytest.mark.parametrize(
    ("breaks", "code", "text"),
    [
        ((), 0, "all promises kept"),
        ((epoch_falls,), 1, "broken promises: 1 of safety, 0 others"),
        ((fails_without_a_fault,), 3, "broken promises: 0 of safety, 1 others"),
        ((epoch_falls, fails_without_a_fault), 1, "broken promises: 1 of safety, 1 others"),
    ],
)
def test_alone_it_says_its_verdict_with_its_exit_code(
    tmp_path: Path, breaks: tuple[Callable[[list[Line]], None], ...], code: int, text: str
) -> None:
    path = tmp_path / "history.jsonl"
    lines = whole()
    for one in breaks:
        one(lines)
    path.write_text("\n".join(json.dumps(line) for line in lines))

    done = run(path)

    assert (done.returncode, text in done.stdout) == (code, True), done.stdout + done.stderr


def test_without_a_history_it_says_how_it_is_used() -> None:
    done = run("/nowhere")

    assert (done.returncode, "usage: python -m tests.chaos.checker" in done.stderr) == (2, True)


def test_a_line_that_was_never_finished_is_the_end_of_a_history(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    *lines, end = [json.dumps(line) for line in sorted(whole(), key=itemgetter("t"))]
    path.write_text("\n".join([*lines, end[:-2]]))

    assert {found.rule for found in checker.judge(checker.read(path)).broken} == {"complete"}


@pytest.mark.parametrize("text", ["{\n{", '{"t": 1}\n', '{"t": 1, "kind": "mended", "id": 9}\n'])
def test_what_is_no_history_is_no_broken_promise(tmp_path: Path, text: str) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(text)

    done = run(path)

    assert (done.returncode, "is no history" in done.stderr) == (2, True)


def test_it_imports_the_standard_library_and_itself_alone() -> None:
    imported = set()
    for path in CHECKER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module))

    strange = {name for name in imported if not name.startswith("tests.chaos.checker")}
    assert {name.partition(".")[0] for name in strange} <= sys.stdlib_module_names
