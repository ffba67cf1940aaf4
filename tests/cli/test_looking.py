"""`status`, `explain`, `plan` and `simulate` on a snapshot file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.cli.ran import Vipa

Golden = Callable[[str, str], None]


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("status", ["status"], 0),
        ("status-wide", ["status", "-o", "wide"], 0),
        ("explain-web", ["explain", "web"], 0),
        ("explain-web-wide", ["explain", "vipa/web", "-o", "wide"], 0),
        ("explain-db", ["explain", "db"], 0),
        ("explain-home", ["explain", "vipas.sysplex.dev/home"], 0),
        ("plan", ["plan"], 0),
        ("plan-json", ["plan", "-o", "json"], 0),
        ("simulate-node", ["simulate", "--fail", "node/n3"], 1),
        ("simulate-stack", ["simulate", "--fail", "stack/sysb", "-o", "wide"], 0),
        ("simulate-zone", ["simulate", "--fail", "zone/z1", "-o", "wide"], 1),
        ("simulate-all", ["simulate", "--fail", "zone/z1", "--fail", "stack/default/sysc"], 1),
    ],
)
def test_tables(
    vipa: Vipa, sample: str, golden: Golden, name: str, args: list[str], code: int
) -> None:
    ran = vipa(*args, "-f", sample)
    assert (ran.code, ran.err) == (code, "")
    golden(name, ran.out)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("manifests-status", ["status"]),
        ("manifests-explain", ["explain", "web"]),
        ("manifests-plan", ["plan"]),
    ],
)
def test_manifests_that_no_operator_has_seen(
    vipa: Vipa, manifests: str, golden: Golden, name: str, args: list[str]
) -> None:
    ran = vipa(*args, "-f", manifests)
    assert (ran.code, ran.err) == (0, "")
    golden(name, ran.out)


def changed(sample: str, tmp_path: Path, change: Callable[[dict[str, object]], None]) -> str:
    """The sample after a change to each of its objects."""
    whole = yaml.safe_load(Path(sample).read_text())
    for item in whole["items"]:
        change(item)
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(whole))
    return str(path)


def named(item: dict[str, object], kind: str, name: str) -> bool:
    meta = item["metadata"]
    assert isinstance(meta, dict)
    return item["kind"] == kind and meta["name"] == name


def fail_sysc(item: dict[str, object]) -> None:
    if named(item, "Pod", "sysc"):
        item["status"]["conditions"][0]["status"] = "False"  # type: ignore[index]


def test_plan_says_what_would_be_written_and_why(
    vipa: Vipa, sample: str, golden: Golden, tmp_path: Path
) -> None:
    path = changed(sample, tmp_path, fail_sysc)
    ran = vipa("plan", "-f", path, "-o", "wide")
    assert ran.code == 0
    golden("plan-after-a-failure", ran.out)
    found = json.loads(vipa("plan", path, "-o", "json").out)
    assert found["actions"][1] == {
        "kind": "EndpointSlice",
        "name": "web-owner",
        "namespace": "default",
        "reason": "OwnerFailed",
        "do": "update",
        "detail": "owner sysc -> sysa, epoch 3",
        "owner": "sysa",
        "epoch": 3,
        "fence": found["actions"][1]["fence"],
    }
    web = found["vipas"]["default/web"]
    assert set(web) == {"owner", "epoch", "state", "origin", "chain", "stacks"}
    assert (web["owner"], web["epoch"], web["origin"]) == ("sysa", 3, "VIPADEFINE")
    assert found["vipas"]["default/home"]["owner"] == ""
    assert yaml.safe_load(vipa("plan", path, "-o", "yaml").out) == found


def test_explain_says_what_is_to_happen(
    vipa: Vipa, sample: str, golden: Golden, tmp_path: Path
) -> None:
    ran = vipa("explain", "web", "-f", changed(sample, tmp_path, fail_sysc))
    golden("explain-after-a-failure", ran.out)


def test_explain_as_json_and_yaml(vipa: Vipa, sample: str) -> None:
    found = json.loads(vipa("explain", "db", "-f", sample, "-o", "json").out)
    assert (found["vipa"], found["owner"], found["epoch"]) == ("default/db", "sysa", 2)
    assert found["lastMove"]["reason"] == "Moved"
    assert {row["stack"]: row["reason"] for row in found["stacks"]}["sysd"] == "Absent"
    assert found["stacks"][0]["node"] == "n1"
    assert yaml.safe_load(vipa("explain", "db", "-f", sample, "-o", "yaml").out) == found


def test_status_as_json_and_yaml(vipa: Vipa, sample: str) -> None:
    found = json.loads(vipa("status", "-f", sample, "-o", "json").out)
    (plex,) = found["sysplexes"]
    assert [line["owner"] for line in plex["vipas"]] == ["sysa", "sysc", "sysc"]
    assert plex["vipas"][0]["pin"] == "sysa"
    assert plex["attention"][0]["object"] == "vipabackup/db"
    assert yaml.safe_load(vipa("status", "-f", sample, "-o", "yaml").out) == found


def test_status_follows_the_record_where_the_status_is_late(
    vipa: Vipa, sample: str, tmp_path: Path
) -> None:
    def late(item: dict[str, object]) -> None:
        if named(item, "VIPA", "web"):
            item["status"] = {"state": "Active", "owner": {"stack": "sysa"}, "epoch": 1}

    found = json.loads(vipa("status", "-f", changed(sample, tmp_path, late), "-o", "json").out)
    web = found["sysplexes"][0]["vipas"][2]
    assert (web["owner"], web["node"], web["epoch"]) == ("sysc", "n3", 2)


def test_status_without_a_record_shows_the_status(vipa: Vipa, sample: str, tmp_path: Path) -> None:
    def lost(item: dict[str, object]) -> None:
        if item["kind"] == "EndpointSlice":
            item["kind"] = "Event"

    found = json.loads(vipa("status", "-f", changed(sample, tmp_path, lost), "-o", "json").out)
    web = found["sysplexes"][0]["vipas"][2]
    assert (web["owner"], web["node"], web["epoch"]) == ("sysc", "n3", 2)


def test_status_shows_the_age_of_a_pin_and_what_needs_attention(
    vipa: Vipa, sample: str, golden: Golden, tmp_path: Path
) -> None:
    def worse(item: dict[str, object]) -> None:
        meta = item["metadata"]
        assert isinstance(meta, dict)
        if named(item, "VIPA", "db"):
            meta["managedFields"] = [
                {"manager": "kubectl", "time": "2026-11-01T00:00:00Z"},
                {"manager": "vipa-cli", "time": "2026-11-22T20:00:00Z"},
            ]
        if named(item, "VIPA", "web"):
            conditions = item["status"]["conditions"]  # type: ignore[index]
            conditions[0] |= {"status": "False", "reason": "AddressInUse", "message": "by a/b"}
        if named(item, "VIPA", "home"):
            conditions = item["status"]["conditions"]  # type: ignore[index]
            conditions[1] |= {"reason": "LastOwnerKept"}
        if named(item, "Stack", "sysa"):
            item["status"]["phase"] = "Failed"  # type: ignore[index]
            item["status"]["reason"] = "NodeDown"  # type: ignore[index]

    golden("status-attention", vipa("status", "-f", changed(sample, tmp_path, worse)).out)


def test_status_of_nothing(vipa: Vipa, sample: str) -> None:
    assert "in namespace other" in vipa("status", "-f", sample, "-n", "other").out
    empty = "{apiVersion: v1, kind: Node, metadata: {name: n1}}"
    assert "in any namespace" in vipa("status", "-f", "-", stdin=empty).out


def test_status_of_a_sysplex_that_does_not_exist(vipa: Vipa) -> None:
    text = (
        "{apiVersion: sysplex.dev/v1alpha1, kind: VIPA, metadata: {name: web}, "
        "spec: {sysplex: plex9, address: 198.51.100.10, primary: sysa}}"
    )
    out = vipa("status", "-f", "-", stdin=text).out
    assert "Sysplex plex9, namespace default: " in out
    assert "there is no such Sysplex" in out
    assert "Rejected" not in out
    explained = vipa("explain", "web", "-f", "-", stdin=text).out
    assert "NoSuchSysplex: there is no Sysplex plex9" in explained


def test_watch_needs_a_cluster(vipa: Vipa, sample: str) -> None:
    vipa("status", "--watch", "-f", sample).refused(2, "leave out -f and -o")
    vipa("status", "--watch", "-o", "json").refused(2, "leave out -f and -o")


def test_allowed_addresses(vipa: Vipa, sample: str) -> None:
    def state(*args: str) -> str:
        out = vipa("plan", "-f", sample, "-o", "json", *args).out
        return str(json.loads(out)["vipas"]["default/web"]["state"])

    assert state() == "Active"
    assert state("--allowed-cidr", "198.51.100.0/24") == "Active"
    assert state("--allowed-cidr", "198.51.100.0/24=default,other") == "Active"
    assert state("--allowed-cidr", "198.51.100.0/24=other") == "Rejected"
    assert state("--allowed-cidr", "192.0.2.0/24") == "Rejected"
    for wrong in ("198.51.100", "198.51.100.0/24=", "=a"):
        vipa("plan", "-f", sample, "--allowed-cidr", wrong).refused(2, "write CIDR or")


def test_the_service_cidr_of_a_snapshot_counts(vipa: Vipa, sample: str, tmp_path: Path) -> None:
    def inside(item: dict[str, object]) -> None:
        if item["kind"] == "ServiceCIDR":
            item["spec"] = {"cidrs": ["198.51.100.0/24"]}
        if item["kind"] == "EndpointSlice":
            item["kind"] = "Event"

    out = vipa("explain", "web", "-f", changed(sample, tmp_path, inside)).out
    assert "AddressInUse: 198.51.100.10 is in the Service CIDR 198.51.100.0/24" in out


def test_plan_wants_files_or_the_cluster(vipa: Vipa, sample: str) -> None:
    vipa("plan").refused(2, "either -f FILE or --cluster")
    vipa("plan", "-f", sample, "--cluster").refused(2, "either -f FILE or --cluster")


def test_a_failure_of_something_unknown(vipa: Vipa, sample: str) -> None:
    refused = vipa("simulate", "-f", sample, "--fail", "node/n9")
    refused.refused(2, "there is no node n9: there are n1, n2, n3")
    vipa("simulate", "-f", sample, "--fail", "zone/z9").refused(2, "there are z1, z2")
    vipa("simulate", "-f", sample, "--fail", "stack/other/sysa").refused(2, "namespace other")
    vipa("simulate", "-f", sample, "--fail", "pod/sysa").refused(2, "write node/NAME")
    vipa("simulate", "-f", sample).refused(2, "Missing option '--fail'")


def test_simulate_as_json(vipa: Vipa, sample: str) -> None:
    ran = vipa("simulate", sample, "--fail", "node/n3", "-o", "json")
    assert ran.code == 1
    found = json.loads(ran.out)
    assert found["failures"] == ["node/n3"]
    assert [(one["vipa"], one["to"]) for one in found["moves"]] == [("default/web", "sysa")]
    assert [one["vipa"] for one in found["withoutOwner"]] == ["default/home"]
    same = vipa("simulate", sample, "--fail", "node/n3", "-o", "yaml").out
    assert yaml.safe_load(same) == found


def test_a_vipa_that_is_not_there(vipa: Vipa, sample: str) -> None:
    vipa("explain", "nix", "-f", sample).refused(1, "there are db, home, web")
    vipa("explain", "web", "-f", sample, "-n", "other").refused(1, "but in default: give -n")
    vipa("explain", "pod/web", "-f", sample).refused(2, "write the name of a vipa")
    vipa("explain", "vipa/", "-f", sample).refused(2, "write the name of a vipa")


def test_namespaces_of_files(vipa: Vipa, tmp_path: Path) -> None:
    def one(namespace: str, address: int) -> str:
        return (
            "---\n{apiVersion: sysplex.dev/v1alpha1, kind: VIPA, "
            f"metadata: {{name: web, namespace: {namespace}}}, "
            f"spec: {{sysplex: plex1, address: 198.51.100.{address}, primary: sysa}}}}\n"
        )

    (tmp_path / "a.yaml").write_text(one("a", 1))
    (tmp_path / "b.yml").write_text(one("b", 2))
    only = vipa("explain", "web", "-f", str(tmp_path / "a.yaml"))
    assert only.out.startswith("VIPA a/web, address 198.51.100.1")
    vipa("explain", "web", "-f", str(tmp_path)).refused(1, "in namespaces a, b: say which one")
    chosen = vipa("explain", "web", "-f", str(tmp_path), "-n", "b").out
    assert chosen.startswith("VIPA b/web")
    vipa("explain", "db", "-f", str(tmp_path), "-n", "b").refused(1, "there are web")
    vipa("explain", "db", "-f", str(tmp_path)).refused(1, "and no other either")
    everywhere = json.loads(vipa("plan", "-f", str(tmp_path), "-o", "json").out)["vipas"]
    assert list(everywhere) == ["a/web", "b/web"]
    there = json.loads(vipa("plan", "-n", "b", "-f", str(tmp_path), "-o", "json").out)
    assert list(there["vipas"]) == ["b/web"]
    assert {one["namespace"] for one in there["actions"]} <= {"b"}
