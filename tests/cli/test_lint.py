"""`vipa lint`: every finding has a file, a line, a path and what would be right."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from tests.cli.ran import Vipa

from vipa.cli import files, findings
from vipa.cli.options import Place

API = "apiVersion: sysplex.dev/v1alpha1"
TESTS = Path(__file__).parents[1]
REFUSALS = yaml.safe_load((TESTS / "refusals.yaml").read_text())

WRONG = f"""\
# A comment, so that lines are not counted from the object.
{API}
kind: VIPA
metadata:
  name: web
spec:
  sysplex: plex1
  address: 198.51.100.010
  primary: sysa
  backups:
  - stack: sysb
    rank: 200
  - stack: sysc
    rank: 255
  moveable: Manual
  moveable: Immediate
  movable: Manual
"""


def write(folder: Path, text: str, name: str = "a.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_findings_have_line_path_and_remedy(vipa: Vipa, tmp_path: Path) -> None:
    path = write(tmp_path, WRONG)
    ran = vipa("lint", path)
    assert (ran.code, ran.err) == (1, "")
    lines = ran.out.splitlines()
    assert lines[1].startswith(f"{path}:8: error: vipa/web spec.address: write an IPv4 or IPv6")
    assert f"{path}:14: error: vipa/web spec.backups[1].rank: " in ran.out
    twice = "VIPA spec.moveable: moveable stands twice in this object: keep one"
    assert f"{path}:16: error: {twice}" in ran.out
    assert f"{path}:17: error: vipa/web spec.movable: there is no field of this name: " in ran.out
    assert "did you mean moveable?" in ran.out
    assert lines[-1] == "1 objects: 4 errors, 3 warnings"
    assert lines == [*sorted(lines[:-1], key=lambda line: int(line.split(":")[1])), lines[-1]]


def test_a_field_that_is_left_out_is_placed_where_it_belongs(vipa: Vipa, tmp_path: Path) -> None:
    path = write(
        tmp_path, f"{API}\nkind: Stack\nmetadata: {{name: sysa}}\nspec:\n  quiesced: true\n"
    )
    out = vipa("lint", path).out
    assert f"{path}:5: error: stack/sysa spec.sysplex: Required value" in out


def test_good_manifests(vipa: Vipa, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"{API}\nkind: Sysplex\nmetadata: {{name: plex1}}\n---\n"
        f"{API}\nkind: Stack\nmetadata: {{name: sysa}}\nspec: {{sysplex: plex1}}\n---\n"
        f"{API}\nkind: VIPA\nmetadata: {{name: web}}\n"
        "spec: {sysplex: plex1, address: 198.51.100.10, primary: sysa}\n",
    )
    ran = vipa("lint", path)
    assert (ran.code, ran.out) == (0, "3 objects: 0 errors, 0 warnings\n")
    assert vipa("lint", path, "-o", "json").out == "[]\n"


def test_unknown_names_are_warnings(vipa: Vipa, manifests: str) -> None:
    ran = vipa("lint", manifests)
    assert ran.code == 0
    assert ":12: warning: vipa/web spec.primary: no Stack or pod of these files is stack sysa" in (
        ran.out
    )
    # A pod template names sysd.
    assert "stack sysd" not in ran.out


def test_unknown_sysplex_and_vipa(vipa: Vipa) -> None:
    text = (
        f"{API}\nkind: VIPABackup\nmetadata: {{name: all}}\n"
        "spec: {sysplex: plex9, vipas: [web], ranking: [{stack: sys-1}]}\n---\n"
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: sys}\n"
        "spec: {replicas: 2, template: {metadata: {labels: {sysplex.dev/sysplex: plex9}}}}\n---\n"
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: other}\n"
    )
    out = vipa("lint", "-", stdin=text).out
    assert "-:4: warning: vipabackup/all spec.sysplex: no Sysplex of these files" in out
    assert "-:4: warning: vipabackup/all spec.vipas: no VIPA of these files is named web" in out
    assert out.endswith("1 objects: 0 errors, 2 warnings\n")


def test_names_are_looked_up_in_their_namespace(vipa: Vipa) -> None:
    text = (
        f"{API}\nkind: Sysplex\nmetadata: {{name: plex1, namespace: a}}\n---\n"
        f"{API}\nkind: Stack\nmetadata: {{name: sysa}}\nspec: {{sysplex: plex1}}\n"
    )
    assert "no Sysplex of these files is named plex1 in namespace default" in (
        vipa("lint", "-", stdin=text).out
    )
    assert vipa("lint", "-", "-n", "a", stdin=text).out.startswith("2 objects: 0 errors, 0")


def test_addresses_across_objects(vipa: Vipa) -> None:
    one = (
        f"{API}\nkind: VIPA\nmetadata: {{name: %s}}\n"
        "spec: {sysplex: plex1, address: 198.51.100.10, primary: sysa}\n---\n"
    )
    text = f"{API}\nkind: Sysplex\nmetadata: {{name: plex1}}\n---\n" + one % "db" + one % "web"
    ran = vipa("lint", "-", stdin=text)
    assert ran.code == 1
    assert "vipa/web spec.address: 198.51.100.10 is held by VIPA default/db" in ran.out
    assert "vipa/db spec.address" not in ran.out
    narrow = vipa("lint", "-", "--allowed-cidr", "192.0.2.0/24", stdin=text)
    assert narrow.out.count("is outside of what namespace default may claim") == 2


def test_the_same_object_twice(vipa: Vipa, tmp_path: Path) -> None:
    text = f"{API}\nkind: Sysplex\nmetadata: {{name: plex1}}\n"
    first = write(tmp_path, text)
    second = write(tmp_path, text, "b.yaml")
    ran = vipa("lint", str(tmp_path))
    assert ran.code == 1
    assert f"{second}:3: error: sysplex/plex1 metadata.name: stands in {first}:1 already" in ran.out


def test_kinds_and_versions(vipa: Vipa) -> None:
    text = (
        f"{API}\nkind: Vipa\nmetadata: {{name: a}}\n---\n"
        f"{API}\nkind: VIPARange\nmetadata: {{name: a}}\n---\n"
        "apiVersion: sysplex.dev/v1\nkind: VIPA\nmetadata: {name: a}\n---\n"
        f"{API}\nkind: VIPA\nmetadata: {{name: no}}\n---\n"
        f"{API}\nkind: VIPA\n---\n"
        f"{API}\nspec: {{}}\n"
    )
    out = vipa("lint", "-", stdin=text).out
    assert "-:2: error: Vipa kind: there is no kind Vipa: write one of Sysplex, Stack, VIPA" in out
    assert "-:6: error: VIPARange kind: kind VIPARange is not supported by this version" in out
    assert "-:9: error: VIPA apiVersion: write sysplex.dev/v1alpha1" in out
    assert "-:15: error: VIPA metadata.name: write a name" in out
    assert "-:17: error: VIPA metadata.name: write a name" in out
    assert "6 objects: 6 errors" in out


def test_as_json(vipa: Vipa, tmp_path: Path) -> None:
    path = write(tmp_path, WRONG)
    found = json.loads(vipa("lint", path, "-o", "json").out)
    assert found[1]["file"] == path
    assert (found[1]["line"], found[1]["path"], found[1]["error"]) == (8, "spec.address", True)


def errors(folder: Path, case: dict[str, object]) -> list[findings.Finding]:
    path = write(folder, yaml.safe_dump(case["object"]))
    found = findings.find(files.read([path]).documents, Place(namespace="default"), None)
    return [one for one in found if one.error]


def test_finds_what_the_api_server_refuses(tmp_path: Path) -> None:
    cases = [case for case in REFUSALS["refused"] if "update" not in case]
    missed = [case["name"] for case in cases if not errors(tmp_path, case)]
    assert missed == []


def test_finds_no_error_in_what_the_api_server_accepts(tmp_path: Path) -> None:
    found = {case["name"]: errors(tmp_path, case) for case in REFUSALS["accepted"]}
    assert {name: one for name, one in found.items() if one} == {}


def test_files_without_anything_of_ours(vipa: Vipa) -> None:
    vipa("lint", "-", stdin="{apiVersion: v1, kind: Pod, metadata: {name: a}}").refused(
        2, "no object of group sysplex.dev"
    )
