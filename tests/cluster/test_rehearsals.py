"""Every rehearsal on a real API server with the real operator process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.plane import Api, Plane

from vipa.rehearsal import loader, report
from vipa.rehearsal.cluster import MARK, Cluster, Place, UnusableError
from vipa.rehearsal.runner import run

FOLDER = Path(__file__).resolve().parents[1] / "rehearsals"
MAPS = "/api/v1/namespaces/kube-system/configmaps"
LOG_LINES = 80


@pytest.fixture(scope="session")
def engine(controlplane: Plane) -> Iterator[Cluster]:
    found = Cluster(
        Place(
            kubeconfig=controlplane.kubeconfig,
            operator_kubeconfig=controlplane.operator_kubeconfig,
        )
    )
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_rehearsal(path: Path, engine: Cluster) -> None:
    result = run(loader.load(str(path)), engine)
    if result.skipped:
        pytest.skip(result.skipped)
    log = "\n".join(engine.log().splitlines()[-LOG_LINES:])
    assert result.held, "\n".join([*report.told(result), "the operator's log:", log])


def test_a_cluster_without_the_mark_is_refused(controlplane: Plane, api: Api) -> None:
    status, mark = api.request("DELETE", f"{MAPS}/{MARK}")
    assert status == 200, mark
    try:
        with pytest.raises(UnusableError, match="not marked as a cluster for rehearsals"):
            Cluster(Place(kubeconfig=controlplane.kubeconfig))
    finally:
        status, body = api.request("POST", MAPS, {"metadata": {"name": MARK}})
        assert status == 201, body


def test_an_address_where_nothing_answers_is_refused(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: a,"
        " clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}],"
        " users: [{name: a, user: {token: t}}],"
        " contexts: [{name: a, context: {cluster: a, user: a}}]}"
    )
    with pytest.raises(UnusableError, match=r"127\.0\.0\.1:1"):
        Cluster(Place(kubeconfig=str(kubeconfig)))
