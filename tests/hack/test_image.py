"""What of the image's build can be told without building it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[2]
SCRIPT = CLONE / "hack" / "image" / "requirements.py"


def requirements(*unwanted: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(CLONE / "pyproject.toml"), "--without", *unwanted]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_image_needs_what_the_project_needs_but_for_one() -> None:
    told = requirements("kubernetes").stdout.splitlines()
    assert any(line.startswith("kopf") for line in told)
    assert not any(line.startswith("kubernetes") for line in told)
    assert len(told) == len(requirements("kubernetes", "rich").stdout.splitlines()) + 1


def test_leaving_out_what_nobody_needs_is_a_mistake() -> None:
    done = requirements("kubernetes", "flask")
    assert done.returncode != 0
    assert "does not depend on flask" in done.stderr


@pytest.fixture
def sbom(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(CLONE / "hack"))
    from image import sbom  # noqa: PLC0415 - found there

    return sbom


def archive(**files: str) -> tarfile.TarFile:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    raw.seek(0)
    return tarfile.open(fileobj=raw)


def test_parts_are_read_from_the_image_itself(sbom: object) -> None:
    files = {
        "opt/vipa/PyYAML-6.dist-info/METADATA": "Name: PyYAML\nVersion: 6.0.3\nLicense: MIT\n\n",
        "opt/vipa/PyYAML-6.dist-info/RECORD": "x",
        "var/lib/dpkg/status.d/libc6": "Package: libc6\nVersion: 2.36-9+deb12u14\n",
    }
    with archive(**files) as tar:
        found = sorted(sbom.packages(tar))  # type: ignore[attr-defined]
    parts = sbom.document("sysplex-vipa:1", found)["components"]  # type: ignore[attr-defined]
    assert [part["purl"] for part in parts] == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?distro=debian-12",
        "pkg:pypi/pyyaml@6.0.3",
    ]
    assert parts[1]["licenses"] == [{"license": {"name": "MIT"}}]
    assert json.dumps(parts)
