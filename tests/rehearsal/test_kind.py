"""Parts of the kind engine that need no kind: names of nodes, and commands to Docker."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vipa.rehearsal.kindnodes import NodeError, Nodes, docker
from vipa.rehearsal.kindstage import KindLens

NODES = {"n1": "kind-worker", "n2": "kind-worker2"}


class Docker:
    """Remembers what it was asked, and answers by the first word that it knows."""

    def __init__(self, **answers: str) -> None:
        self.asked: list[list[str]] = []
        self._answers = answers

    def __call__(self, arguments: Sequence[str]) -> str:
        self.asked.append(list(arguments))
        known = [text for word, text in self._answers.items() if word in arguments]
        return known[0] if known else ""


def test_nodes_keep_their_real_names_and_the_rest_is_under_the_prefix() -> None:
    lens = KindLens("r1-", NODES)

    assert (lens.name("n2"), lens.name("default")) == ("kind-worker2", "r1-default")


def test_a_pod_of_the_run_is_told_in_the_words_of_its_file() -> None:
    line = b'{"namespace":"r1-default","nodeName":"kind-worker2","x":"kind-worker"}'

    found = KindLens("r1-", NODES).inward(line)

    assert found == b'{"namespace":"default","nodeName":"n2","x":"n1"}'


def test_what_belongs_to_others_is_not_seen() -> None:
    lens = KindLens("r1-", NODES)

    assert lens.inward(b'{"namespace":"kube-system","nodeName":"kind-worker"}') is None
    assert lens.inward(b'{"name":"kind-control-plane","nodeInfo":{}}') is None
    assert lens.inward(b'{"name":"kind-worker","nodeInfo":{}}') == b'{"name":"n1","nodeInfo":{}}'


def test_a_cut_drops_frames_and_a_heal_takes_all_of_that_away() -> None:
    run = Docker()

    Nodes(run).cut("w")
    Nodes(run).heal("w")

    cut, heal = run.asked
    assert cut[:3] == ["exec", "w", "nft"]
    assert "drop" in cut[3]
    assert heal[3] == "delete table inet cut"


def test_only_running_containers_of_the_pod_get_a_signal() -> None:
    run = Docker(containers="old\nnew\n", ls="TASK PID STATUS\nold 1 STOPPED\nnew 2 RUNNING\n")
    nodes = Nodes(run)

    nodes.signal("w", nodes.containers("w", "uid"), "SIGSTOP")

    assert run.asked[-1][-4:] == ["task", "kill", "--signal=SIGSTOP", "new"]


@pytest.mark.parametrize("verb", ["kill", "start", "pause", "unpause"])
def test_a_node_is_broken_and_mended_by_docker_itself(verb: str) -> None:
    run = Docker()

    getattr(Nodes(run), verb)("w")

    assert run.asked == [[verb, "w"]]


def test_the_address_is_that_of_the_node_s_only_network() -> None:
    run = Docker(inspect='{"net": {"IPAddress": "172.30.0.3"}}')

    assert Nodes(run).address("w") == "172.30.0.3"


def test_a_docker_that_is_not_there_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(NodeError, match="docker version"):
        docker(["version"])
