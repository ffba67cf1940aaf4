"""Build kind's node image from Debian packages and Go modules, with no image from anywhere.

Three layers of caching: the Debian base and the OS are images of the engine, the Go programs are
files in the cache of all clones; only what is missing is made.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from kube import binaries
from kube.outcome import ProblemError

from . import layers, phases, programs
from .engine import Engine
from .layers import Image

HERE = Path(__file__).resolve().parent
SUITE = "bookworm"
BASE = f"sysplex-vipa-base:{SUITE}"  # that of the operator's image, where it has none other
OS = "sysplex.local/node-os:1"
REGISTRY = "registry.k8s.io"
# What kubeadm of this version asks for; its list is checked against these after the build.
PAUSE, ETCD, COREDNS = "3.10.2", "3.7.0-0", "v1.14.6"
# From the OS image: kube-proxy's tools with their libraries, and a busybox for the CNI.
KUBE_PROXY_FILES = """
tools="/usr/sbin/nft /usr/sbin/xtables-nft-multi /usr/sbin/conntrack"
plugins=$(ls /usr/lib/*/xtables/*.so)
libraries=$(ldd $tools $plugins 2>/dev/null | grep -oE '/[^ ]+\\.so[^ ]*' | sort -u)
tar -chf - $tools $plugins $libraries /etc/protocols /etc/services /etc/ethertypes 2>/dev/null
"""


def name() -> str:
    """Return what the image is called."""
    return f"sysplex.local/node:{programs.kubernetes()}"


def build(engine: Engine, state: Path) -> None:
    """Build it with this engine. Raises ProblemError."""
    logs = state / "logs"
    plane, node = binaries.folder(), programs.node()
    base_image(engine, logs)
    context = Path(tempfile.mkdtemp(prefix="node-image-", dir=state))
    try:
        shutil.copytree(HERE / "node", context, dirs_exist_ok=True)
        with phases.phase("operating system of the nodes", about_s=60):
            _docker_build(engine, context, OS, logs / "os.log", "--target=os")
        with phases.phase("container images of Kubernetes", about_s=20):
            _images(engine, context, plane, node)
        with phases.phase("node image", about_s=40):
            _lay_out(context, plane, node)
            pause = f"--build-arg=PAUSE={REGISTRY}/pause:{PAUSE}"
            version = f"--build-arg=VERSION={programs.kubernetes()}"
            _docker_build(engine, context, name(), logs / "node.log", pause, version)
    finally:
        shutil.rmtree(context, ignore_errors=True)


def base_image(engine: Engine, logs: Path) -> str:
    """Return a minimal Debian as an image of the engine, made by debootstrap if it is not there."""
    if engine.tried("image", "inspect", BASE).returncode == 0:
        return BASE
    root = Path(tempfile.mkdtemp(prefix="base-", dir=logs.parent))
    options = ["--variant=minbase", "--include=ca-certificates"]
    try:
        with phases.phase(f"debootstrap {SUITE}", about_s=60):
            command = ["debootstrap", *options, SUITE, str(root), *_mirror()]
            phases.run(command, log=logs / "debootstrap.log")
            for left in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
                shutil.rmtree(root / left, ignore_errors=True)
            packed = subprocess.run(
                ["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE, check=True
            )
            engine.run("import", "-", BASE, stdin=packed.stdout)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return BASE


def _mirror() -> list[str]:
    """Where this machine gets its own packages from; elsewhere debootstrap knows a place."""
    for path in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"):
        if Path(path).exists():
            for line in Path(path).read_text().splitlines():
                words = line.split()
                if words[:1] in (["URIs:"], ["deb"]):
                    return [next(word for word in words if "://" in word)]
    return []


def _docker_build(engine: Engine, context: Path, tag: str, log: Path, *options: str) -> None:
    # The network of the machine, as our own dockerd has no bridge.
    command = [engine.program, "build", "--network=host", f"--build-arg=BASE={BASE}", *options]
    phases.run([*command, f"--tag={tag}", str(context)], log=log, env=engine.env)


def _images(engine: Engine, context: Path, plane: Path, node: Path) -> None:
    """Write images.tar: what kubeadm and the CNI will ask containerd for."""
    proxy, cni = context / "proxy", context / "cni"
    for folder in (proxy / "usr/local/bin", proxy / "tmp", proxy / "run", cni / "bin"):
        folder.mkdir(parents=True)
    _out_of_os(engine, KUBE_PROXY_FILES, proxy)
    for tool in ("iptables", "ip6tables"):
        for kind in ("", "-save", "-restore"):
            (proxy / "usr/sbin" / f"{tool}{kind}").symlink_to("xtables-nft-multi")
    shutil.copy(node / "kube-proxy", proxy / "usr/local/bin/")
    _out_of_os(engine, "tar -c bin/busybox", cni)
    pause = context / "pause"
    command = ["gcc", "-static", "-Os", "-s", "-o", str(pause), str(HERE / "node" / "pause.c")]
    if subprocess.run(command, check=False).returncode:
        raise ProblemError("gcc could not compile node/pause.c: apt-get install gcc libc6-dev")
    version = programs.kubernetes()
    single = {"kube-apiserver": plane, "kube-controller-manager": plane, "kube-scheduler": node}
    images = [
        Image(
            name=f"{REGISTRY}/{program}:{version}",
            entrypoint=(f"/usr/local/bin/{program}",),
            files={f"/usr/local/bin/{program}": folder / program},
        )
        for program, folder in single.items()
    ]
    images += [
        Image(name=f"{REGISTRY}/kube-proxy:{version}", tree=proxy),
        Image(name=f"{REGISTRY}/pause:{PAUSE}", entrypoint=("/pause",), files={"/pause": pause}),
        Image(name=f"{REGISTRY}/etcd:{ETCD}", files={"/usr/local/bin/etcd": plane / "etcd"}),
        Image(
            name=f"{REGISTRY}/coredns/coredns:{COREDNS}",
            entrypoint=("/coredns",),
            files={"/coredns": node / "coredns"},
        ),
        Image(name="localhost/cni:1", tree=cni),
    ]
    layers.write(context / "images.tar", images)


def _out_of_os(engine: Engine, script: str, target: Path) -> None:
    command = [engine.program, "run", "--rm", "--network=host", OS, "bash", "-c", f"cd /; {script}"]
    packed = subprocess.run(command, stdout=subprocess.PIPE, env=engine.env, check=False).stdout
    if subprocess.run(["tar", "-C", str(target), "-x"], input=packed, check=False).returncode:
        raise ProblemError(f"could not read files out of {OS}")


def _lay_out(context: Path, plane: Path, node: Path) -> None:
    """Put kind's files and the programs where the Dockerfile copies them from."""
    # Without modes: files of a Go module are read-only.
    shutil.copytree(
        programs.kind_source("images/base/files"),
        context / "kindfiles",
        copy_function=shutil.copyfile,
    )
    for script in (context / "kindfiles/usr/local/bin").iterdir():
        script.chmod(0o755)
    for folder in (path for path in (context / "kindfiles").rglob("*") if path.is_dir()):
        folder.chmod(0o755)
    places = {
        "usr/bin": ["kubelet", "kubeadm"],
        "usr/local/bin": ["containerd", "ctr", "containerd-shim-runc-v2"],
        "opt/cni/bin": ["host-local", "ptp", "loopback", "portmap"],
    }
    for place, names in places.items():
        folder = context / "bin" / place
        folder.mkdir(parents=True)
        for program in names:
            shutil.copy(node / program, folder)
    shutil.copy(plane / "kubectl", context / "bin" / "usr/bin")
    os.chmod(context / "images.tar", 0o644)
