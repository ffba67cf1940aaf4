"""Which Docker works for us: the user's own, else a dockerd that this clone starts for itself."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kube.outcome import ProblemError

from . import daemon


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A Docker that answers. `own`: started by us, with nothing in it but ours."""

    program: str
    host: str | None
    own: bool

    @property
    def env(self) -> dict[str, str]:
        """Return the environment in which docker and kind speak to this engine."""
        # Of several `docker` the one that belongs to this engine must win: kind starts it by name.
        path = f"{Path(self.program).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        host = {"DOCKER_HOST": self.host} if self.host else {}
        return {**os.environ, "PATH": path, "DOCKER_BUILDKIT": "1", **host}

    def run(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run docker; return what it printed. Raises ProblemError."""
        done = self.tried(*arguments, stdin=stdin)
        if done.returncode:
            error = done.stderr.decode(errors="replace").strip()
            raise ProblemError(f"docker {' '.join(arguments[:3])}: {error}")
        return done.stdout.decode(errors="replace").strip()

    def tried(
        self, *arguments: str, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run docker where failing is an answer, too."""
        return subprocess.run(
            [self.program, *arguments], input=stdin, capture_output=True, env=self.env, check=False
        )


def find(state: Path, environ: Mapping[str, str] = os.environ) -> Engine | None:
    """Return the engine that answers now, ours first: what it holds is not in another one."""
    ours = _own(state)
    if ours is not None and answers(ours):
        return ours
    theirs = shutil.which("docker")
    if theirs is None:
        return None
    engine = Engine(program=theirs, host=environ.get("DOCKER_HOST"), own=False)
    return engine if answers(engine) else None


def ready(state: Path) -> Engine:
    """Return an engine that answers, starting one if need be. Raises MissingError."""
    found = find(state)
    if found is not None:
        return found
    daemon.start(state)
    ours = _own(state)
    if ours is None or not answers(ours):
        raise ProblemError(f"dockerd does not answer: see {daemon.log(state)}")
    return ours


def answers(engine: Engine) -> bool:
    """Tell whether a daemon is behind it."""
    return engine.tried("version", "--format", "{{.Server.Version}}").returncode == 0


def _own(state: Path) -> Engine | None:
    program = daemon.client()
    if program is None:
        return None
    return Engine(program=program, host=f"unix://{daemon.socket(state)}", own=True)
