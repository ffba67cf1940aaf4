"""The local control plane: where its programs come from, and its life from up to down.

The second half runs the real thing: two control planes for the whole file, because their
start is what takes time.
"""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import eventually

# The two planes are started once.
pytestmark = pytest.mark.xdist_group("planes")

CLONE = Path(__file__).resolve().parents[2]
SCRIPT = CLONE / "hack" / "controlplane"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
# Writes half of the program, then waits for leave if $GO_WAITS, then writes the rest.
FAKE_GO = """\
#!/bin/sh
if [ "$1" = version ]; then echo "go version go${GO_VERSION:-1.26.9} any/any"; exit; fi
while [ "$1" != -o ]; do shift; done
echo "$$" >> "$GO_NOTES"
printf half > "$2"
[ -z "$GO_WAITS" ] || while [ ! -e "$GO_WAITS" ]; do sleep 0.05; done
[ -z "$GO_FAILS" ] || { echo "undefined: sense"; exit 3; }
printf whole > "$2"
"""


class Machine:
    """A machine of the test's making: its PATH, its cache, its Go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        self.notes.touch()
        self.path = folder / "bin"
        self.path.mkdir()
        for tool in ("sh", "sleep"):
            (self.path / tool).symlink_to(str(shutil.which(tool)))
        self.environ = {
            "PATH": str(self.path),
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "GO_NOTES": str(self.notes),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def program(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def with_go(self, **environ: str) -> None:
        self.program(self.path / "go", FAKE_GO)
        self.environ |= environ

    def without_module(self, module: str) -> None:
        broken = self.folder / "broken"
        self.program(broken / module / "__init__.py", f"raise ImportError('no {module}')")
        self.environ["PYTHONPATH"] = str(broken)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.begin(*arguments)
        out, err = process.communicate(timeout=30)
        return process.returncode, out.strip(), err.strip()

    def cached(self) -> Path:
        cache = self.folder / "cache" / "sysplex-vipa"
        (found,) = (
            path
            for path in cache.glob("kube-*")
            if re.fullmatch(r"[^-]+-v[.\d]+-etcd[.\d]+", path.name)
        )
        return found

    def builders(self) -> list[int]:
        return [int(line) for line in self.notes.read_text().split()]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    for pid in made.builders():
        if (Path(f"/proc/{pid}/cmdline")).exists() and "go" in _command_of(pid):
            os.kill(pid, signal.SIGKILL)


def _command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_programs_are_built_once_and_found_in_the_cache_afterwards(machine: Machine) -> None:
    machine.with_go()
    code, out, err = machine.run("binaries")
    assert code == 0, err
    assert out == str(machine.cached())
    assert "[1/4]" in err
    assert {(machine.cached() / program).read_text() for program in PROGRAMS} == {"whole"}
    assert machine.run("binaries") == (0, out, "")
    assert len(machine.builders()) == len(PROGRAMS)


def test_own_folder_of_programs_comes_before_the_cache(machine: Machine) -> None:
    machine.with_go()
    own = machine.folder / "own"
    for program in PROGRAMS:
        machine.program(own / program, "#!/bin/sh\necho Kubernetes v1.36.0\n")
    machine.environ["SYSPLEX_KUBE_BIN"] = str(own)
    code, out, err = machine.run("binaries")
    assert (code, out) == (0, str(own))
    assert "v1.36.0" in err
    assert not machine.builders()


def test_own_folder_with_unusable_programs_is_refused_in_one_line(machine: Machine) -> None:
    own = machine.folder / "own"
    for program in PROGRAMS[1:]:
        machine.program(own / program, "#!/bin/sh\necho Kubernetes v1.37.0\n")
    machine.program(own / "kubectl", "\x7fELF of another machine")
    machine.environ["SYSPLEX_KUBE_BIN"] = str(own)
    code, out, err = machine.run("binaries")
    assert (code, out) == (2, "")
    assert err.count("\n") == 0
    assert "no working etcd, kubectl: put" in err


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_build_that_is_broken_off_leaves_no_half_program(
    machine: Machine, signal_number: signal.Signals
) -> None:
    machine.with_go(GO_WAITS=str(machine.folder / "go-on"))
    process = machine.begin("binaries")
    eventually(lambda: list(machine.folder.glob("cache/*/*.building-*/etcd")))
    process.send_signal(signal_number)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert not [program for program in PROGRAMS if (machine.cached() / program).exists()]
    machine.with_go(GO_WAITS="")
    code, _, err = machine.run("binaries")
    assert code == 0, err
    assert {(machine.cached() / program).read_text() for program in PROGRAMS} == {"whole"}
    assert not list(machine.folder.glob("cache/*/*.building-*"))


def test_build_that_is_interrupted_ends_its_compilers(machine: Machine) -> None:
    machine.with_go(GO_WAITS=str(machine.folder / "go-on"))
    process = machine.begin("binaries")
    eventually(machine.builders)
    process.terminate()
    process.communicate(timeout=30)
    (builder,) = machine.builders()
    eventually(lambda: not Path(f"/proc/{builder}").exists() or not _command_of(builder))


def test_second_build_at_once_waits_for_the_first(machine: Machine) -> None:
    go_on = machine.folder / "go-on"
    machine.with_go(GO_WAITS=str(go_on))
    first = machine.begin("binaries")
    eventually(machine.builders)
    second = machine.begin("binaries")
    assert second.stderr
    assert "waiting for it" in second.stderr.readline()
    go_on.touch()
    answers = {process.communicate(timeout=30)[0].strip() for process in (first, second)}
    assert answers == {str(machine.cached())}
    assert len(machine.builders()) == len(PROGRAMS)


def test_failing_build_shows_what_the_compiler_said(machine: Machine) -> None:
    machine.with_go(GO_FAILS="1")
    code, _, err = machine.run("binaries")
    assert code == 1
    assert "could not build etcd (exit code 3):\nundefined: sense" in err


def test_machine_without_usable_go_and_pip_is_told_the_remedy(machine: Machine) -> None:
    machine.with_go(GO_VERSION="1.25.9")
    machine.without_module("pip")
    code, out, err = machine.run("binaries")
    assert (code, out) == (2, "")
    assert err.count("\n") == 0
    assert "install Go 1.26 or newer" in err


def test_machine_without_cryptography_is_told_the_remedy(machine: Machine) -> None:
    machine.without_module("cryptography")
    code, out, err = machine.run("up", "x", "--dir", str(machine.folder))
    assert (code, out) == (2, "")
    assert err.count("\n") == 0
    assert err.endswith("run make setup")


def test_interpreter_without_cryptography_hands_over_to_the_one_of_the_clone(
    machine: Machine,
) -> None:
    clone = machine.folder / "clone"
    shutil.copytree(SCRIPT.parent / "kube", clone / "hack" / "kube")
    script = shutil.copy(SCRIPT, clone / "hack")
    machine.program(clone / ".venv/bin/python", '#!/bin/sh\necho handed over: "$@"\n')
    command = [sys.executable, "-S", script, "up", "x"]
    out = subprocess.check_output(command, env=machine.environ, text=True)
    assert out == f"handed over: {script} up x\n"


@pytest.mark.parametrize("name", ["../x", "", "A", "-x"])
def test_name_that_is_no_plain_folder_name_is_refused(machine: Machine, name: str) -> None:
    code, _, err = machine.run("down", "--dir", str(machine.folder), "--", name)
    assert code == 1
    assert "is no name" in err


class Planes:
    """Real control planes in a folder of the test."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def begin(self, command: str, name: str, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), command, "--dir", str(self.base), name, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, name: str, *more: str) -> tuple[int, str, str]:
        process = self.begin(command, name, *more)
        out, err = process.communicate(timeout=100)
        return process.returncode, out.strip(), err.strip()

    def ok(self, command: str, name: str, *more: str) -> str:
        code, out, err = self.run(command, name, *more)
        assert code == 0, err
        return out

    def parts(self, name: str) -> dict[str, dict[str, Any]]:
        _, out, _ = self.run("status", name, "--json")
        return {part["part"]: part for part in json.loads(out)["parts"]}

    def pids(self, name: str) -> list[int]:
        return [part["pid"] for part in self.parts(name).values() if part["pid"]]


