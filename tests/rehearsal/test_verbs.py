"""Each verb in the model engine: what it does to the cluster, and what it refuses."""

from __future__ import annotations

import pytest

from vipa.core.cluster import Key, Ready
from vipa.core.inventory import Inventory
from vipa.rehearsal import loader
from vipa.rehearsal.model import Model
from vipa.rehearsal.runner import Result, run

TEXT = """\
rehearsal: verbs
given:
  nodes: {{n1: {{zone: z1}}, n2: {{zone: z1}}, n3: {{zone: z2}}}}
  stacks: {{sysa: {{node: n1}}, sysb: {{node: n2}}, sysc: {{node: n3, started: false}}}}
  objects:
  - kind: VIPA
    metadata: {{name: web, labels: {{tier: front}}}}
    spec: {{address: 198.51.100.10, primary: sysa, backups: [{{stack: sysb, rank: 200}}]}}
steps:
{}
"""


class Seen:
    """The cluster after the steps."""

    def __init__(self, *steps: str) -> None:
        text = TEXT.format("\n".join(f"- {{do: {step}}}" for step in steps))
        self.model = Model()
        self.result: Result = run(loader.loads(text), self.model)
        self.world: Inventory = self.model.world.inventory

    def pod(self, name: str) -> str:
        pod = self.world.pods.get(Key("default", name))
        if pod is None:
            return "gone"
        return "terminating" if pod.terminating else "ready" if pod.ready else "not ready"

    def owner(self) -> str:
        return self.world.records[Key("default", "web")].owner

    @property
    def refused(self) -> list[str]:
        return [f.seen for step in self.result.steps for f in step.failures]


def held(*steps: str) -> Seen:
    seen = Seen(*steps)
    assert seen.result.held, seen.result
    return seen


def test_start_makes_a_ready_pod_on_the_node_of_its_stack() -> None:
    seen = held("{start: sysc}")
    pod = seen.world.pods[Key("default", "sysc")]
    assert (pod.node, pod.ready, pod.stack, pod.sysplex) == ("n3", True, "sysc", "plex1")


def test_start_of_a_second_incarnation() -> None:
    seen = held("{start: {stack: sysa, node: n3, pod: sysa-2}}")
    pod = seen.world.pods[Key("default", "sysa-2")]
    assert (pod.stack, pod.node) == ("sysa", "n3")
    assert pod.uid != seen.world.pods[Key("default", "sysa")].uid


def test_start_of_a_pod_that_is_there_is_refused() -> None:
    assert Seen("{start: sysa}").refused == ['pods "sysa" already exists']


def test_stop_is_notice_first_and_gone_with_the_next_verbs() -> None:
    assert held("{stop: sysa}").pod("sysa") == "terminating"
    assert held("{stop: sysa}", "{taint: {n3: other}}").pod("sysa") == "gone"
    assert held("{stop: sysa}", "{restart: operator}").pod("sysa") == "gone"


def test_a_step_without_verbs_leaves_a_stopping_pod() -> None:
    text = TEXT.format("- {do: {stop: sysa}}\n- {expect: {web: {owner: sysb}}}")
    model = Model()
    assert run(loader.loads(text), model).held
    assert model.world.inventory.pods[Key("default", "sysa")].terminating


def test_a_pod_that_starts_after_a_stop_is_another_one() -> None:
    seen = held("{stop: sysa}", "{start: sysa}", "{fail: sysb}")
    assert seen.pod("sysa") == "ready"


def test_kill_is_without_notice() -> None:
    assert held("{kill: sysa}").pod("sysa") == "gone"


def test_fail_and_recover() -> None:
    assert held("{fail: sysa}").pod("sysa") == "not ready"
    assert held("{fail: sysa}", "{recover: sysa}").pod("sysa") == "ready"


SECOND = "{start: {stack: sysa, node: n3, pod: sysa-2}}"


def test_a_verb_means_the_serving_pod() -> None:
    seen = held(SECOND, "{fail: sysa}", "{kill: sysa}")
    assert (seen.pod("sysa"), seen.pod("sysa-2")) == ("not ready", "gone")


