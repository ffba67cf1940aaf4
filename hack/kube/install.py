"""Put the product's CRDs, policies and account onto a control plane.

The administrator's certificate bypasses RBAC, admission policies and priority, so what runs as
administrator proves little. The operator gets a kubeconfig with a token of its own account.
"""

import json
import subprocess
from pathlib import Path

from . import binaries
from .outcome import ProblemError, say
from .state import State

NAMESPACE = "sysplex-system"
ACCOUNT = "sysplex-vipa"
TOKEN_LIVES = "24h"


def install(state: State, crds: Path) -> Path:
    """Apply everything below `crds` but optional policies; return the operator's kubeconfig."""
    files = [*sorted(crds.glob("*.yaml")), *sorted((crds / "policies").glob("*.yaml"))]
    wanted = [path for path in files if path.name != "unique-address.yaml"]
    say(f"applying {len(wanted)} files of {crds.name}/")
    # Server-side: the last-applied annotation of client-side apply would hold a CRD a second time.
    arguments = [argument for path in wanted for argument in ("-f", str(path))]
    _kubectl(state, "apply", "--server-side", *arguments)
    _kubectl(state, "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    token = _kubectl(
        state, "create", "token", ACCOUNT, "-n", NAMESPACE, f"--duration={TOKEN_LIVES}"
    ).strip()
    path = state.folder / "operator.kubeconfig"
    shown = _kubectl(state, "config", "view", "--raw", "-o", "json")
    path.write_text(with_token(shown, token))
    return path


def with_token(kubeconfig: str, token: str) -> str:
    """The administrator's kubeconfig with another user; JSON, which every reader of YAML takes."""
    shown = json.loads(kubeconfig)
    cluster = shown["clusters"][0]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "operator",
        "clusters": [{"name": "plane", "cluster": cluster["cluster"]}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "operator", "context": {"cluster": "plane", "user": "operator"}}],
    }
    return json.dumps(config, indent=1)


def _kubectl(state: State, *arguments: str) -> str:
    program = state.programs / "kubectl"
    if not program.exists():
        program = binaries.folder() / "kubectl"
    command = [str(program), f"--kubeconfig={state.places.kubeconfig}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProblemError(f"kubectl {arguments[0]}: {done.stderr.strip()}")
    return done.stdout
