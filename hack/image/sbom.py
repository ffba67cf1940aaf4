"""What is in the image, as CycloneDX: read from the image itself, since a list of what was meant to
be in it would be right by chance only."""

from __future__ import annotations

import email.parser
import subprocess
import tarfile
from collections.abc import Iterator
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import quote

from kindcluster import engine
from kube.outcome import ProblemError


class Package(NamedTuple):
    """`kind`: pypi or deb."""

    kind: str
    name: str
    version: str
    license: str

    @property
    def url(self) -> str:
        space = "debian/" if self.kind == "deb" else ""
        distro = "?distro=debian-12" if self.kind == "deb" else ""
        return f"pkg:{self.kind}/{space}{quote(self.name)}@{quote(self.version)}{distro}"


def read(docker: engine.Engine, container: str) -> list[Package]:
    """Every Python distribution and every Debian package that left its metadata."""
    command = [docker.program, "export", container]
    with subprocess.Popen(command, env=docker.env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as files:
            found = sorted(packages(files))
        process.stdout.read()
    if process.returncode:
        raise ProblemError(f"docker export ended with {process.returncode}")
    return found


def packages(files: tarfile.TarFile) -> Iterator[Package]:
    for member in files:
        python = member.name.endswith(".dist-info/METADATA")
        if not (python or "var/lib/dpkg/status.d/" in member.name) or not member.isfile():
            continue
        content = files.extractfile(member)
        assert content is not None
        text = content.read().decode(errors="replace")
        head = email.parser.HeaderParser().parsestr(text)
        if python:
            yield Package("pypi", named(head["Name"]), head["Version"], licensed(head))
        else:
            yield Package("deb", head["Package"], head["Version"], "")


def named(name: str) -> str:
    """As package URLs write it."""
    return name.lower().replace("_", "-")


def licensed(head: Message) -> str:
    """An expression if the package says one; whole texts of licences are none."""
    expression = head.get("License-Expression")
    if expression:
        return str(expression)
    told = str(head.get("License") or "")
    return told if told and "\n" not in told and len(told) < 60 else ""


def document(tag: str, found: list[Package]) -> dict[str, Any]:
    name, _, version = tag.rpartition(":")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name, "version": version}},
        "components": [component(one) for one in found],
    }


def component(one: Package) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": one.url,
        "name": one.name,
        "version": one.version,
        "purl": one.url,
    }
    if one.license:
        made["licenses"] = [{"license": {"name": one.license}}]
    return made
