"""Build the operator's image and, beside it, the list of what is in it.

Takes the Docker that answers, or starts one of the clone's own (see hack/kindcluster/daemon.py).
The base of the build stage is pulled where an image registry can be reached, else made by
debootstrap from Debian's packages; the image itself starts from nothing either way.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from image import sbom
from kindcluster import engine
from kube.outcome import MissingError, ProblemError, say

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = "docker.io/library/debian:bookworm-slim"
OWN = "sysplex-vipa-base:bookworm"
PULL_WITHIN_S = 60
LIMIT_MB = 150
# Whoever is behind a proxy that opens TLS says so by one of these.
BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="hack/image", description=__doc__)
    parser.add_argument("--tag", default=f"sysplex-vipa:{version()}", help="name of the image")
    parser.add_argument("--base", help="base of the build stage: a Debian 12")
    options = parser.parse_args(arguments)
    try:
        docker = engine.ready(ROOT / "build" / "kind")
        build(docker, options.tag, options.base or base(docker))
        check(docker, options.tag)
        report(docker, options.tag)
    except ProblemError as error:
        print(f"image: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def version() -> str:
    text = (ROOT / "operator" / "vipa" / "__init__.py").read_text()
    return text.partition('__version__ = "')[2].partition('"')[0]


def base(docker: engine.Engine) -> str:
    """One that is here, one that can be pulled, or one that is made here."""
    for name in (PUBLIC, OWN):
        if docker.tried("image", "inspect", name).returncode == 0:
            return name
    say(f"pulling {PUBLIC}")
    try:
        command = [docker.program, "pull", "--quiet", PUBLIC]
        done = subprocess.run(
            command, capture_output=True, env=docker.env, check=False, timeout=PULL_WITHIN_S
        )
    except subprocess.TimeoutExpired:
        done = None
    if done is not None and done.returncode == 0:
        return PUBLIC
    say("no image registry: making a base by debootstrap, from Debian's packages (1 to 3 minutes)")
    bootstrap(docker)
    return OWN


def bootstrap(docker: engine.Engine) -> None:
    """Debian's smallest root as an image, with its security updates."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", "bookworm", str(root)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise MissingError("no image registry answers: install debootstrap") from error
        if done.returncode:
            last = (done.stdout + done.stderr).strip().rpartition("\n")[2]
            raise ProblemError(f"debootstrap (needs root): {last}")
        sources = root / "etc/apt/sources.list"
        line = sources.read_text().splitlines()[0]
        updates = line.replace("/debian bookworm", "/debian-security bookworm-security")
        sources.write_text(f"{line}\n{updates}\n")
        with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
            assert tar.stdout is not None
            load = [docker.program, "import", "-", OWN]
            loaded = subprocess.run(
                load, stdin=tar.stdout, capture_output=True, env=docker.env, check=False
            )
        if loaded.returncode:
            raise ProblemError(f"docker import: {loaded.stderr.decode(errors='replace').strip()}")


def build(docker: engine.Engine, tag: str, on: str) -> None:
    say(f"building {tag} on {on} (2 minutes if nothing is cached)")
    began = time.monotonic()
    # The network of the machine, as ours has no bridge.
    command = [docker.program, "build", "--network=host", f"--build-arg=BASE={on}", f"--tag={tag}"]
    bundle = next((os.environ[name] for name in BUNDLES if os.environ.get(name)), None)
    if bundle:
        command.append(f"--secret=id=ca,src={bundle}")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*command, "."], cwd=ROOT, env=docker.env, stdout=log, stderr=subprocess.STDOUT
        )
        while True:
            try:
                code = process.wait(timeout=30)
                break
            except subprocess.TimeoutExpired:
                say(f"  {time.monotonic() - began:.0f} s")
        if code:
            log.seek(0)
            last = "\n".join(log.read().splitlines()[-20:])
            raise ProblemError(f"docker build ended with {code}:\n{last}")
    say(f"built in {time.monotonic() - began:.0f} s")


# Every module but the one that `kopf run` takes, which is no use without its environment.
IMPORT_ALL = """
import importlib, pkgutil, vipa
for one in pkgutil.walk_packages(vipa.__path__, "vipa."):
    if not one.name.endswith(("__main__", "kopf_run")):
        importlib.import_module(one.name)
"""
# As the chart runs it: nothing to write to, no rights, and no network is needed to start.
CONFINED = ("run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL")


def check(docker: engine.Engine, tag: str) -> None:
    """It has all that vipa imports, and starts; without an account that ends with one line."""
    docker.run(*CONFINED, "--entrypoint=/usr/bin/python3", tag, "-c", IMPORT_ALL)
    began = time.monotonic()
    done = docker.tried(*CONFINED, tag, "operator", "--allowed-cidr=192.0.2.0/24")
    took = time.monotonic() - began
    if b"no account of a pod" not in done.stderr:
        raise ProblemError(f"{tag} does not start: {done.stderr.decode(errors='replace').strip()}")
    say(f"starts in {took:.1f} s, the container included, until it asks for its account")


def report(docker: engine.Engine, tag: str) -> None:
    """Its size, which has a limit, and its parts."""
    size = int(docker.run("image", "inspect", tag, "--format", "{{.Size}}")) / 1e6
    target = ROOT / "build" / "image" / "sbom.cdx.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    container = docker.run("create", tag)
    try:
        found = sbom.read(docker, container)
    finally:
        docker.run("rm", container)
    target.write_text(json.dumps(sbom.document(tag, found), indent=1) + "\n")
    say(f"{tag}: {size:.0f} MB, {len(found)} packages, listed in {target.relative_to(ROOT)}")
    if size > LIMIT_MB:
        raise ProblemError(f"{tag} is larger than {LIMIT_MB} MB")
    print(tag)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
