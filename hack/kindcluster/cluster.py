"""The cluster itself: a network, kind's four containers, images loaded into them."""

import re
import subprocess
from pathlib import Path

from kube import binaries
from kube.outcome import ProblemError, say

from . import daemon, nodeimage, phases, programs
from .engine import Engine

HERE = Path(__file__).resolve().parent
NAME = "sysplex"
# Of our own, so that a node that comes back to it can be given its address again, which Docker
# refuses in a network without a configured subnet; nodes are in .0.x, the rest is free.
NETWORK = "sysplex-kind"
PREFIXES = ("172.30", "172.29", "172.28")  # the first that this machine does not use
READY_WITHIN = "180s"
PULL_WITHIN_S = 600.0


def kubeconfig(state: Path) -> Path:
    """Return the administrator's kubeconfig."""
    return state / "kubeconfig"


def env(engine: Engine, state: Path) -> dict[str, str]:
    """Return the environment for kind and kubectl."""
    extra = {"KUBECONFIG": str(kubeconfig(state)), "KIND_EXPERIMENTAL_DOCKER_NETWORK": NETWORK}
    return {**engine.env, **extra}


def up(engine: Engine, state: Path) -> None:
    """Return when all nodes and all pods of the system are Ready; nothing is done twice."""
    kind, image = programs.kind(), node_image(engine, state)
    _network(engine)
    if NAME not in _clusters(kind, engine, state):
        with phases.phase("kind create cluster", about_s=35):
            try:
                _create(kind, engine, state, image)
            except ProblemError as error:
                # kind takes away what it made. On a machine that is busy Docker at times breaks off
                # one of its dozens of commands, and only kind's own could repeat that one alone.
                say(f"{str(error).splitlines()[-1]}\nonce more:")
                _create(kind, engine, state, image)
    with phases.phase("nodes and system pods Ready", about_s=15):
        wait = ["wait", "--for=condition=Ready", f"--timeout={READY_WITHIN}"]
        kubectl(state, *wait, "nodes", "--all")
        kubectl(state, "-n", "kube-system", *wait, "pods", "--all")


def _create(kind: Path, engine: Engine, state: Path, image: str) -> None:
    made = [str(kind), "create", "cluster", f"--name={NAME}", f"--image={image}", "--wait=120s"]
    phases.run(
        [*made, f"--config={HERE / 'cluster.yaml'}"],
        log=state / "logs" / "create.log",
        env=env(engine, state),
    )


def node_image(engine: Engine, state: Path) -> str:
    """Return an image that this engine has: kind's public one, else ours, built if need be."""
    ours = nodeimage.name()
    if engine.tried("image", "inspect", ours).returncode == 0:
        return ours
    public = _public_image()
    if engine.tried("image", "inspect", public).returncode == 0:
        return public
    version = engine.run("info", "--format", "{{.CgroupVersion}}")
    if version == "1" or daemon.lacks_sys_resource():
        say("cgroup v1 or no CAP_SYS_RESOURCE: kind's public image would not run here")
    else:
        with phases.phase(f"docker pull {public.partition('@')[0]}", about_s=60):
            pulled = engine.tried("pull", "--quiet", public)
        if pulled.returncode == 0:
            return public
        say(f"not to be had ({pulled.stderr.decode(errors='replace').strip()[-120:]})")
    say(f"building {ours} (all cold about 20 min, Go caches warm about 3 min)")
    nodeimage.build(engine, state)
    return ours


def down(engine: Engine, state: Path) -> None:
    """Delete the cluster and its network; images stay."""
    kind = programs.kind()
    if NAME in _clusters(kind, engine, state):
        command = [str(kind), "delete", "cluster", f"--name={NAME}"]
        phases.run(command, log=state / "logs" / "delete.log", env=env(engine, state))
    engine.tried("network", "rm", NETWORK)
    kubeconfig(state).unlink(missing_ok=True)


def load(engine: Engine, state: Path, image: str) -> None:
    """Put an image of the engine, or an archive of images, onto all nodes."""
    kind = programs.kind()
    what = "image-archive" if Path(image).is_file() else "docker-image"
    command = [str(kind), "load", what, f"--name={NAME}", image]
    with phases.phase(f"load {Path(image).name}", about_s=15):
        phases.run(command, log=state / "logs" / "load.log", env=env(engine, state))


def kubectl(state: Path, *arguments: str) -> str:
    """Run kubectl as administrator; return what it printed. Raises ProblemError."""
    command = [str(binaries.folder() / "kubectl"), f"--kubeconfig={kubeconfig(state)}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProblemError(f"kubectl {' '.join(arguments[:3])}: {done.stderr.strip()}")
    return done.stdout


def _clusters(kind: Path, engine: Engine, state: Path) -> list[str]:
    command = [str(kind), "get", "clusters"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=env(engine, state), check=False
    )
    return done.stdout.split()


def _network(engine: Engine) -> None:
    if engine.tried("network", "inspect", NETWORK).returncode == 0:
        return
    bridge = "com.docker.network.bridge.enable_ip_masquerade=true"
    prefix = next((one for one in PREFIXES if one not in _used()), PREFIXES[0])
    places = [f"--subnet={prefix}.0.0/16", f"--ip-range={prefix}.0.0/24", f"--gateway={prefix}.0.1"]
    made = engine.tried("network", "create", "--driver=bridge", f"--opt={bridge}", *places, NETWORK)
    if made.returncode:
        error = made.stderr.decode(errors="replace").strip()
        raise ProblemError(f"{prefix}.0.0/16 is in use on this machine? network create: {error}")


def _used(routes: Path = Path("/proc/net/route")) -> set[str]:
    """The first two bytes of what this machine has routes to; of another clone's cluster, too,
    which a dockerd of our own would not know of."""
    if not routes.exists():
        return set()
    lines = [line.split() for line in routes.read_text().splitlines()[1:]]
    return {f"{int(line[1][6:8], 16)}.{int(line[1][4:6], 16)}" for line in lines}


def _public_image() -> str:
    """The image that this version of kind was released with, by its digest."""
    text = programs.kind_source("pkg/apis/config/defaults/image.go").read_text()
    found = re.search(r'Image = "(\S+)"', text)
    if found is None:
        raise ProblemError("this kind names no default image")
    return found[1]
