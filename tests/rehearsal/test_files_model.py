"""Every rehearsal of the project holds in the model engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipa.rehearsal import loader, report
from vipa.rehearsal.model import Model
from vipa.rehearsal.runner import run

FOLDER = Path(__file__).parents[1] / "rehearsals"
FILES = sorted(FOLDER.glob("**/*.yaml"))


def test_there_are_rehearsals() -> None:
    assert len(FILES) > 100


def test_names_are_unique() -> None:
    assert len(loader.load_all([str(FOLDER)])) == len(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_holds(path: Path) -> None:
    result = run(loader.load(str(path)), Model())
    assert result.held, "\n".join(report.told(result))
    assert result.skipped or len(result.steps) == len(result.rehearsal.steps) + 1


# One file says to the tenth of a second when what is known, which depends on the moments.
TO_THE_TENTH = "monitor-misses-in-a-row"
ASKED = [p for p in FILES if "monitor: {probe" in p.read_text() and p.stem != TO_THE_TENTH]


@pytest.mark.parametrize("path", ASKED, ids=lambda path: path.stem)
def test_holds_whenever_in_its_interval_each_pod_is_asked(path: Path) -> None:
    result = run(loader.load(str(path)), Model(spread=True))
    assert result.held, "\n".join(report.told(result))
