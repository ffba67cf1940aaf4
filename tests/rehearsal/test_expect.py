"""Each expectation holds where it is true, and fails with what was seen where it is not."""

from __future__ import annotations

import pytest

from vipa.rehearsal import loader
from vipa.rehearsal.model import Model
from vipa.rehearsal.runner import Result, run

TEXT = """\
rehearsal: expectations
given:
  stacks: {{sysa: {{node: n1}}, sysb: {{node: n2}}, sysc: {{node: n3, started: false}}}}
  objects:
  - kind: VIPA
    metadata: {{name: web}}
    spec: {{address: 198.51.100.10, primary: sysa, backups: [{{stack: sysb, rank: 200}}]}}
steps:
- do: {do}
  expect: {expect}
- do: {{apply: {{kind: VIPA, metadata: {{name: later}}, spec: {{address: 198.51.100.11}}}}}}
"""
LINE = 10  # of the expectation


def stepped(do: str, expect: str) -> Result:
    return run(loader.loads(TEXT.format(do=do, expect=expect)), Model())


FAIL, NOTHING, RESTART = "{fail: sysa}", "{taint: {n3: other}}", "{restart: operator}"
GONE = "{delete: vipa/web}"
LEFT = "{apply: {kind: Stack, metadata: {name: sysa}, spec: {membership: Left}}}"
OFF = "{apply: {kind: Stack, metadata: {name: sysb}, spec: {deactivated: [web]}}}"
ADDRESS = "{apply: {kind: VIPA, metadata: {name: web}, spec: {address: 198.51.100.12}}}"
ALL_FAIL = "[{fail: sysa}, {fail: sysb}]"

