"""Files in; text, JSON, JUnit XML and an exit code out."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vipa.rehearsal.model import Model
from vipa.rehearsal.run import Outcome, run_files

TEXT = """\
rehearsal: {name}
source: [TC01]
engines: [{engines}]
given:
  stacks: {{sysa: {{node: n1}}, sysb: {{node: n2}}}}
  objects:
  - kind: VIPA
    metadata: {{name: web}}
    spec: {{address: 198.51.100.10, primary: sysa, backups: [{{stack: sysb, rank: 200}}]}}
steps:
- expect: {{web: {{owner: sysa}}}}
- do: {{fail: sysa}}
  expect: {{web: {{owner: {owner}}}}}
- do: {{{last}: sysa}}
"""


def write(folder: Path, name: str, **words: str) -> str:
    fields = {"name": name, "engines": "model", "owner": "sysb", "last": "recover", **words}
    path = folder / f"{name}.yaml"
    path.write_text(TEXT.format(**fields))
    return str(path)


@pytest.fixture
def outcome(tmp_path: Path) -> Outcome:
    """One that holds, one that does not, one for another engine."""
    write(tmp_path, "a-holds")
    write(tmp_path, "b-fails", owner="sysa")
    write(tmp_path, "c-elsewhere", engines="kind")
    return run_files([str(tmp_path)], Model())


def test_exit_codes(tmp_path: Path) -> None:
    good = write(tmp_path, "good")
    bad = write(tmp_path, "bad", owner="sysa")
    wrong = write(tmp_path, "wrong", last="faill")
    impossible = write(tmp_path, "impossible", last="kill", owner="sysb")
    text = Path(impossible).read_text() + "- do: {fail: sysa}\n"
    Path(impossible).write_text(text)
    codes = [run_files([path], Model()).exit_code for path in (good, bad, wrong, impossible)]
    assert codes == [0, 1, 2, 2]
    assert run_files([good, bad, impossible], Model()).exit_code == 2


def test_a_wrong_file_keeps_the_others_from_running(tmp_path: Path) -> None:
    write(tmp_path, "good")
    wrong = write(tmp_path, "wrong", last="faill")
    found = run_files([str(tmp_path)], Model())
    assert found.results == ()
    assert found.text() == f"{wrong}:14: unknown verb `faill`; did you mean `fail`?\n"


def test_an_impossible_verb_is_told_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "impossible", last="kill")
    Path(path).write_text(Path(path).read_text() + "- do: {fail: sysa}\n")
    found = run_files([path], Model())
    told = f"  {path}:15: fail sysa: there is no pod of stack sysa at this point"
    assert told in found.text().splitlines()
    case = ElementTree.fromstring(found.junit()).find("testcase/error")
    assert case is not None
    assert json.loads(found.json())["rehearsals"][0]["outcome"] == "wrong"


def test_one_line_a_step(outcome: Outcome) -> None:
    lines = outcome.text().splitlines()
    assert lines[0].startswith("ok    a-holds (")
    assert lines[1:5] == [
        "  given    -   web: none -> sysa Activated, epoch 1",
        "  step 1   -   nothing moved",
        "  step 2   fail sysa   web: sysa -> sysb OwnerFailed, epoch 2",
        "  step 3   recover sysa   web: sysb -> sysa TakenBack, epoch 3",
    ]
    assert lines[-1] == "3 rehearsals: 1 held, 1 failed, 1 skipped"


def test_a_failure_says_what_was_expected_and_explains_the_candidates(outcome: Outcome) -> None:
    text = outcome.text(verbose=False)
    assert "b-fails.yaml:13: web: owner: expected sysa, seen sysb\n" in text
    assert "    web, epoch 2: sysb owns the address and may stay\n" in text
    assert "sysa  255  -            NotReady: pod sysa on node n1 is not Ready\n" in text
    assert "step 3" not in text


def test_a_skip_says_why(outcome: Outcome) -> None:
    assert "c-elsewhere.yaml): the file is for kind\n" in outcome.text()


def test_json(outcome: Outcome) -> None:
    found = json.loads(outcome.json())
    assert [one["outcome"] for one in found["rehearsals"]] == ["held", "failed", "skipped"]
    assert found["failed"] == 1
    step = found["rehearsals"][1]["steps"][2]
    assert step["do"] == ["fail sysa"]
    assert step["failures"] == [
        {"line": 13, "what": "web: owner", "expected": "sysa", "seen": "sysb"}
    ]
    reasons = {c["stack"]: c["reason"] for c in step["explanations"][0]["candidates"]}
    assert reasons == {"sysa": "NotReady", "sysb": "Eligible"}


def test_junit(outcome: Outcome) -> None:
    suite = ElementTree.fromstring(outcome.junit())
    counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["3", "1", "0", "1"]
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == ["a-holds", "b-fails", "c-elsewhere"]
    failure = cases[1].find("failure")
    assert failure is not None
    assert failure.get("message") == "web: owner: expected sysa, seen sysb"
    assert "step 2   fail sysa" in (failure.text or "")


def test_progress_is_told_each_result(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path, name)
    told: list[str] = []
    run_files([str(tmp_path)], Model(), lambda result: told.append(result.rehearsal.name))
    assert told == ["a", "b"]


def test_a_kind_that_the_model_lacks_skips_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    text = Path(path).read_text()
    extra = "  - {apiVersion: apps/v1, kind: Deployment, metadata: {name: d}}\nsteps:\n"
    Path(path).write_text(text.replace("steps:\n", extra))
    found = run_files([path], Model())
    assert [result.skipped for result in found.results] == ["the model knows no Deployment"]
    assert found.exit_code == 0