def test_without_a_serving_pod_a_verb_means_the_oldest() -> None:
    seen = held("{kill: sysa}", "{start: {stack: sysa, pod: z}}", SECOND, "{fail: sysa}",
                "{fail: sysa}", "{kill: {stack: sysa, pod: z}}")  # fmt: skip
    assert (seen.pod("z"), seen.pod("sysa-2")) == ("gone", "not ready")


def test_recover_means_all_pods() -> None:
    seen = held(SECOND, "{fail: sysa}", "{fail: sysa}", "{recover: sysa}")
    assert (seen.pod("sysa"), seen.pod("sysa-2")) == ("ready", "ready")


def test_a_pod_may_be_named() -> None:
    seen = held(SECOND, "{fail: {stack: sysa, pod: sysa-2}}")
    assert (seen.pod("sysa"), seen.pod("sysa-2")) == ("ready", "not ready")


def test_down_and_up() -> None:
    seen = held("{down: n1}")
    assert seen.world.nodes["n1"].ready is Ready.UNKNOWN
    assert seen.pod("sysa") == "ready"
    assert held("{down: n1}", "{up: n1}").world.nodes["n1"].ready is Ready.TRUE


def test_a_zone_is_all_its_nodes() -> None:
    seen = held("{down: zone/z1}")
    assert [seen.world.nodes[n].ready for n in ("n1", "n2", "n3")] == ["Unknown", "Unknown", "True"]


def test_taint_and_untaint() -> None:
    key = "node.kubernetes.io/out-of-service"
    assert held(f"{{taint: {{n1: {key}, n2: {key}}}}}").world.nodes["n2"].out_of_service
    seen = held(f"{{taint: {{n1: {key}}}}}", f"{{untaint: {{n1: {key}}}}}")
    assert not seen.world.nodes["n1"].out_of_service


def test_apply_merges_spec_and_labels_and_replaces_lists() -> None:
    seen = held(
        "{apply: {kind: VIPA, metadata: {name: web, labels: {a: b}}, spec: {moveable: Manual}}}",
        "{apply: {kind: VIPA, metadata: {name: web}, spec: {backups: [{stack: sysc, rank: 1}]}}}",
    )
    vipa = seen.world.vipas[Key("default", "web")]
    assert dict(vipa.labels) == {"tier": "front", "a": "b"}
    assert (vipa.spec.moveable, vipa.spec.primary) == ("Manual", "sysa")
    assert [tuple(rank) for rank in vipa.spec.backups] == [("sysc", 1)]
    assert vipa.generation == 3


def test_apply_of_null_removes() -> None:
    seen = held(
        "{apply: {kind: VIPA, metadata: {name: web, labels: {tier: null}}, spec: {primary: null}}}"
    )
    vipa = seen.world.vipas[Key("default", "web")]
    assert (vipa.spec.primary, dict(vipa.labels)) == ("", {})


def test_apply_changes_a_stack_that_the_operator_made() -> None:
    seen = held("{apply: {kind: Stack, metadata: {name: sysa}, spec: {membership: Left}}}")
    assert seen.world.stacks[Key("default", "sysa")].left
    assert seen.owner() == "sysb"


def test_apply_of_what_the_api_refuses_changes_nothing() -> None:
    seen = Seen("{apply: {kind: VIPA, metadata: {name: web}, spec: {address: 198.51.100.11}}}")
    assert "address is immutable" in seen.refused[0]
    assert seen.world.vipas[Key("default", "web")].spec.address == "198.51.100.10"


def test_apply_of_an_unknown_field_is_refused_as_by_server_side_apply() -> None:
    seen = Seen("{apply: {kind: VIPA, metadata: {name: web}, spec: {primry: sysb}}}")
    assert "primry" in seen.refused[0]


def test_apply_of_a_pod_and_of_a_foreign_service() -> None:
    seen = held(
        "{apply: {kind: Pod, metadata: {name: p, labels: {sysplex.dev/sysplex: plex1}},"
        " spec: {nodeName: n3}, status: {podIP: 10.9.9.9, podIPs: [{ip: 10.9.9.9}]}}}",
        "{apply: {kind: Service, metadata: {name: web}, spec: {externalIPs: [198.51.100.99]}}}",
    )
    assert seen.pod("p") == "not ready"
    assert seen.world.services[Key("default", "web")].addresses == ("198.51.100.99",)


