"""Make the cluster one for rehearsals: marked as such, with CRDs and an account of the operator.

The operator of a rehearsal runs beside the cluster. One that was installed is put to sleep, because
two with one account would both believe in the Lease that they share.
"""

import subprocess
from pathlib import Path

from kube import binaries, install
from kube.outcome import say

from . import cluster

MARK = "sysplex-rehearsal"


def prepare(state: Path, crds: Path) -> Path:
    """Return the operator's kubeconfig, which lies beside the administrator's."""
    space = ("-n", install.NAMESPACE)
    shown = cluster.kubectl(state, *space, "get", "deployments", "-o=name", "--ignore-not-found")
    for name in shown.split():
        say(f"putting {name} to sleep: the operator of a rehearsal runs beside the cluster")
        cluster.kubectl(state, *space, "scale", name, "--replicas=0")
    files = [*sorted(crds.glob("*.yaml")), *sorted((crds / "policies").glob("*.yaml"))]
    wanted = [path for path in files if path.name != "unique-address.yaml"]
    arguments = [argument for path in wanted for argument in ("-f", str(path))]
    cluster.kubectl(state, "apply", "--server-side", "--force-conflicts", *arguments)
    _mark(state)
    token = cluster.kubectl(
        state, *space, "create", "token", install.ACCOUNT, f"--duration={install.TOKEN_LIVES}"
    ).strip()
    raw = cluster.kubectl(state, "config", "view", "--raw", "-o=json")
    target = state / "operator.kubeconfig"
    target.write_text(install.with_token(raw, token))
    target.chmod(0o600)
    return target


def _mark(state: Path) -> None:
    made = [str(binaries.folder() / "kubectl"), f"--kubeconfig={cluster.kubeconfig(state)}"]
    made += ["-n", "kube-system", "create", "configmap", MARK]
    subprocess.run(made, capture_output=True, check=False)  # there already: as well
