"""`vipa` as people run it: a process of its own, a real API server, a running operator."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.operatorprocess import OperatorProcess
from tests.cluster.plane import Plane
from tests.cluster.world import World
from tests.waiting import becomes, eventually


class Cli:
    """Runs commands in the namespace of a world."""

    def __init__(self, kubeconfig: str, namespace: str) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespace

    def __call__(self, *args: str, code: int = 0, namespace: str | None = None) -> str:
        """What it printed: stdout, or stderr where it is to end with another code."""
        place = ["--kubeconfig", self.kubeconfig, "-n", namespace or self.namespace]
        done = self.run(*args, *place)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code else done.stdout

    @staticmethod
    def run(*args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vipa", *args],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "-o", "json"))


@pytest.fixture
def cli(controlplane: Plane, world: World) -> Cli:
    return Cli(controlplane.kubeconfig, world.namespace)


def settled(world: World, owner: str = "sysa", vipa: str = "web") -> None:
    becomes(lambda: world.owner(vipa)[0], owner)
    # The status last: commands show it.
    becomes(lambda: world.status(vipa).get("owner", {}).get("stack"), owner)
    world.quiet()


@pytest.mark.usefixtures("operator")
def test_shows_what_the_operator_did(world: World, cli: Cli) -> None:
    world.plex("sysa", "sysb")
    address = world.vipa()
    settled(world)
    status = cli("status")
    assert f"Sysplex plex1, namespace {world.namespace}: 2 of 2 stacks active" in status
    assert re.match(r"Leader tests, term \d+, since \d+s\n", status)
    assert address in status
    (line,) = cli.json("status")["sysplexes"][0]["vipas"]
    assert (line["owner"], line["epoch"], line["next"]) == ("sysa", 1, ["sysb"])
    assert "sysa owns the address and may stay" in cli("explain", "vipa/web")
    plan = cli.json("plan", "--cluster")
    assert plan["actions"] == []
    assert plan["vipas"][f"{world.namespace}/web"]["owner"] == "sysa"


@pytest.mark.usefixtures("operator")
def test_a_move_pins_and_unpin_lets_the_primary_take_back(world: World, cli: Cli) -> None:
    world.plex("sysa", "sysb")
    world.vipa()
    settled(world)
    assert "pinned to sysb; it takes the address from sysa at once" in cli(
        "move", "web", "--to", "sysb"
    )
    settled(world, "sysb")
    (line,) = cli.json("status")["sysplexes"][0]["vipas"]
    assert line["pin"] == "sysb"
    assert line["pinned"].endswith(("s", "m"))
    found = world.get("VIPA", "web")
    assert found is not None
    managers = [one["manager"] for one in found["metadata"]["managedFields"]]
    assert "vipa-cli" in managers
    assert "no longer pinned to sysb" in cli("unpin", "web")
    settled(world, "sysa")


@pytest.mark.usefixtures("operator")
def test_move_once_leaves_no_pin(world: World, cli: Cli) -> None:
    world.plex("sysa", "sysb")
    world.vipa(moveable="Manual")
    settled(world)
    assert "sysb owns it, epoch 2, after" in cli("move", "web", "--to", "sysb", "--once")
    found = world.get("VIPA", "web")
    assert found is not None
    assert "move" not in found["spec"]
    world.quiet()
    assert world.owner() == ("sysb", 2)


@pytest.mark.usefixtures("operator")
def test_moves_that_are_refused(world: World, cli: Cli) -> None:
    world.plex("sysa", "sysb")
    world.vipa()
    world.vipa("home", type="Static", backups=None)
    settled(world)
    settled(world, vipa="home")
    before = world.versions()
    assert "not in the chain" in cli("move", "web", "--to", "sysz", code=1)
    assert "is Static" in cli("move", "home", "--to", "sysb", code=1)
    assert "would move back to sysa at once" in cli("move", "web", "--to", "sysb", "--once", code=1)
    assert "there is no VIPA nix" in cli("unpin", "nix", code=1)
    assert world.versions() == before


def test_move_once_without_an_operator_takes_its_pin_away(
    world: World, cli: Cli, operator: OperatorProcess
) -> None:
    world.plex("sysa", "sysb")
    world.vipa(moveable="Manual")
    settled(world)
    operator.end()
    text = cli("move", "web", "--to", "sysb", "--once", "--timeout", "1", code=1)
    assert "not moved to sysb within 1 s, and the pin is removed" in text
    found = world.get("VIPA", "web")
    assert found is not None
    assert "move" not in found["spec"]


@pytest.mark.usefixtures("operator")
def test_a_snapshot_replays_offline(world: World, cli: Cli, tmp_path: Path) -> None:
    world.plex("sysa", "sysb")
    world.vipa()
    settled(world)
    text = cli("snapshot")
    found = yaml.safe_load(text)
    kinds = {item["kind"] for item in found["items"]}
    assert kinds >= {"Node", "Pod", "Service", "EndpointSlice", "Sysplex", "Stack", "VIPA"}
    assert "managedFields" not in text
    assert "managedFields" in cli("snapshot", "--full")
    bug = tmp_path / "bug.yaml"
    bug.write_text(text)
    done = Cli.run("plan", "-f", str(bug), "-o", "json")
    replayed = json.loads(done.stdout)
    assert replayed["actions"] == []
    assert replayed["vipas"] == cli.json("plan", "--cluster")["vipas"]
    (node,) = [
        i["spec"]["nodeName"]
        for i in found["items"]
        if i["metadata"]["name"] == "sysa" and i["kind"] == "Pod"
    ]
    fate = Cli.run("simulate", "-f", str(bug), "--fail", f"node/{node}", "-o", "json")
    assert fate.returncode == 0
    (moved,) = json.loads(fate.stdout)["moves"]
    assert (moved["from"], moved["to"], moved["reason"]) == ("sysa", "sysb", "NodeFailed")


def test_plans_what_the_operator_would_do(world: World, cli: Cli) -> None:
    world.plex("sysa", "sysb")
    world.vipa()
    eventually(lambda: world.get("VIPA", "web"))
    actions = cli.json("plan", "--cluster")["actions"]
    assert {"kind": "EndpointSlice", "name": "web-owner", "reason": "Activated"}.items() <= (
        actions[0].items()
    )
    assert "sysa is to own the address (Activated), now nobody" in cli("explain", "web")


def test_watch_draws_and_ends_with_ctrl_c(world: World, cli: Cli) -> None:
    world.plex("sysa")
    place = ["--kubeconfig", cli.kubeconfig, "-n", cli.namespace]
    command = [sys.executable, "-m", "vipa", "status", "--watch", "--interval", "0.2", *place]
    screen, terminal = pty.openpty()
    env = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(command, stdout=terminal, stderr=subprocess.PIPE, env=env, text=True)
    os.close(terminal)
    try:
        drawn = ""
        while drawn.count("Sysplex plex1") < 2 or "Ctrl-C ends" not in drawn:
            drawn += os.read(screen, 65536).decode(errors="replace")
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the terminal ends with the last process at it
            while os.read(screen, 65536):
                pass
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
        os.close(screen)
    assert (process.returncode, err) == (0, "")


def test_the_operator_says_in_one_line_why_it_may_not(controlplane: Plane, tmp_path: Path) -> None:
    config = yaml.safe_load(Path(controlplane.kubeconfig).read_text())
    for user in config["users"]:
        user["user"] = {"token": "nonsense"}
    stranger = tmp_path / "kubeconfig"
    stranger.write_text(yaml.safe_dump(config))
    flags = ("--allowed-cidr", "198.51.100.0/24", "--port", "0")
    done = Cli.run("operator", *flags, "--kubeconfig", str(stranger))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert "Unauthorized" in last
    assert "Traceback" not in done.stderr
    refused = Cli.run("status", "--kubeconfig", str(stranger))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