def test_delete_takes_away_whatever_it_names() -> None:
    seen = held("{delete: vipa/web}", "{delete: node/n3}", "{delete: pod/sysb}")
    assert not seen.world.vipas
    assert not seen.world.records
    assert "n3" not in seen.world.nodes
    assert seen.pod("sysb") == "gone"


def test_a_vipa_made_anew_is_another_object() -> None:
    one = held("{taint: {n3: x}}").world.vipas[Key("default", "web")]
    seen = held(
        "{delete: vipa/web}",
        "{apply: {kind: VIPA, metadata: {name: web}, spec: {address: 198.51.100.10}}}",
    )
    two = seen.world.vipas[Key("default", "web")]
    assert two.uid != one.uid
    assert two.created > one.created


def test_delete_of_what_is_not_there_is_refused() -> None:
    assert Seen("{delete: vipa/nothing}").refused == ['vipas "nothing" not found']


def test_move_pins_and_unpin_removes_the_pin() -> None:
    seen = held("{vipa: move web --to sysb}")
    assert (seen.owner(), seen.world.vipas[Key("default", "web")].spec.move_to) == ("sysb", "sysb")
    seen = held("{vipa: move web --to sysb}", "{vipa: unpin web}")
    assert (seen.owner(), seen.world.vipas[Key("default", "web")].spec.move_to) == ("sysa", "")


def test_move_once_leaves_no_pin() -> None:
    seen = held(
        "{apply: {kind: VIPA, metadata: {name: web}, spec: {moveable: Manual}}}",
        "{vipa: move web --to sysb --once}",
    )
    assert (seen.owner(), seen.world.vipas[Key("default", "web")].spec.move_to) == ("sysb", "")


def test_a_move_that_is_refused_changes_nothing() -> None:
    seen = Seen("{vipa: move web --to sysc}")
    assert "sysc is not in the chain" in seen.refused[0]
    assert seen.world.vipas[Key("default", "web")].spec.move_to == ""


def test_restart_forgets_what_was_in_memory() -> None:
    seen = Seen("{delete: vipa/web}")
    assert seen.model.memory.prefixes
    seen.model.restart()
    assert not seen.model.memory.prefixes


def test_live_lets_the_operator_see_each_verb() -> None:
    text = TEXT.format("- {do: [{fail: sysa}, {recover: sysa}], live: true}")
    model = Model()
    assert run(loader.loads(text), model).held
    assert model.observe().moves(Key("default", "web")) == 2


MONITOR = (
    "{apply: {kind: Sysplex, metadata: {name: plex1}, spec: {monitor: {probe: {tcp: {port: 1}}}}}}"
)


def test_a_wait_moves_the_clock_and_a_step_by_a_second() -> None:
    seen = held("{wait: 1500ms}", "{taint: {n3: x}}", "{wait: 50s}")
    assert seen.model.world.clock == 1 + 1.5 + 1 + 50
    assert seen.model.observe().now == "2026-01-01T00:00:53Z"


def test_probes_run_while_the_clock_moves_and_then_alone() -> None:
    seen = held(MONITOR, "{deaf: sysa}", "{taint: {n3: x}}", "{untaint: {n3: x}}")
    assert seen.owner() == "sysa"
    assert held(MONITOR, "{deaf: sysa}", "{wait: 1700ms}").owner() == "sysa"
    assert held(MONITOR, "{deaf: sysa}", "{wait: 1800ms}").owner() == "sysb"


def test_hears_means_all_pods_and_deaf_the_serving_one() -> None:
    seen = held(SECOND, MONITOR, "{deaf: sysa}", "{deaf: {stack: sysa, pod: sysa-2}}", "{wait: 3s}")
    assert seen.owner() == "sysb"
    assert held(SECOND, MONITOR, "{deaf: sysa}", "{hears: sysa}", "{wait: 3s}").owner() == "sysa"


