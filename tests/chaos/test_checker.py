"""The checker finds what is broken: one whole history, and each way to break it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.chaos import checker

Line = dict[str, Any]
CHECKER = Path(checker.__file__)
IPS = {"sysa": "10.0.0.1", "sysb": "10.0.0.2", "sysc": "10.0.0.3"}


def record(t: float, owner: str, epoch: int, **more: Any) -> Line:
    ready = [{"ip": IPS[owner], "pod": f"{owner}-0"}] if owner else []
    holder = f"uid-{owner}" if owner else ""
    line = {"vipa": "web", "uid": "r1", "owner": owner, "holder": holder, "epoch": epoch}
    return {"t": t, "kind": "record", **line, "term": 1, "ready": ready, **more}


def pod(t: float, stack: str, *, ready: bool = True, **more: Any) -> Line:
    line = {"pod": f"{stack}-0", "uid": f"uid-{stack}", "stack": stack, "node": f"n-{stack}"}
    return {"t": t, "kind": "pod", **line, "ready": ready, "terminating": False, **more}


def answered(t: float, until: float, stack: str) -> Line:
    line = {"target": "web", "pod": f"{stack}-0", "until": until, "count": 100}
    return {"t": t, "kind": "answered", **line}


def failed(first: float, last: float) -> list[Line]:
    steps = int((last - first) / 0.1) + 1
    return [
        {"t": first + 0.1 * step, "kind": "failed", "target": "web", "error": "timeout"}
        for step in range(steps)
    ]


def whole(fault: str = "node-cut") -> list[Line]:
    """sysa is lost at 100, sysb has the address at 101.8, sysa takes it back at 111."""
    nodes = [
        {"t": 1.0, "kind": "node", "node": f"n-{one}", "ready": True, "out": False} for one in IPS
    ]
    steps: list[Line] = [
        {"t": 0.0, "kind": "run", "chains": {"web": ["sysa", "sysb", "sysc"]}},
        record(2.0, "sysa", 1),
        {"t": 50.0, "kind": "asking"},
        {"t": 100.0, "kind": "fault", "id": 1, "fault": fault, "stacks": ["sysa"]},
        {"t": 100.1, "kind": "struck", "id": 1},
        record(101.8, "sysb", 2),
        {"t": 110.0, "kind": "mended", "id": 1},
        record(111.0, "sysa", 3),
        {"t": 113.0, "kind": "settled", "id": 1},
        {"t": 150.0, "kind": "asked"},
        {"t": 155.0, "kind": "left", "things": []},
        {"t": 156.0, "kind": "end"},
    ]
    served = [answered(50.0, 100.0, "sysa"), answered(102.3, 111.2, "sysb")]
    served += [answered(111.2, 150.0, "sysa")]
    return [*nodes, *(pod(1.0, one) for one in IPS), *steps, *served, *failed(100.1, 102.2)]


def rules(lines: list[Line]) -> set[str]:
    return {finding.rule for finding in checker.check(lines)}


def index(lines: list[Line], kind: str, number: int = 0) -> int:
    return [at for at, line in enumerate(lines) if line["kind"] == kind][number]


def test_a_history_of_kept_promises_passes() -> None:
    assert checker.check(whole()) == []


def test_the_order_of_lines_in_the_file_does_not_matter() -> None:
    assert checker.check(whole()[::-1]) == []


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


def a_stranger_answers(lines: list[Line]) -> None:
    lines.append(answered(120.0, 121.0, "sysc"))


def an_old_owner_answers_on(lines: list[Line]) -> None:
    lines.append(answered(106.0, 107.0, "sysa"))


def outage_is_too_long(lines: list[Line]) -> None:
    lines += failed(102.2, 104.0)


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


BREAKS: list[tuple[Callable[[list[Line]], None], str]] = [
    (two_endpoints, "one owner"),
    (owner_of_an_epoch_changes, "one owner"),
    (owner_without_endpoint, "one owner"),
    (epoch_falls, "epoch and term"),
    (epoch_rises_for_nothing, "epoch and term"),
    (term_falls, "epoch and term"),
    (worse_backup_is_taken, "best eligible"),
    (moved_without_need, "best eligible"),
    (too_late, "in time"),
    (nobody_although_somebody_could, "in time"),
    (does_not_come_home, "at home"),
    (a_stranger_answers, "answers"),
    (an_old_owner_answers_on, "answers"),
    (outage_is_too_long, "service"),
    (fails_without_a_fault, "service"),
    (open_connection_breaks, "open stays"),
    (something_is_left, "nothing left"),
    (nobody_looked_what_is_left, "nothing left"),
    (clients_paused, "complete"),
    (fault_is_never_over, "complete"),
    (no_end, "complete"),
    (no_record_was_seen, "complete"),
]


@pytest.mark.parametrize(("breaks", "rule"), BREAKS, ids=[one.__name__ for one, _ in BREAKS])
def test_a_broken_promise_is_found(breaks: Callable[[list[Line]], None], rule: str) -> None:
    lines = whole()

    breaks(lines)

    assert rule in rules(lines)


def test_every_rule_has_a_history_that_breaks_it() -> None:
    lines = whole("leader-freeze")

    assert "stays put" in rules(lines)
    names = {rule.__name__.replace("_", " ") for rule in checker.RULES}
    assert names == {rule.replace("-", " ") for _, rule in BREAKS} | {"stays put"}


def test_one_failed_connect_is_too_many_where_a_move_is_graceful() -> None:
    lines = [line for line in whole("drain") if line["kind"] != "failed"]
    lines[index(lines, "answered", 1)]["t"] = 100.0
    assert "service" not in rules(lines)

    lines += failed(100.5, 100.5)

    assert "service" in rules(lines)


def test_a_connect_that_failed_when_the_machine_stood_still_is_nobody_s_fault() -> None:
    lines = [*whole(), *failed(140.0, 140.0)]
    assert "service" in rules(lines)

    lines.append({"t": 140.2, "kind": "failed", "target": "control", "error": "timeout"})

    assert "service" not in rules(lines)


def test_a_connect_that_was_never_begun_is_no_failed_one() -> None:
    (line,) = failed(140.0, 140.0)
    line["error"] = "dial tcp :1024->198.51.100.10:80: bind: address already in use"

    assert "service" not in rules([*whole(), line])


def test_a_lost_record_may_come_back_with_a_higher_epoch_for_the_same_owner() -> None:
    lines = [*whole("hand-edit"), record(112.0, "sysa", 4, uid="r2")]

    assert "epoch and term" not in rules(lines)


def test_costs_are_told_for_each_fault_and_target() -> None:
    (cost,) = checker.costs(whole())

    assert cost.fault == "node-cut"
    assert cost.ownerless == pytest.approx(1.7)
    assert cost.outage == pytest.approx(2.105)
    assert cost.failed == 22


def test_alone_it_says_its_verdict_with_its_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    broken = whole()
    epoch_falls(broken)

    for lines, code, text in ((whole(), 0, "all promises kept"), (broken, 1, "broken promises")):
        path.write_text("\n".join(json.dumps(line) for line in lines))
        done = subprocess.run(
            [sys.executable, "-S", str(CHECKER), str(path)],  # -S: nothing that is installed
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, text in done.stdout) == (code, True), done.stdout + done.stderr


def test_without_a_history_it_says_how_it_is_used() -> None:
    assert checker.main(["/nowhere"]) == 2
