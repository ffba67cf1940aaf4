"""What `hack/kind` does without any Docker: images, capabilities, the runtime in front of runc."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

HACK = Path(__file__).resolve().parents[2] / "hack"
sys.path.insert(0, str(HACK))

from kindcluster import daemon, layers, programs  # noqa: E402
from kindcluster.layers import Image  # noqa: E402
from kube.outcome import MissingError  # noqa: E402

CAPABILITIES = ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_KILL"]


def blobs(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {
            one.name: (tar.extractfile(one) or sys.exit()).read() for one in tar if one.isfile()
        }


def image_of(tmp_path: Path) -> Image:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    return Image(name="registry/x:1", entrypoint=("/bin/x",), files={"/bin/x": program})


def test_an_image_is_an_oci_layout_with_its_name_and_digests_that_hold(tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"

    layers.write(archive, [image_of(tmp_path)])

    found = blobs(archive)
    (manifest,) = json.loads(found["index.json"])["manifests"]
    assert manifest["annotations"]["io.containerd.image.name"] == "registry/x:1"
    described = json.loads(found[f"blobs/sha256/{manifest['digest'].removeprefix('sha256:')}"])
    config = json.loads(found[f"blobs/sha256/{described['config']['digest'][7:]}"])
    assert config["config"]["Entrypoint"] == ["/bin/x"]
    assert (
        len(found[f"blobs/sha256/{described['layers'][0]['digest'][7:]}"])
        == (described["layers"][0]["size"])
    )


def test_the_same_files_give_the_same_image_whenever_it_is_made(tmp_path: Path) -> None:
    image = image_of(tmp_path)
    layers.write(tmp_path / "a.tar", [image])
    os.utime(image.files["/bin/x"], (1, 1))
    layers.write(tmp_path / "b.tar", [image])

    assert blobs(tmp_path / "a.tar") == blobs(tmp_path / "b.tar")


@pytest.mark.parametrize(("bounding", "lacks"), [("000001ffffffffff", False), ("0", True)])
def test_a_missing_capability_is_known_from_the_bounding_set(
    tmp_path: Path, bounding: str, lacks: bool
) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tx\nCapBnd:\t{bounding}\n")

    assert daemon.lacks_sys_resource(status) is lacks


def test_what_dockerd_leaves_mounted_is_found_the_innermost_first(tmp_path: Path) -> None:
    mounts, state = tmp_path / "mounts", Path("/clone/build/kind")
    mounts.write_text(
        "sysfs /sys sysfs rw 0 0\n"
        f"nsfs {state}/run/exec/netns nsfs rw 0 0\n"
        f"nsfs {state}/run/exec/netns/default nsfs rw 0 0\n"
        f"nsfs {state}-of-another/run nsfs rw 0 0\n"
    )
    netns = state / "run/exec/netns"
    assert daemon.mounted(state, mounts) == [netns / "default", netns]
    assert daemon.mounted(state, tmp_path / "of another system") == []


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (["create", "--bundle", "BUNDLE", "id"], "config.json"),
        (["--root", "r", "exec", "--process", "BUNDLE/process.json", "id"], "process.json"),
    ],
)
def test_the_runtime_takes_one_capability_out_and_becomes_runc(
    tmp_path: Path, arguments: list[str], file: str
) -> None:
    written = json.dumps(
        {"bounding": CAPABILITIES, "last": CAPABILITIES[:2]}, separators=(",", ":")
    )
    (tmp_path / file).write_text(written)
    given = [one.replace("BUNDLE", str(tmp_path)) for one in arguments]

    done = subprocess.run(
        [str(HACK / "kindcluster" / "runtime"), *given],
        env={**os.environ, "RUNC": "echo"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == given
    kept = {"bounding": ["CAP_CHOWN", "CAP_KILL"], "last": ["CAP_CHOWN"]}
    assert json.loads((tmp_path / file).read_text()) == kept


def test_versions_are_those_of_the_modules() -> None:
    assert programs.pinned("kind", programs.KIND).startswith("v0.")

    with pytest.raises(MissingError, match="requires no example"):
        programs.pinned("kind", "example.com/x")


def test_every_program_of_a_node_has_a_module_that_is_there() -> None:
    for program in programs.table().values():
        assert (HACK / program.module / "go.mod").is_file()


def test_a_wrong_command_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, str(HACK / "kind"), "fly"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "invalid choice" in done.stderr
