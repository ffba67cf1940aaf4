"""Commands against an API server that answers wrongly, or not; the real one is in tests/cluster."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.live import Live
from tests.cli.fake import FakeApi, kubeconfig, serving
from tests.cli.ran import Ran, Vipa

from vipa.cli import move

PODS = "/api/v1/pods"
RECORD = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-owner"
VIPAS = "/apis/sysplex.dev/v1alpha1/vipas"
FORBIDDEN = (403, {"kind": "Status", "message": "pods is forbidden", "reason": "Forbidden"})


@pytest.fixture
def fake(sample: str) -> FakeApi:
    return FakeApi(sample)


@pytest.fixture
def config(fake: FakeApi, tmp_path: Path) -> Iterator[str]:
    with serving(fake) as server:
        yield kubeconfig(tmp_path, server)


def spec(fake: FakeApi, vipa: str) -> dict[str, Any]:
    found = fake.objects["VIPA", "default", vipa]["spec"]
    assert isinstance(found, dict)
    return found


def test_status_of_the_cluster(vipa: Vipa, config: str, golden: Any) -> None:
    ran = vipa("plan", "--cluster", "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    golden("plan", ran.out)
    assert "web" in vipa("status", "--kubeconfig", config).out
    assert "web" in vipa("status", "--kubeconfig", config, "--context", "two", "-A").out
    assert "namespace other" in vipa("status", "--kubeconfig", config, "--context", "two").out


LEASE = {
    "metadata": {"name": "sysplex-vipa", "namespace": "sysplex-system", "resourceVersion": "7"},
    "spec": {
        "holderIdentity": "vipa-0",
        "leaseDurationSeconds": 4,
        "leaseTransitions": 12,
        "acquireTime": "2026-01-31T12:00:00.123456Z",
        "renewTime": "2026-01-31T12:00:01.123456Z",
    },
}
EVERYWHERE = "/apis/coordination.k8s.io/v1/leases"
HOME = "/apis/coordination.k8s.io/v1/namespaces/sysplex-system/leases"


def leader(vipa: Vipa, config: str) -> str:
    ran = vipa("status", "--kubeconfig", config)
    assert ran.code == 0
    return ran.out.splitlines()[0]


def test_status_says_who_leads_and_whether_that_one_lives(
    vipa: Vipa, fake: FakeApi, config: str
) -> None:
    fake.objects["Lease", "sysplex-system", "sysplex-vipa"] = copy.deepcopy(LEASE)
    line = leader(vipa, config)
    assert line.startswith("Leader vipa-0, term 12, since ")
    assert "does the operator run?" in line
    found = json.loads(vipa("status", "-o", "json", "--kubeconfig", config).out)["leader"]
    assert found == {"holder": "vipa-0", "term": 12, "since": "2026-01-31T12:00:00Z"}
    fake.objects["Lease", "sysplex-system", "sysplex-vipa"]["spec"]["holderIdentity"] = ""
    assert leader(vipa, config) == "Leader: nobody at present, last term 12"


def test_status_without_a_lease_shows_all_the_rest(vipa: Vipa, fake: FakeApi, config: str) -> None:
    assert leader(vipa, config).startswith("Leader: not known, there is no Lease sysplex-vipa")
    fake.objects["Lease", "sysplex-system", "sysplex-vipa"] = copy.deepcopy(LEASE)
    fake.faults[EVERYWHERE] = (403, {"message": "not in all namespaces"})
    assert leader(vipa, config).startswith("Leader vipa-0")
    fake.faults[HOME] = (403, {"message": "not there either"})
    assert leader(vipa, config).endswith("not there either")
    assert "web" in vipa("status", "--kubeconfig", config).out


def test_snapshot_replays(vipa: Vipa, config: str, golden: Any) -> None:
    text = vipa("snapshot", "--kubeconfig", config).out
    found = yaml.safe_load(text)
    assert found["kind"] == "List"
    assert found["metadata"]["annotations"]["sysplex.dev/now"].endswith("Z")
    golden("plan", vipa("plan", "-f", "-", stdin=text).out)
    full = yaml.safe_load(vipa("snapshot", "--full", "--kubeconfig", config).out)
    assert all(item["metadata"]["resourceVersion"] for item in full["items"])
    here = yaml.safe_load(vipa("snapshot", "-n", "other", "--kubeconfig", config).out)
    assert {item["kind"] for item in here["items"]} == {"Node", "ServiceCIDR"}


@pytest.mark.parametrize(
    ("path", "answer", "text"),
    [
        (PODS, (401, {"message": "Unauthorized"}), "does not know these credentials"),
        ("/api/v1/nodes", FORBIDDEN, "ask for the rights in crds/rbac.yaml"),
        (VIPAS, (404, {"message": "404 page not found"}), "are the CRDs applied? see crds/"),
        (PODS, (500, {"message": "etcd is away"}), "GET /api/v1/pods: etcd is away"),
        (PODS, (410, {}), "HTTP 410"),
    ],
)
def test_refusals_are_one_line(
    vipa: Vipa, fake: FakeApi, config: str, path: str, answer: Any, text: str
) -> None:
    fake.faults[path] = answer
    vipa("status", "--kubeconfig", config).refused(1, text)
    vipa("move", "web", "--to", "sysa", "--kubeconfig", config).refused(1, text)


def test_without_rights_on_all_namespaces_one_is_enough(
    vipa: Vipa, fake: FakeApi, config: str
) -> None:
    fake.faults[PODS] = FORBIDDEN
    fake.faults["/apis/networking.k8s.io/v1/servicecidrs"] = FORBIDDEN
    out = vipa("explain", "web", "--kubeconfig", config).out
    assert "sysc owns the address and may stay" in out
    vipa("snapshot", "-n", "default", "--kubeconfig", config)


def test_nobody_answers(vipa: Vipa, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, "http://127.0.0.1:9")
    vipa("status", "--kubeconfig", config).refused(1, "is http://127.0.0.1:9 the right API server?")
    vipa("status", "--watch", "--kubeconfig", config).refused(1, "the right API server?")


def test_kubeconfigs_that_cannot_be_used(vipa: Vipa, config: str, tmp_path: Path) -> None:
    vipa("status", "--kubeconfig", "/nix").refused(1, "--kubeconfig /nix: there is no such file")
    vipa("status", "--kubeconfig", config, "--context", "nix").refused(1, "no usable kubeconfig")
    vipa("status").refused(1, "no usable kubeconfig")
    for text in ("", "[1]", "a: [", "current-context: 7\ncontexts: 5\n"):
        broken = tmp_path / "broken"
        broken.write_text(text)
        vipa("status", "--kubeconfig", str(broken)).refused(1, "no usable kubeconfig")


def takes(fake: FakeApi, vipa: str) -> None:
    """Let the operator do what a pin asks for."""

    def act() -> None:
        pin = (spec(fake, vipa).get("move") or {}).get("to")
        if pin:
            record = fake.objects["EndpointSlice", "default", f"{vipa}-owner"]
            notes = record["metadata"]["annotations"]
            notes |= {"sysplex.dev/owner": pin, "sysplex.dev/epoch": "9"}

    fake.on_patch = act


def run_move(vipa: Vipa, config: str, *args: str) -> Ran:
    return vipa("move", *args, "--kubeconfig", config)


def test_move_writes_a_pin(vipa: Vipa, fake: FakeApi, config: str) -> None:
    ran = run_move(vipa, config, "vipa/web", "--to", "stack/sysa")
    assert ran.out == "default/web: pinned to sysa; it takes the address from sysc at once\n"
    assert fake.patched == [("vipa-cli", {"spec": {"move": {"to": "sysa"}}})]
    assert "owns the address already" in run_move(vipa, config, "web", "--to", "sysc").out
    late = run_move(vipa, config, "web", "--to", "sysb").out
    assert "sysb is not eligible now" not in late
    assert "it is not eligible now (Deactivated: " in late


def test_move_is_refused(vipa: Vipa, fake: FakeApi, config: str) -> None:
    run_move(vipa, config, "web", "--to", "sysz").refused(1, "not moved: stack sysz is not in the")
    run_move(vipa, config, "home", "--to", "sysa").refused(1, "is Static: it moves by an edit of")
    run_move(vipa, config, "nix", "--to", "sysa").refused(1, "there is no VIPA nix")
    run_move(vipa, config, "web", "--to", "sysb", "--once").refused(1, "cannot take VIPA")
    run_move(vipa, config, "web").refused(2, "Missing option '--to'")
    run_move(vipa, config, "web", "--to", "node/n1").refused(2, "write the name of a stack")
    spec(fake, "db")["move"] = None
    run_move(vipa, config, "db", "--to", "sysa", "--once").refused(1, "would move back to sysb")
    assert fake.patched == []


def test_once_leaves_no_pin(vipa: Vipa, fake: FakeApi, config: str) -> None:
    takes(fake, "web")
    ran = run_move(vipa, config, "web", "--to", "sysa", "--once")
    assert ran.code == 0
    assert ran.out.startswith("default/web: sysa owns it, epoch 9, after 0.")
    assert spec(fake, "web")["move"] is None
    assert [body["spec"] for _, body in fake.patched] == [{"move": {"to": "sysa"}}, {"move": None}]
    again = run_move(vipa, config, "web", "--to", "sysc", "--once")
    assert again.code == 0
    quiet = len(fake.patched)
    same = run_move(vipa, config, "web", "--to", "sysc", "--once")
    assert same.out == "default/web: sysc owns it already; nothing to do\n"
    assert len(fake.patched) == quiet


def test_once_gives_up_and_takes_its_pin_away(vipa: Vipa, fake: FakeApi, config: str) -> None:
    ran = run_move(vipa, config, "web", "--to", "sysa", "--once", "--timeout", "0.3")
    ran.refused(
        1, "not moved to sysa within 0.3 s, and the pin is removed; is the operator running?"
    )
    assert spec(fake, "web")["move"] is None


def test_once_waits_for_a_record_that_is_not_there(vipa: Vipa, fake: FakeApi, config: str) -> None:
    fake.faults[RECORD] = (404, {"kind": "Status", "message": "not found"})
    ran = run_move(vipa, config, "web", "--to", "sysa", "--once", "--timeout", "0.3")
    ran.refused(1, "not moved to sysa within 0.3 s")


def test_once_says_what_the_server_refuses_and_takes_its_pin_away(
    vipa: Vipa, fake: FakeApi, config: str
) -> None:
    fake.faults[RECORD] = FORBIDDEN
    run_move(vipa, config, "web", "--to", "sysa", "--once").refused(1, "pods is forbidden")
    assert spec(fake, "web")["move"] is None


def test_once_leaves_the_pin_of_somebody_else(vipa: Vipa, fake: FakeApi, config: str) -> None:
    takes(fake, "web")
    act = fake.on_patch

    def other() -> None:
        act()
        spec(fake, "web")["move"] = {"to": "sysb"}

    fake.on_patch = other
    ran = run_move(vipa, config, "web", "--to", "sysa", "--once")
    assert ran.out.endswith("; move.to was changed to sysb meanwhile and stays\n")
    assert len(fake.patched) == 1


@pytest.mark.parametrize("conflicts", [3, 100])
def test_unpinning_meets_other_writers(
    vipa: Vipa, fake: FakeApi, config: str, conflicts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes(fake, "web")
    original = fake.answer
    left = [conflicts]

    def answer(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        status, found = original(method, path, body)
        if method == "GET" and path.endswith("/vipas/web") and left[0]:
            left[0] -= 1
            found = {**found, "metadata": {**found["metadata"], "resourceVersion": "0"}}
        return status, found

    monkeypatch.setattr(fake, "answer", answer)
    ran = run_move(vipa, config, "web", "--to", "sysa", "--once")
    if conflicts > move.TRIES:
        ran.refused(1, "the pin is still there")
    else:
        assert ran.code == 0
        assert spec(fake, "web")["move"] is None


def test_an_error_while_unpinning(vipa: Vipa, fake: FakeApi, config: str) -> None:
    takes(fake, "web")
    act = fake.on_patch

    def away() -> None:
        act()
        fake.faults[f"{VIPAS.replace('vipas', 'namespaces/default/vipas')}/web"] = (500, {})

    fake.on_patch = away
    run_move(vipa, config, "web", "--to", "sysa", "--once").refused(1, "HTTP 500")


def test_unpin(vipa: Vipa, fake: FakeApi, config: str) -> None:
    ran = vipa("unpin", "vipa/db", "--kubeconfig", config)
    assert ran.out == "default/db: no longer pinned to sysa\n"
    assert fake.patched == [("vipa-cli", {"spec": {"move": None}})]
    again = vipa("unpin", "db", "--kubeconfig", config)
    assert (again.code, again.out) == (0, "default/db: has no pin; nothing to do\n")
    vipa("unpin", "nix", "--kubeconfig", config).refused(1, "there is no VIPA nix")


def member(fake: FakeApi, name: str, **status: str) -> dict[str, Any]:
    stack = fake.objects["Stack", "default", name]
    stack["status"] |= status
    return stack


def test_leave_and_join(vipa: Vipa, fake: FakeApi, config: str) -> None:
    stack = member(fake, "sysa")
    left = vipa("leave", "stack/sysa", "--kubeconfig", config)
    assert left.out == "default/sysa: leaves its group, until `vipa join`\n"
    assert fake.patched == [("vipa-cli", {"spec": {"membership": "Left"}})]
    again = vipa("leave", "sysa", "--kubeconfig", config)
    assert (again.code, again.out) == (0, "default/sysa: has left already; nothing to do\n")
    joined = vipa("join", "sysa", "--kubeconfig", config)
    assert joined.out == "default/sysa: joins its group\n"
    assert stack["spec"]["membership"] == "Joined"
    manager, body = fake.patched[-1]
    assert manager == "vipa-cli"
    assert body["metadata"]["annotations"]["sysplex.dev/join-requested"].endswith("Z")


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        ("Left", "was expelled by the monitor, joins again"),
        ("Quarantined", "is let out of quarantine"),
        ("Active", "is in its group already (Active)"),
    ],
)
def test_join_says_what_it_ends(
    vipa: Vipa, fake: FakeApi, config: str, phase: str, text: str
) -> None:
    member(fake, "sysa", phase=phase)
    assert vipa("join", "sysa", "--kubeconfig", config).out == f"default/sysa: {text}\n"
    assert len(fake.patched) == 1


def test_join_and_leave_of_a_stack_that_is_not_there(
    vipa: Vipa, fake: FakeApi, config: str
) -> None:
    for word in ("join", "leave"):
        ran = vipa(word, "sysz", "--kubeconfig", config)
        ran.refused(1, "there is no Stack sysz in namespace default")
        vipa(word, "--kubeconfig", config).refused(2, "Missing argument 'STACK'")
    assert fake.patched == []


def test_watch_draws_again_until_ctrl_c(
    vipa: Vipa, fake: FakeApi, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def update(self: Live, renderable: Any, *, refresh: bool) -> None:
        drawn.append(str(renderable.renderables[-1]))
        if len(drawn) == 1:
            fake.faults[PODS] = (500, {"message": "etcd is away"})
        elif len(drawn) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Live, "update", update)
    ran = vipa("status", "--watch", "--interval", "0.2", "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert drawn[0].endswith("again every 0.2 s; Ctrl-C ends")
    assert drawn[1].startswith("not up to date: GET /api/v1/pods: etcd is away")
