"""`vipa operator`: its options, its refusals, its log."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest
from tests.cli.ran import Vipa

from vipa.cli import logs
from vipa.core.election import Rules
from vipa.k8s.access import NoAccess
from vipa.shell import app
from vipa.shell.settings import Options
from vipa.shell.sight import NotAllowed

CIDR = ("--allowed-cidr", "198.51.100.0/24")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The log is the process's: leave it as pytest had it."""
    root, kopf = logging.getLogger(), logging.getLogger("kopf")
    before = root.handlers[:], root.level, kopf.level
    yield
    root.handlers[:], level, kopf_level = before
    root.setLevel(level)
    kopf.setLevel(kopf_level)


def test_addresses_are_required(vipa: Vipa) -> None:
    vipa("operator").refused(2, "--allowed-cidr is required")
    vipa("operator", "--allowed-cidr", "all").refused(2, "write CIDR or")
    vipa("operator", *CIDR, "--port", "70000").refused(2, "--port")
    vipa("operator", *CIDR, "--log-format", "xml").refused(2, "--log-format")


def test_options_arrive(vipa: Vipa, manifests: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran_with: list[Options] = []
    monkeypatch.setattr(app, "run", ran_with.append)
    more = ("--kubeconfig", manifests, "--context", "c", "--host", "::1", "--port", "0")
    twice = (*CIDR, "--allowed-cidr", "192.0.2.0/24=a,b")
    assert vipa("operator", *twice, *more, "--log-format", "json").code == 0
    (options,) = ran_with
    assert [str(rule.network) for rule in options.allowed] == ["198.51.100.0/24", "192.0.2.0/24"]
    assert options.allowed[1].namespaces == {"a", "b"}
    assert (options.kubeconfig, options.context) == (manifests, "c")
    assert (options.host, options.port) == ("::1", 0)
    vipa("operator", *CIDR)
    assert (ran_with[1].host, ran_with[1].port) == ("0.0.0.0", 8080)


def test_lease_options_arrive(vipa: Vipa, monkeypatch: pytest.MonkeyPatch) -> None:
    ran_with: list[Options] = []
    monkeypatch.setattr(app, "run", ran_with.append)
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    vipa("operator", *CIDR)
    times = ("--lease-duration", "10s", "--lease-renew", "500ms", "--lease-margin", "2s")
    vipa("operator", *CIDR, *times, "--lease-namespace", "here", "--identity", "me")
    usual, given = ran_with
    assert (usual.rules, usual.namespace) == (Rules(4, 1, 1), "sysplex-system")
    assert usual.standing.identity != usual.standing.identity, "of one process alone"
    assert (given.rules, given.standing.identity) == (Rules(10, 0.5, 2), "me")
    assert given.standing.place.path.endswith("/namespaces/here/leases/sysplex-vipa")


def test_lease_options_that_prove_nothing_are_refused(vipa: Vipa) -> None:
    vipa("operator", *CIDR, "--lease-duration", "soon").refused(2, "write a duration such as 4s")
    vipa("operator", *CIDR, "--lease-duration", "2500ms").refused(2, "counts whole seconds")
    vipa("operator", *CIDR, "--lease-margin", "0s").refused(2, "at least 0.73s")
    vipa("operator", *CIDR, "--lease-renew", "2s").refused(2, "so that one renewal may fail")
    with pytest.raises(ValueError, match="lease margin"):
        Options(allowed=(), rules=Rules(margin=0))


@pytest.mark.parametrize(
    "error",
    [NoAccess("no kubeconfig"), NotAllowed("may not list pods"), OSError("address in use")],
)
def test_no_access_is_one_line(
    vipa: Vipa, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(options: Options) -> None:
        raise error

    monkeypatch.setattr(app, "run", run)
    vipa("operator", *CIDR).refused(1, f"error: {error}\n")


def test_a_kubeconfig_that_is_not_there(vipa: Vipa) -> None:
    vipa("operator", *CIDR, "--kubeconfig", "/nix").refused(1, "/nix: there is no such file")


def record(**extra: object) -> logging.LogRecord:
    one = logging.makeLogRecord(
        {"name": "vipa.x", "levelname": "INFO", "msg": "move %s", "args": ("web",), **extra}
    )
    one.created, one.msecs = 1769860800.123, 123.0
    return one


def test_log_as_text() -> None:
    assert logs.TextLines().format(record()) == "2026-01-31T12:00:00.123Z INFO vipa.x move web"


def test_log_as_json() -> None:
    found = json.loads(logs.JsonLines().format(record(vipa="default/web")))
    assert found == {
        "time": "2026-01-31T12:00:00.123Z",
        "level": "info",
        "logger": "vipa.x",
        "message": "move web",
        "vipa": "default/web",
    }


def test_log_of_a_defect_has_its_traceback() -> None:
    try:
        int("defect")
    except ValueError:
        one = record(exc_info=sys.exc_info())
    assert "ValueError: invalid literal" in logs.TextLines().format(one)
    assert "ValueError: invalid literal" in json.loads(logs.JsonLines().format(one))["exception"]


@pytest.mark.parametrize(("level", "kopf"), [("info", "WARNING"), ("debug", "DEBUG")])
def test_kopf_is_quiet_unless_asked(level: str, kopf: str) -> None:
    logging.getLogger("kopf").setLevel(logging.NOTSET)
    logs.configure("text", level)
    assert logging.getLogger("kopf").getEffectiveLevel() == logging.getLevelName(kopf)
