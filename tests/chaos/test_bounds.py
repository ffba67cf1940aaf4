"""What is measured for the failure model, by rounds, over several machines and evenings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.chaos import checker
from tests.chaos.histories import Line, control, whole
from tests.chaos.live import bounds, campaign, faults


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(bounds, "FOLDER", tmp_path / "bounds")
    monkeypatch.setattr(bounds, "MEASURED", tmp_path / "measured.json")
    bounds.FOLDER.mkdir()
    return bounds.FOLDER


def write(path: Path, lines: list[Line]) -> None:
    path.write_text("\n".join(json.dumps(line) for line in lines))


def test_the_first_round_is_one_of_each_class_and_patient_where_stock_is_slow() -> None:
    found = bounds.next_round(faults.every(), Counter())

    assert [name for name, _ in found] == list(faults.every())
    assert {name for name, patient in found if patient} == set(checker.SLOW_STOCK)


def test_a_class_is_wanted_twenty_times_and_three_of_them_patiently() -> None:
    assert bounds.wanted("drain", Counter()) == [False] * 20
    assert bounds.wanted("node-cut", Counter()) == [True] * 3 + [False] * 17
    assert bounds.wanted("node-cut", Counter({("node-cut", True): 3})) == [False] * 17


def test_what_has_been_measured_is_not_wanted_again() -> None:
    done = Counter({("drain", False): 20, ("node-cut", False): 25, ("node-cut", True): 1})

    assert bounds.wanted("drain", done) == []
    assert bounds.wanted("node-cut", done) == [True, True]


def test_a_history_that_is_laid_into_the_folder_counts(folder: Path) -> None:
    write(folder / "history-20260101-101010.jsonl", whole("drain"))
    write(folder / "20260102-101010.jsonl", whole("node-cut"))

    assert bounds.collect() == Counter({("drain", False): 1, ("node-cut", False): 1})


def test_a_fault_in_which_the_machine_stood_still_is_measured_again(folder: Path) -> None:
    still = control((40.0, 105.0), (106.5, 156.0))
    write(folder / "20260101-101010.jsonl", [*whole("drain"), *still])

    assert bounds.collect() == Counter()


def test_what_another_machine_measured_is_kept_and_nothing_counts_twice(folder: Path) -> None:
    write(folder / "elsewhere.jsonl", whole("drain"))
    bounds.collect()
    (folder / "elsewhere.jsonl").unlink()
    write(folder / "here.jsonl", whole("drain"))

    bounds.collect()

    assert bounds.collect() == Counter({("drain", False): 2})
    kept = json.loads(bounds.MEASURED.read_text())
    assert [row["history"] for row in kept] == ["elsewhere", "here"]


def test_it_measures_until_nothing_is_wanted(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    rounds: list[tuple[str, ...]] = []

    def run(_: Path, names: Sequence[str], *, patient: Sequence[bool]) -> int:
        write(folder / f"{len(rounds)}.jsonl", whole(names[0]))
        rounds.append(tuple(names))
        assert not any(patient)
        return checker.LATE if len(rounds) == 3 else checker.KEPT

    monkeypatch.setattr(campaign, "run", run)

    assert bounds.measure(["drain"]) == checker.LATE
    assert rounds == [("drain",)] * bounds.TIMES


def test_it_ends_when_a_round_has_brought_nothing(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    rounds: list[Path] = []

    def run(path: Path, _: Sequence[str], *, patient: Sequence[bool]) -> int:
        assert patient == [True]
        rounds.append(path)
        return checker.LATE

    monkeypatch.setattr(campaign, "run", run)

    assert bounds.measure(["node-cut"]) == campaign.BROKEN_OFF
    assert len(rounds) == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("one", "other", "worse"), [(0, 0, 0), (0, 3, 3), (3, 2, 2), (2, 1, 1), (1, 3, 1)]
)
def test_the_worst_exit_code_of_all_rounds_is_its_own(one: int, other: int, worse: int) -> None:
    assert bounds.worse(one, other) == worse
    assert bounds.worse(other, one) == worse
