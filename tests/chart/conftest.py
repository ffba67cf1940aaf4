"""helm and promtool, built from Go modules where they are not there yet."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.plane import CLONE, tool

CHART = CLONE / "charts" / "sysplex-vipa"
ADDRESSES = [{"cidr": "198.51.100.0/24"}]
Object = dict[str, Any]
Render = Callable[..., list[Object]]


@pytest.fixture(scope="session")
def tools() -> Path:
    """Fails where they cannot be built, with the line that says why."""
    return Path(tool("tools"))


@pytest.fixture(scope="session")
def run(tools: Path) -> Callable[..., str]:
    """What a tool prints. Raises with its complaint."""

    def ran(program: str, *arguments: str) -> str:
        command = [str(tools / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{program} {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    return ran


@pytest.fixture
def render(run: Callable[..., str], tmp_path: Path) -> Render:
    """All objects of the chart with these values, hooks too."""

    def rendered(*more: str, **values: Any) -> list[Object]:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump({"addresses": ADDRESSES, **values}))
        where = ("--namespace", "elsewhere", "--values", str(file))
        text = run("helm", "template", "rel", str(CHART), *where, *more)
        return [one for one in yaml.safe_load_all(text) if one]

    return rendered