def test_the_pods_of_a_node_that_is_down_do_not_answer_and_its_lease_is_not_renewed() -> None:
    seen = held(MONITOR, "{down: n1}", "{wait: 20s}")
    tallies = {pod.key.name: pod.uid for pod in seen.world.pods.values()}
    assert seen.model.memory.tallies[tallies["sysa"]].silent
    assert not seen.model.memory.tallies[tallies["sysb"]].silent
    assert seen.model.memory.renewed["n1"] < 10 <= seen.model.memory.renewed["n2"]


def test_a_blind_operator_does_nothing_until_it_sees() -> None:
    seen = held("{blind: true}", "{kill: sysa}", "{wait: 30s}")
    assert (seen.owner(), seen.model.observe().actions) == ("sysa", ())
    assert held("{blind: true}", "{kill: sysa}", "{blind: false}").owner() == "sysb"


def test_move_once_is_not_seen_by_a_blind_operator() -> None:
    manual = "{apply: {kind: VIPA, metadata: {name: web}, spec: {moveable: Manual}}}"
    seen = Seen(manual, "{blind: true}", "{vipa: move web --to sysb --once}")
    assert "the operator sees nothing" in seen.refused[0]
    assert seen.world.vipas[Key("default", "web")].spec.move_to == ""


def test_another_leader_forgets_and_writes_its_term() -> None:
    seen = held("{delete: vipa/web}")
    seen.model.lose_leader()
    assert (seen.model.memory.prefixes, seen.model.settings.term) == ({}, 1)
    seen = held("{leader: lost}", "{leader: lost}")
    assert seen.world.records[Key("default", "web")].term == 2
    assert seen.model.observe().actions == ()


def test_leave_and_join_are_what_the_commands_write() -> None:
    seen = held("{vipa: leave sysa}")
    assert (seen.owner(), seen.world.stacks[Key("default", "sysa")].left) == ("sysb", True)
    seen = held("{vipa: leave sysa}", "{vipa: join sysa}")
    stack = seen.world.stacks[Key("default", "sysa")]
    assert (seen.owner(), stack.left) == ("sysa", False)
    assert stack.join_requested == "2026-01-01T00:00:03Z"
    assert "there is no Stack sysx" in Seen("{vipa: leave sysx}").refused[0]


def test_a_grace_ends_when_the_clock_has_moved_on_by_it() -> None:
    stop = "{stop: {stack: sysa, grace: 5s}}"
    assert held(stop, "{taint: {n3: x}}").pod("sysa") == "terminating"
    assert held(stop, "{wait: 4s}").pod("sysa") == "terminating"
    assert held(stop, "{wait: 5s}").pod("sysa") == "gone"


def test_what_is_given_has_waited_as_long_as_it_has_to() -> None:
    text = TEXT.format("- {expect: {web: {owner: sysa, epoch: 1}}}")
    delayed = "  - {kind: Sysplex, metadata: {name: plex1}, spec: {joinDelay: 5m}}\n"
    text = text.replace("  objects:\n", "  objects:\n" + delayed)
    model = Model()
    assert run(loader.loads(text), model).held
    assert model.world.clock == 1 + 300


IMPOSSIBLE = {
    "no-pod": ("{fail: sysc}", "there is no pod of stack sysc"),
    "no-such-pod": ("{kill: {stack: sysa, pod: sysb}}", "there is no pod sysb of stack sysa"),
    "no-node": ("{down: n9}", "there is no such node"),
    "no-zone": ("{down: zone/z9}", "there is no such node"),
    "taint": ("{taint: {n9: key}}", "there is no node n9"),
}


@pytest.mark.parametrize(("verb", "text"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_is_a_mistake_of_the_file(verb: str, text: str) -> None:
    result = Seen(verb).result
    assert result.wrong is not None
    assert (result.wrong.line, result.held) == (10, False)
    assert text in result.wrong.message


def test_the_garbage_collector_may_be_quicker_than_the_operator() -> None:
    text = TEXT.format("- {do: {delete: vipa/web}, expect: {web: {exists: false}}}")
    model = Model(collects=True)
    result = run(loader.loads(text), model)
    assert result.held
    assert not model.world.inventory.records
    assert not any(action.startswith("DeleteRecord") for action in model.observe().actions)
