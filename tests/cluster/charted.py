"""The chart on a control plane of its own: helm, credentials of the chart's accounts, and what is
there before and after."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.plane import CLONE, Api, Plane, tool

CHART = CLONE / "charts" / "sysplex-vipa"
NAMESPACE = "sysplex-system"
RELEASE = "sysplex-vipa"
ADDRESSES = {"addresses": [{"cidr": "198.51.100.0/24"}, {"cidr": "2001:db8::/32"}]}
# What comes and goes by itself, or tells of the past.
NOISE = ("events", "leases.coordination.k8s.io/kube-", "componentstatuses", "pods.metrics")


class Helm:
    """One cluster's releases of the chart."""

    def __init__(self, plane: Plane, folder: Path) -> None:
        self.program = Path(tool("tools")) / "helm"
        self._plane = plane
        self._folder = folder

    def run(self, *arguments: str) -> str:
        """What helm prints. Raises with its complaint."""
        command = [str(self.program), *arguments, f"--kubeconfig={self._plane.kubeconfig}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"helm {' '.join(arguments[:2])}: {done.stderr}{done.stdout}")
        return done.stdout

    def release(self, verb: str, chart: Path = CHART, *more: str, **values: Any) -> str:
        """install or upgrade, with these values, and wait until it is there."""
        file = self._folder / "values.yaml"
        file.write_text(yaml.safe_dump({**ADDRESSES, **values}))
        where = ("--namespace", NAMESPACE, "--create-namespace", "--values", str(file))
        waiting = () if "--dry-run=server" in more else ("--wait", "--timeout=120s")
        return self.run(verb, RELEASE, str(chart), *where, *waiting, *more)

    def previous(self) -> Path:
        """The chart as it might have been a version ago: one field of a CRD less."""
        target = self._folder / "previous"
        shutil.copytree(CHART, target)
        about = target / "Chart.yaml"
        about.write_text(about.read_text().replace("\nversion: ", "\nversion: 0.0.1-before."))
        crd = target / "templates" / "generated" / "crd-vipas.yaml"
        lines = crd.read_text().splitlines(keepends=True)
        crd.write_text("".join(without(lines, "              drainTimeout:\n")))
        return target


def without(lines: list[str], head: str) -> list[str]:
    """Lines of a YAML file without one key and all below it."""
    start = lines.index(head)
    depth = len(head) - len(head.lstrip())
    end = start + 1
    while not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > depth:
        end += 1
    return lines[:start] + lines[end:]


def kubeconfig(plane: Plane, folder: Path, account: str) -> str:
    """The administrator's, with the token of an account instead of a certificate."""
    path = folder / f"{account}.kubeconfig"
    token = plane.kubectl("create", "token", account, "-n", NAMESPACE, "--duration=2h").strip()
    config = yaml.safe_load(Path(plane.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": token}
    path.write_text(yaml.safe_dump(config))
    return str(path)


def everything(plane: Plane) -> set[str]:
    """Names of all objects of all kinds, but those that come and go by themselves."""
    verbs = ("api-resources", "--verbs=list", "-o", "name")
    kinds = [line for line in plane.kubectl(*verbs).split() if not line.startswith(NOISE)]
    shown = plane.kubectl("get", ",".join(kinds), "-A", "-o", "json", "--ignore-not-found")
    return {named(one) for one in json.loads(shown)["items"]} - {""}


def named(one: dict[str, Any]) -> str:
    metadata = one["metadata"]
    name = f"{one['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
    return "" if any(part in name for part in ("Lease kube-", "Event ")) else name


def exists(api: Api, path: str) -> bool:
    status, _ = api.request("GET", path)
    return status == 200
