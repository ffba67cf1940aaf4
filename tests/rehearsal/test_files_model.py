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
