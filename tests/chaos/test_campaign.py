"""How a campaign ends says its exit code, also where it was broken off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.chaos.histories import Line, failed, index, whole
from tests.chaos.live import campaign


def all_kept(_: list[Line]) -> None:
    pass


def safety_broken(lines: list[Line]) -> None:
    lines[index(lines, "record", 2)]["epoch"] = 1


def others_broken(lines: list[Line]) -> None:
    lines += failed(140.0, 140.0)


@pytest.mark.parametrize(
    ("breaks", "ends", "code"),
    [
        (all_kept, True, 0),
        (safety_broken, True, 1),
        (others_broken, True, 3),
        (all_kept, False, 2),
        (others_broken, False, 2),
        (safety_broken, False, 1),
    ],
)
def test_its_exit_code_is_the_checker_s_or_that_it_was_broken_off(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    breaks: Callable[[list[Line]], None],
    ends: bool,
    code: int,
) -> None:
    lines = whole()
    breaks(lines)

    @contextmanager
    def stage(path: Path, _: Sequence[str], __: int | None) -> Iterator[None]:
        path.write_text("\n".join(json.dumps(line) for line in lines))
        yield
        if not ends:
            raise TimeoutError("not within 180 s: all is well")

    monkeypatch.setattr(campaign, "stage", stage)

    assert campaign.run(tmp_path / "history.jsonl", []) == code


def test_the_table_has_a_line_for_each_fault_and_target() -> None:
    head, line = campaign.table(whole()).splitlines()

    assert head.split() == ["FAULT", "TARGET", "NO", "OWNER", "NO", "SERVICE", "FAILED", "SHARED"]
    assert line.split() == ["node-cut", "web", "1.70", "s", "2.105", "s", "22", "0"]
