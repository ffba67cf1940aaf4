"""`vipa rehearse`: exit codes and forms of output; what a rehearsal means is tested elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.ran import Vipa

from vipa.rehearsal import cluster

FILE = """\
rehearsal: takeover
given:
  stacks: {sysa: {node: n1}, sysb: {node: n2}}
  objects:
  - kind: VIPA
    metadata: {name: web}
    spec: {address: 198.51.100.10, primary: sysa, backups: [{stack: sysb, rank: 1}]}
steps:
- do: {fail: sysa}
  expect: {web: {owner: OWNER}}
"""


@pytest.fixture
def held(tmp_path: Path) -> str:
    path = tmp_path / "held.yaml"
    path.write_text(FILE.replace("OWNER", "sysb"))
    return str(path)


@pytest.fixture
def failed(tmp_path: Path) -> str:
    path = tmp_path / "failed.yaml"
    path.write_text(FILE.replace("OWNER", "sysa").replace("takeover", "wrong"))
    return str(path)


def test_all_held(vipa: Vipa, held: str) -> None:
    ran = vipa("rehearse", held)
    assert (ran.code, ran.err) == (0, "")
    assert "sysa -> sysb" in ran.out
    quiet = vipa("rehearse", held, "-q").out
    assert "sysa -> sysb" not in quiet
    assert "1 held" in quiet


def test_something_did_not(vipa: Vipa, held: str, failed: str) -> None:
    ran = vipa("rehearse", held, failed)
    assert ran.code == 1
    assert "1 held, 1 failed" in ran.out
    assert vipa("rehearse", str(Path(held).parent)).code == 1


def test_a_skipped_file_is_no_failure_unless_none_may_be_skipped(
    vipa: Vipa, held: str, failed: str, tmp_path: Path
) -> None:
    path = tmp_path / "elsewhere.yaml"
    text = FILE.replace("OWNER", "sysb").replace("takeover", "elsewhere")
    path.write_text(text.replace("\n", "\nengines: [kind]\n", 1))
    skipped = str(path)

    assert vipa("rehearse", held, skipped).code == 0
    ran = vipa("rehearse", "--no-skips", held, skipped)
    ran.refused(1, "1 skipped, and --no-skips allows none")
    assert "1 held, 0 failed, 1 skipped" in ran.out
    assert vipa("rehearse", "--no-skips", held).code == 0
    assert vipa("rehearse", "--no-skips", failed, skipped).code == 1
    assert vipa("rehearse", "--no-skips", skipped, "/nix.yaml").code == 2


def test_json_and_junit(vipa: Vipa, held: str, failed: str) -> None:
    assert json.loads(vipa("rehearse", held, "-o", "json").out)
    ran = vipa("rehearse", failed, "-o", "junit")
    assert ran.code == 1
    assert ElementTree.fromstring(ran.out) is not None


def test_a_file_that_is_wrong(vipa: Vipa, manifests: str, tmp_path: Path) -> None:
    ran = vipa("rehearse", manifests)
    assert ran.code == 2
    assert ran.out == ""
    assert f"error: {manifests}:2: a rehearsal needs `rehearsal`" in ran.err
    missing = str(tmp_path / "nix.yaml")
    assert f"{missing}:1: cannot be read" in vipa("rehearse", missing).err
    vipa("rehearse").refused(2, "Missing argument")


def test_allowed_addresses_count(vipa: Vipa, held: str) -> None:
    assert vipa("rehearse", held, "--allowed-cidr", "198.51.100.0/24").code == 0
    ran = vipa("rehearse", held, "--allowed-cidr", "192.0.2.0/24")
    assert ran.code == 1
    assert "AddressNotAllowed" in ran.out


def test_the_cluster_engine_gets_its_place(
    vipa: Vipa, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[cluster.Place] = []

    def refuse(place: cluster.Place) -> None:
        asked.append(place)
        raise cluster.UnusableError("it is not marked as a cluster for rehearsals")

    monkeypatch.setattr(cluster, "Cluster", refuse)
    engine = ("--engine", "cluster")
    vipa("rehearse", held, *engine).refused(2, "it is not marked")
    assert asked[0].allowed == cluster.EVERYWHERE
    rules = ("--allowed-cidr", "192.0.2.0/24=b,a", "--allowed-cidr", "2001:db8::/64")
    vipa("rehearse", held, *engine, *rules, "--kubeconfig", held, "--context", "c")
    assert asked[1].allowed == ("192.0.2.0/24=a,b", "2001:db8::/64")
    assert (asked[1].kubeconfig, asked[1].context) == (held, "c")
    vipa("rehearse", held, *engine, "--kubeconfig", "/nix").refused(1, "there is no such file")
