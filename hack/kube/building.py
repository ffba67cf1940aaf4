"""Build the programs from the pinned Go modules into the cache.

Invariant: a program that is in the target folder is whole. Each is built in a folder of its
own run and moved by one rename, because a build takes minutes, is broken off now and then,
and half a program would otherwise fail every later run in a way that nobody connects to it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import locks, progress
from .outcome import ProblemError, say

MARKER = ".complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A main package, in which folder its go.mod is, and what the linker is told."""

    module: str
    package: str
    link: str = "-s -w"
    tags: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to build and with what; Go is asked for late, since a full cache needs none."""

    target: Path
    sources: Path
    programs: Mapping[str, Program]
    go: Callable[[], Path]
    environ: Mapping[str, str]

    def complete(self) -> bool:
        """Tell whether a build ended well here and nobody took a program away since."""
        return all((self.target / name).is_file() for name in (MARKER, *self.programs))


def build(recipe: Recipe) -> None:
    """Build what is not there yet; of two builds at once the second waits and finds it done."""
    target = recipe.target
    lock = target.with_name(f"{target.name}.lock")
    with locks.held(lock, waiting=f"another build of {target.name} runs: waiting for it"):
        if recipe.complete():
            return
        prefix = f"{target.name}.building-"
        for left in target.parent.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        go = recipe.go()
        target.mkdir(exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        try:
            _build_all(recipe, go, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        (target / MARKER).touch()


def _build_all(recipe: Recipe, go: Path, scratch: Path) -> None:
    wanted = [name for name in recipe.programs if not (recipe.target / name).is_file()]
    say(f"building {', '.join(wanted)} with {go} into {recipe.target} (once per machine)")
    for number, name in enumerate(wanted):
        seen = progress.Step(name=name, done=tuple(wanted[:number]), left=tuple(wanted[number:]))
        log = recipe.target / f".{name}.log"
        code = _compile(recipe, _command(recipe, go, name, scratch), log, seen)
        if code:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise ProblemError(f"go could not build {name} (exit code {code}):\n{last}")
        os.replace(scratch / name, recipe.target / name)
        log.unlink()


def _command(recipe: Recipe, go: Path, name: str, scratch: Path) -> list[str]:
    # Said on the command line, because GOFLAGS of the environment may say otherwise and the
    # user's other flags (proxies, caches) must stay in force.
    program = recipe.programs[name]
    flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", f"-ldflags={program.link}"]
    if program.tags:
        flags.append(f"-tags={program.tags}")
    return [str(go), "build", *flags, "-o", str(scratch / name), program.package]


def _compile(recipe: Recipe, command: list[str], log: Path, step: progress.Step) -> int:
    environ = {**recipe.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=recipe.sources / recipe.programs[step.name].module,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return progress.watch(process, step)
    finally:
        # The whole group, because go leaves its compilers running when only go is ended.
        progress.end_group(process)
