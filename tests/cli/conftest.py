"""The command line as users call it, in this process; tables are compared with golden files.

`UPDATE_GOLDEN=1 pytest tests/cli` writes the golden files anew: look at the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.ran import Ran, Vipa
from typer.testing import CliRunner

from vipa.cli.main import app

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "golden"


@pytest.fixture
def vipa(monkeypatch: pytest.MonkeyPatch) -> Vipa:
    # No cluster may be found by accident, and no colours asked for.
    monkeypatch.setenv("KUBECONFIG", "/dev/null")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*args: str, stdin: str | None = None) -> Ran:
        result = CliRunner().invoke(app, args, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def sample() -> str:
    """Three nodes in two zones, three stacks, three VIPAs, as `vipa snapshot` wrote it."""
    return str(TESTS / "data" / "snapshot.yaml")


@pytest.fixture
def manifests() -> str:
    return str(TESTS / "data" / "plex1.yaml")


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    def compare(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(text)
        assert text == path.read_text()

    return compare