@pytest.fixture(scope="module")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """Two control planes, started at the same time: `one` and `two`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sysplex-vipa"
    if not os.environ.get("SYSPLEX_KUBE_BIN") and not list(cache.glob("kube-*/.complete")):
        pytest.fail("the programs are not built yet: run hack/controlplane binaries")
    made = Planes(tmp_path_factory.mktemp("planes"))
    starts = [made.begin("up", name) for name in ("one", "two")]
    try:
        for start in starts:
            err = start.communicate(timeout=100)[1]
            assert start.returncode == 0, err
        yield made
    finally:
        for name in ("one", "two"):
            made.run("down", name)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_two_planes_run_side_by_side(planes: Planes) -> None:
    parts = [part for name in ("one", "two") for part in planes.parts(name).values()]
    assert all(part["healthy"] for part in parts)
    assert len({part["port"] for part in parts}) == len(parts)
    assert len({part["pid"] for part in parts}) == len(parts)


def test_up_of_a_running_plane_only_prints_the_path_again(planes: Planes) -> None:
    before = planes.pids("one")
    assert planes.run("up", "one") == (0, str(planes.base / "one" / "kubeconfig"), "")
    assert planes.pids("one") == before


def test_running_plane_refuses_other_flags(planes: Planes) -> None:
    code, _, err = planes.run("up", "one", "--kcm-flag=--v=4")
    assert code == 1
    assert "other flags" in err


def test_plane_is_marked_for_rehearsals_and_takes_pods(planes: Planes) -> None:
    get = ("get", "-o", "name")
    mark = ("-n", "kube-system", *get, "configmap/sysplex-rehearsal")
    assert planes.ok("kubectl", "one", *mark) == "configmap/sysplex-rehearsal"
    assert planes.ok("kubectl", "one", *get, "serviceaccount/default") == "serviceaccount/default"
    name = f"web-{secrets.token_hex(2)}"
    run = ("run", name, "--image=none", "-o", "name")
    assert planes.ok("kubectl", "one", *run) == f"pod/{name}"


def test_stopped_api_server_comes_back_on_its_port_with_its_data(planes: Planes) -> None:
    name = f"kept-{secrets.token_hex(2)}"
    planes.ok("kubectl", "one", "create", "namespace", name)
    before = planes.parts("one")["kube-apiserver"]
    planes.ok("stop", "one", "kube-apiserver")
    code, table, _ = planes.run("status", "one")
    assert code == 1
    assert [line.split()[-1] for line in table.split("\n")[1:]] == ["healthy", "running", "healthy"]
    planes.ok("start", "one", "kube-apiserver")
    after = planes.parts("one")["kube-apiserver"]
    assert after["healthy"]
    assert after["port"] == before["port"]
    assert after["pid"] != before["pid"]
    assert planes.ok("kubectl", "one", "get", "ns", name, "-o", "name") == f"namespace/{name}"


def test_taken_port_fails_start_but_up_moves_the_part(planes: Planes) -> None:
    part = "kube-controller-manager"
    before = planes.parts("two")
    planes.ok("stop", "two", part)
    with socket.create_server(("127.0.0.1", before[part]["port"])):
        code, _, err = planes.run("start", "two", part)
        assert code == 1
        assert f"{part} died at its start" in err
        assert "address already in use" in err
        planes.ok("up", "two")
    after = planes.parts("two")
    assert after[part]["healthy"]
    assert after[part]["port"] != before[part]["port"]
    assert after["kube-apiserver"] == before["kube-apiserver"]


def test_stale_pid_of_a_stranger_is_neither_believed_nor_killed(
    planes: Planes, stranger: subprocess.Popen[bytes]
) -> None:
    for pid in planes.pids("two"):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not planes.pids("two"))
    file = planes.base / "two" / "state.json"
    record = json.loads(file.read_text())
    for process in record["processes"].values():
        process["pid"] = stranger.pid
    file.write_text(json.dumps(record))
    assert not planes.pids("two")
    assert planes.run("stop", "two", "etcd")[0] == 0
    planes.ok("up", "two")
    assert all(part["healthy"] for part in planes.parts("two").values())
    assert stranger.poll() is None


def test_part_that_dies_at_start_is_named_with_its_log_and_nothing_stays(planes: Planes) -> None:
    code, out, err = planes.run("up", "three", "--apiserver-flag=--no-such-flag")
    assert (code, out) == (1, "")
    assert "kube-apiserver died at its start" in err
    assert "unknown flag: --no-such-flag" in err
    assert not planes.pids("three")
    planes.ok("down", "three")


def test_down_ends_the_processes_and_removes_the_folder(planes: Planes) -> None:
    pids = planes.pids("two")
    others = planes.pids("one")
    planes.ok("down", "two")
    assert not (planes.base / "two").exists()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists() and _command_of(pid)]
    assert planes.pids("one") == others
    assert planes.ok("down", "two") == ""
    assert planes.run("status", "two")[0] == 1