# What is done, what holds, what does not, and what is said to be seen instead.
CASES = {
    "owner": (FAIL, "web: {owner: sysb}", "web: {owner: sysa}", "sysb"),
    "owner-none": (ALL_FAIL, "web: {owner: none}", "web: {owner: sysa}", "none"),
    "owner-some": (FAIL, "web: {owner: sysb}", "web: {owner: none}", "sysb"),
    "epoch": (FAIL, "web: {epoch: 2}", "web: {epoch: 1}", "2"),
    "epoch-least": (FAIL, 'web: {epoch: ">=2"}', 'web: {epoch: ">=3"}', "2"),
    "state": (ALL_FAIL, "web: {state: Inactive}", "web: {state: Active}", "Inactive"),
    "origin": (FAIL, "web: {origin: VIPABACKUP}", "web: {origin: VIPADEFINE}", "VIPABACKUP"),
    "reason": (FAIL, "web: {reason: OwnerFailed}", "web: {reason: OwnerGone}", "OwnerFailed"),
    "chain": (NOTHING, "web: {chain: [sysb]}", "web: {chain: []}", "[sysb]"),
    "chain-owner": (NOTHING, "web: {chain: [sysb]}", "web: {chain: [sysa, sysb]}", "[sysb]"),
    "moves": (FAIL, "web: {moves: 1}", "web: {moves: 0}", "1"),
    "moves-none": (NOTHING, "web: {moves: 0}", "web: {moves: 1}", "0"),
    "pod": (FAIL, "web: {pod: sysb}", "web: {pod: sysa}", "sysb"),
    "fence": (FAIL, "web: {fence: rises}", "web: {fence: rises, moves: 2}", "1"),
    "fence-same": (NOTHING, "web: {owner: sysa}", "web: {fence: rises}", ".1"),
    "events": (FAIL, "web: {events: [TakenOver]}", "web: {events: [Inactive]}", "TakenOver"),
    "events-id": (FAIL, "web: {events: EZZ8301I}", "web: {events: EZZ8302I}", "EZZ8301I"),
    "events-now": (NOTHING, "web: {moves: 0}", "web: {events: [Activated]}", "none"),
    "condition-status": (
        FAIL, 'web: {conditions: {Protected: "False"}}', 'web: {conditions: {Protected: "True"}}',
        "False (NoBackup",
    ),
    "condition-reason": (
        FAIL, "web: {conditions: {Active: Owned}}", "web: {conditions: {Active: NeverActive}}",
        "True (Owned",
    ),
    "condition-absent": (
        FAIL, "web: {conditions: {MoveRefused: absent}}", "web: {conditions: {Active: absent}}",
        "True (Owned",
    ),
    "condition-not-there": (
        FAIL, "web: {owner: sysb}", 'web: {conditions: {MoveRefused: "True"}}', "absent",
    ),
    "exists": (FAIL, "web: {exists: true}", "web: {exists: false}", "that it exists"),
    "exists-not": (GONE, "web: {exists: false}", "web: {exists: true}", "that it does not exist"),
    "gone": (GONE, "web: {exists: false}", "web: {owner: none}", "no such VIPA"),
    "status-active": (FAIL, "web: {sysb: ACTIVE}", "web: {sysb: BACKUP}", "ACTIVE"),
    "status-backup": (NOTHING, "web: {sysb: BACKUP}", "web: {sysb: absent}", "BACKUP"),
    "status-absent": (FAIL, "web: {sysa: absent}", "web: {sysa: BACKUP}", "absent"),
    "status-off": (OFF, "web: {sysb: DEACTIVATED}", "web: {sysb: BACKUP}", "DEACTIVATED"),
    "status-list": (FAIL, "web: {sysb: [ACTIVE]}", "web: {sysb: [ACTIVE, BACKUP]}", "ACTIVE"),
    "phase": (LEFT, "stack/sysa: {phase: Left}", "stack/sysa: {phase: Active}", "Left"),
    "stack-reason": (
        FAIL, "stack/sysa: {reason: NotReady}", "stack/sysa: {reason: NodeDown}", "NotReady",
    ),
    "stack-condition": (
        FAIL, "stack/sysa: {conditions: {NotSupported: absent}}",
        'stack/sysa: {conditions: {NotSupported: "True"}}', "absent",
    ),
    "no-stack": (FAIL, "web: {owner: sysb}", "stack/sysc: {phase: Absent}", "no such Stack"),
    "sysplex": (
        FAIL, 'sysplex/plex1: {conditions: {Ready: "True"}}',
        'sysplex/plex1: {conditions: {Ready: "False"}}', "True (Watching",
    ),
    "no-sysplex": (
        FAIL, "web: {owner: sysb}", 'sysplex/plex9: {conditions: {Ready: "True"}}',
        "no such Sysplex",
    ),
    "actions": (RESTART, "actions: 0", "web: {owner: sysb}", "sysa"),
    "actions-some": (FAIL, "web: {owner: sysb}", "actions: 0", "WriteRecord default/web"),
    "refused": (ADDRESS, "refused: immutable", "refused: mutated", "address is immutable"),
    "refused-unasked": (ADDRESS, "refused: immutable", "web: {owner: sysa}", "is immutable"),
    "not-refused": (FAIL, "web: {owner: sysb}", "refused: sysa", "no refusal"),
    "other-namespace": (
        "{apply: {kind: VIPA, metadata: {name: web, namespace: b}, spec: {address: 198.51.100.9}}}",
        "b/web: {state: Pending}", "b/web: {state: Active}", "Pending",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("do", "true", "false", "seen"), CASES.values(), ids=CASES)
def test_expectation(do: str, true: str, false: str, seen: str) -> None:
    held = stepped(do, f"{{{true}}}")
    assert held.held, held.steps[-1]
    failed = stepped(do, f"{{{false}}}")
    step = failed.steps[-1]
    assert (failed.held, step.number, step.broken) == (False, 1, ())
    assert [failure.line for failure in step.failures] == [LINE]
    assert seen in step.failures[0].seen


def test_what_follows_a_failure_is_not_run() -> None:
    result = stepped(FAIL, "{web: {owner: sysa}}")
    assert [step.number for step in result.steps] == [0, 1]


def test_a_failure_explains_every_candidate() -> None:
    step = stepped(FAIL, "{web: {owner: sysa}}").steps[-1]
    rows = {row.stack: row.reason for row in step.explanations[0].rows}
    assert rows == {"sysa": "NotReady", "sysb": "Eligible"}


def test_fence_rises_above_the_record_before_and_not_above_none() -> None:
    new = "{apply: {kind: VIPA, metadata: {name: new}, spec: {address: 198.51.100.13}}}"
    step = stepped(new, "{new: {fence: rises}}").steps[-1]
    assert [failure.seen for failure in step.failures] == [
        "no earlier record of this name in the rehearsal"
    ]


def test_a_failure_in_another_namespace_names_it() -> None:
    do = "{apply: {kind: VIPA, metadata: {name: web, namespace: b}, spec: {address: 198.51.100.9}}}"
    failure = stepped(do, "{b/web: {owner: sysa}}").steps[-1].failures[0]
    assert str(failure) == "b/web: owner: expected sysa, seen none"
