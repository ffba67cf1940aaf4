"""A fault of a history as a picture, in which a reader sees who moved when."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.chaos.histories import answered, whole

from hack import timeline

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    lines = [*whole(), answered(50.0, 150.0, "sysb", "stock")]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def test_a_picture_shows_the_fault_the_owners_and_the_failed_connects(history: Path) -> None:
    out = history.with_suffix(".svg")

    assert timeline.main([str(history), "node-cut", str(out)]) == 0

    drawn = ElementTree.parse(out)
    words = [element.text for element in drawn.iter(f"{SVG}text")]
    for word in ("VIPA", "stock Service", "node-cut", "sysb", "mended", "sysa", "0 s", "10 s"):
        assert word in words
    colours = {element.get("fill") for element in drawn.iter(f"{SVG}rect")}
    assert colours >= {timeline.GREEN, timeline.RED}


def test_nothing_is_drawn_beside_the_picture(history: Path) -> None:
    out = history.with_suffix(".svg")
    timeline.main([str(history), "node-cut", str(out)])

    for element in ElementTree.parse(out).iter(f"{SVG}rect"):
        if element.get("x"):
            assert timeline.LEFT <= float(element.get("x", "0")) <= timeline.WIDTH
            assert float(element.get("y", "0")) >= 0


def test_a_fault_that_is_not_in_the_history_is_named(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert timeline.main([str(history), "drain", "/nowhere"]) == 1
    assert "no drain in it" in capsys.readouterr().out


def test_without_a_history_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert timeline.main(["/nowhere", "node-cut", "out.svg"]) == 2
    assert "timeline.py HISTORY FAULT" in capsys.readouterr().out
