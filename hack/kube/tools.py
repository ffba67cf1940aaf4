"""Programs and files that check the chart: helm, promtool, CRDs of the Prometheus operator.

Built and cached as the control plane is, and apart from it: who only runs tests of the core needs
none of them, and a new helm must not build an API server again.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import binaries, toolchain
from .building import Program
from .outcome import ProblemError, say

HELM = "helm.sh/helm/v4"
PROMETHEUS = "github.com/prometheus/prometheus"
OPERATOR = "github.com/prometheus-operator/prometheus-operator"
CRDS = "prometheus-crds"
KINDS = ("podmonitors", "servicemonitors", "prometheusrules")


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return a folder with helm, promtool, and a folder of CRDs."""
    versions = {
        module: binaries.pinned(sources, module)
        for sources, module in (
            ("helm", HELM),
            ("prometheus", PROMETHEUS),
            ("prometheus-operator", OPERATOR),
        )
    }
    called = f"-X {HELM}/internal/version.version={versions[HELM]}"
    programs = {
        "helm": Program(module="helm", package=f"{HELM}/cmd/helm", link=f"-s -w {called}"),
        # Without the clients of every cloud: rules are checked here, nothing is discovered.
        "promtool": Program(
            module="prometheus", package=f"{PROMETHEUS}/cmd/promtool", tags="remove_all_sd"
        ),
    }
    name = "-".join(("tools", *versions.values()))
    target = binaries.built(binaries.cache_root(environ) / name, programs, environ)
    if not (target / CRDS).is_dir():
        _fetch(target / CRDS, environ)
    return target


def _fetch(target: Path, environ: Mapping[str, str]) -> None:
    """Take the CRDs out of the module, whose content go.sum vouches for."""
    say(f"fetching CRDs of {OPERATOR}")
    go = toolchain.find(binaries.cache_root(environ))
    command = [str(go), "mod", "download", "-json", OPERATOR]
    done = subprocess.run(
        command,
        cwd=binaries.HERE / "prometheus-operator",
        env={**environ, "GOWORK": "off", "GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout or "{}")
    if done.returncode or "Dir" not in answer:
        raise ProblemError(f"go found no {OPERATOR}: {answer.get('Error') or done.stderr.strip()}")
    source = Path(answer["Dir"], "example", "prometheus-operator-crd")
    fresh = target.with_name(f"{CRDS}.{os.getpid()}")
    fresh.mkdir()
    for kind in KINDS:
        name = f"monitoring.coreos.com_{kind}.yaml"
        shutil.copyfile(source / name, fresh / name)
    try:
        fresh.rename(target)
    except OSError:  # another one was quicker
        shutil.rmtree(fresh)
