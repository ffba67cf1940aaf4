"""A file that is wrong says so with its line, and runs nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipa.rehearsal import loader
from vipa.rehearsal import steps as do
from vipa.rehearsal.reading import FileError

# The first line of the text is line 1 of the file.
GIVEN = """\
rehearsal: one
given:
  stacks: {sysa: {node: n1}, sysb: {node: n2}}
  objects:
  - {kind: VIPA, metadata: {name: web}, spec: {address: 198.51.100.10, primary: sysa}}
steps:
"""
AFTER = 7  # the first line after GIVEN


def mistakes(text: str) -> list[tuple[int, str]]:
    with pytest.raises(FileError) as caught:
        loader.loads(text, "x.yaml")
    return [(one.line, one.message) for one in caught.value.mistakes]


FILES = {
    "empty": ("", 1, "empty"),
    "no-yaml": ("rehearsal: [\n", 2, "no YAML"),
    "no-mapping": ("- a\n", 1, "is to be a mapping, not a list"),
    "second-document": ("rehearsal: a\nsteps: [{expect: {}}]\n---\na: b\n", 4, "one rehearsal a"),
    "without-name": ("steps: [{do: {restart: operator}}]\n", 1, "needs `rehearsal`"),
    "without-steps": ("rehearsal: a\n", 1, "needs `steps`"),
    "no-steps": ("rehearsal: a\nsteps: []\n", 2, "steps is empty"),
    "unknown-key": ("rehearsal: a\nstep: []\nsteps: []\n", 2, "did you mean `steps`?"),
    "key-twice": ("rehearsal: a\nrehearsal: b\nsteps: []\n", 2, "is there twice"),
    "name-is-boolean": ("rehearsal: on\nsteps: []\n", 1, 'write "on"'),
    "name-is-true": ("rehearsal: true\nsteps: []\n", 1, 'write "true"'),
    "name-is-number": ("rehearsal: 7\nsteps: []\n", 1, 'write "7"'),
    "name-is-list": ("rehearsal: [a]\nsteps: []\n", 1, "not a list"),
    "name-is-nothing": ("rehearsal:\nsteps: []\n", 1, "not nothing"),
    "engine": ("rehearsal: a\nengines: [modell]\nsteps: []\n", 2, "unknown engine `modell`"),
    "engines-no-list": ("rehearsal: a\nengines: model\nsteps: []\n", 2, "is to be a list"),
    "given-key": ("rehearsal: a\ngiven:\n  pods: {}\nsteps: []\n", 3, "unknown key `pods`"),
    "stack-without-node": ("rehearsal: a\ngiven:\n  stacks:\n    s: {}\n", 4, "needs a node"),
    "stack-key": ("rehearsal: a\ngiven:\n  stacks: {s: {node: n, x: 1}}\n", 3, "unknown key `x`"),
    "stack-is-boolean": ("rehearsal: a\ngiven:\n  stacks: {no: {node: n}}\n", 3, 'write "no"'),
    "stack-name": ("rehearsal: a\ngiven:\n  stacks: {S_1: {node: n}}\n", 3, "no DNS name"),
    "started": (
        "rehearsal: a\ngiven:\n  stacks: {s: {node: n, started: 1}}\n",
        3,
        "true or false",
    ),
    "zone-is-boolean": ("rehearsal: a\ngiven:\n  nodes: {n: {zone: off}}\n", 3, 'write "off"'),
    "node-key": ("rehearsal: a\ngiven:\n  nodes: {n: {zones: z}}\n", 3, "did you mean `zone`?"),
    "file-missing": ("rehearsal: a\ngiven: {files: [nothing.yaml]}\n", 2, "cannot be read"),
    "object-kind": ("rehearsal: a\ngiven: {objects: [{metadata: {name: a}}]}\n", 2, "needs kind"),
    "object-unknown": (
        "rehearsal: a\ngiven: {objects: [{kind: VIPAA, metadata: {name: a}}]}\n",
        2,
        "needs apiVersion; did you mean `VIPA`?",
    ),
    "object-later": (
        "rehearsal: a\ngiven:\n  objects:\n  - {kind: VIPARange, metadata: {name: a}}\n",
        4,
        "VIPARange is not supported by this version",
    ),
    "object-group": (
        "rehearsal: a\ngiven:\n  objects:\n  - {apiVersion: v1, kind: VIPA, metadata: {name: a}}\n",
        4,
        "sysplex.dev/v1alpha1",
    ),
    "object-refused": (
        "rehearsal: a\ngiven:\n  objects:\n  - {kind: VIPA, metadata: {name: a}, spec: {}}\n",
        4,
        "would be refused",
    ),
    "object-spec": (
        "rehearsal: a\ngiven:\n  objects:\n  - {kind: VIPA, metadata: {name: a}, spec: []}\n",
        4,
        "spec of a VIPA is to be a mapping",
    ),
    "object-unknown-field": (
        "rehearsal: a\ngiven:\n  objects:\n"
        "  - {kind: VIPA, metadata: {name: a}, spec: {address: 198.51.100.1, primry: b}}\n",
        4,
        "primry",
    ),
}


@pytest.mark.parametrize(("text", "line", "fragment"), FILES.values(), ids=FILES)
def test_mistake_in_the_file(text: str, line: int, fragment: str) -> None:
    found = mistakes(text)
    assert any(at == line and fragment in message for at, message in found), found


STEPS = {
    "neither": ("- {}", "neither do nor expect"),
    "live-alone": ("- {live: true, expect: {web: {owner: sysa}}}", "there is no do"),
    "step-key": ("- {then: {}, do: {restart: operator}}", "unknown key `then`"),
    "empty-do": ("- {do: []}", "do is empty"),
    "empty-expect": ("- {expect: {}}", "expect is empty"),
    "unknown-verb": ("- {do: {faill: sysa}}", "unknown verb `faill`; did you mean `fail`?"),
    "two-verbs": ("- {do: {fail: sysa, kill: sysb}}", "one verb an item"),
    "restart-with-others": ("- {do: [{fail: sysa}, {restart: operator}]}", "stands alone"),
    "restart-what": ("- {do: {restart: sysa}}", "write `restart: operator`"),
    "stack-is-boolean": ("- {do: {fail: on}}", 'write "on"'),
    "stack-is-number": ("- {do: {fail: 1}}", 'write "1"'),
    "pod-key": ("- {do: {fail: {stack: sysa, node: n1}}}", "unknown key `node`"),
    "pod-without-stack": ("- {do: {kill: {pod: sysa}}}", "needs a stack"),
    "start-without-stack": ("- {do: {start: {pod: sysa}}}", "start needs a stack"),
    "start-nowhere": ("- {do: {start: sysx}}", "say on which node"),
    "start-on-unknown-node": ("- {do: {start: {stack: sysa, node: n9}}}", "node n9 is not given"),
    "grace": ("- {do: {stop: {stack: sysa, grace: soon}}}", "grace: `soon` is no duration"),
    "grace-of-kill": ("- {do: {kill: {stack: sysa, grace: 30s}}}", "unknown key `grace`"),
    "wait-how-long": ("- {do: {wait: a while}}", "write 500ms, 2s or 1m"),
    "wait-number": ("- {do: {wait: 5}}", 'write "5"'),
    "wait-with-others": ("- {do: [{deaf: sysa}, {wait: 5s}]}", "`wait` stands alone"),
    "blind-word": ("- {do: {blind: maybe}}", "true or false"),
    "blind-with-others": ("- {do: [{blind: true}, {kill: sysa}]}", "`blind` stands alone"),
    "leader-what": ("- {do: {leader: found}}", "write `leader: lost`"),
    "leader-with-others": ("- {do: [{leader: lost}, {kill: sysa}]}", "`leader` stands alone"),
    "deaf-key": ("- {do: {deaf: {stack: sysa, node: n1}}}", "unknown key `node`"),
    "waits-too-long": ("- {do: {wait: 61s}}", "write `engines: [model]`"),
    "command-join-of-what": ("- {do: {vipa: join}}", "cannot read `join`"),
    "command-join-to": ("- {do: {vipa: join sysa --to sysb}}", "cannot read"),
    "taint-list": ("- {do: {taint: [n1]}}", "is to be a mapping"),
    "delete-form": ("- {do: {delete: web}}", "is to be kind/name"),
    "delete-kind": ("- {do: {delete: vip/web}}", "unknown kind `vip`; did you mean `vipa`?"),
    "delete-later": ("- {do: {delete: vipaclaim/web}}", "not supported by this version"),
    "apply-without-name": ("- {do: {apply: {kind: VIPA}}}", "needs kind and metadata.name"),
    "command-later": ("- {do: {vipa: deactivate web --stack sysa}}", "`vipa deactivate` is not"),
    "command-unknown": ("- {do: {vipa: mvoe web --to sysb}}", "cannot read `mvoe web --to sysb`"),
    "command-option": ("- {do: {vipa: move web --at sysb}}", "cannot read"),
    "command-without-to": ("- {do: {vipa: move web}}", "cannot read"),
    "command-quotes": ('- {do: {vipa: "move \'web"}}', "No closing quotation"),
    "unknown-vipa": ("- {expect: {wbe: {exists: false}}}", "no object of this file makes VIPA wbe"),
    "unknown-stack": ("- {expect: {web: {sysz: absent}}}", "nothing in this file names stack sysz"),
    "unknown-owner": ("- {expect: {web: {owner: sysz}}}", "nothing in this file names stack sysz"),
    "unknown-chain": ("- {expect: {web: {chain: [sysz]}}}", "nothing in this file names stack"),
    "unknown-stack-object": ("- {expect: {stack/sysz: {phase: Active}}}", "names stack sysz"),
    "key": ("- {expect: {web: {ownr: sysa}}}", "unknown key `ownr` in web; did you mean `owner`?"),
    "vipa-no-mapping": ("- {expect: {web: sysa}}", "a VIPA is to be a mapping"),
    "state": ("- {expect: {web: {state: active}}}", "unknown word `active`"),
    "reason": ("- {expect: {web: {reason: OwnerFaild}}}", "did you mean `OwnerFailed`?"),
    "origin": ("- {expect: {web: {origin: VIPA}}}", "unknown word `VIPA`"),
    "epoch": ('- {expect: {web: {epoch: ">2"}}}', 'is to be a number or ">=N"'),
    "moves": ("- {do: {fail: sysa}, expect: {web: {moves: one}}}", "is to be a number"),
    "fence": ("- {expect: {web: {fence: falls}}}", "unknown word `falls`"),
    "event": ("- {expect: {web: {events: [Taken]}}}", "unknown word `Taken`"),
    "event-later": ("- {expect: {web: {events: [Quiescing]}}}", "not supported by this version"),
    "exists": ("- {expect: {web: {exists: gone}}}", "true or false"),
    "condition": ('- {expect: {web: {conditions: {Actve: "True"}}}}', "did you mean `Active`?"),
    "condition-boolean": ("- {expect: {web: {conditions: {Active: True}}}}", 'write "True"'),
    "condition-later": ("- {expect: {web: {conditions: {IdleUnknown: absent}}}}", "not supported"),
    "moving": ("- {expect: {web: {sysa: MOVING}}}", "`MOVING` is not supported by this version"),
    "target": ("- {expect: {web: {sysa: [ACTIVE, TARGET]}}}", "`TARGET` is not supported"),
    "distribution": ("- {expect: {distribution/web: {shares: {}}}}", "is not supported"),
    "phase": ("- {expect: {stack/sysa: {phase: Up}}}", "unknown word `Up`"),
    "stack-key": ("- {expect: {stack/sysa: {owner: web}}}", "unknown key `owner`"),
    "plex-key": ("- {expect: {sysplex/plex1: {phase: Active}}}", "unknown key `phase`"),
    "actions-in-first": ("- {expect: {actions: 0}}", "the first step has no `actions`"),
    "moves-in-first": ("- {expect: {web: {moves: 0}}}", "the first step has no `moves`"),
    "actions-some": ("- {do: {fail: sysa}, expect: {actions: 2}}", "can be 0 only"),
    "within": ("- {do: {fail: sysa}, expect: {within: soon}}", "is no duration"),
}
LATER = ("vary", "bind", "unbind", "connections", "wlm", "tsr", "listeners")
STEPS |= {
    verb: (f"- {{do: {{{verb}: sysa}}}}", f"verb `{verb}` is not supported by this version")
    for verb in LATER
}


@pytest.mark.parametrize(("step", "fragment"), STEPS.values(), ids=STEPS)
def test_mistake_in_a_step(step: str, fragment: str) -> None:
    found = mistakes(f"{GIVEN}{step}\n")
    assert len(found) == 1, found
    line, message = found[0]
    assert (line, fragment in message) == (AFTER, True), found


def test_time_in_words_of_the_api() -> None:
    text = f"{GIVEN}- {{do: {{wait: 1.5s}}}}\n- {{do: {{stop: {{stack: sysa, grace: 200ms}}}}}}\n"
    wait, stop = (step.do for step in loader.loads(text).steps)
    assert (wait, stop) == ((do.Wait(seconds=1.5),), (do.Stop(stack="sysa", grace_s=0.2),))


def test_minutes_are_for_the_model_alone() -> None:
    waits = f"{GIVEN}- {{do: {{wait: 40s}}}}\n- {{do: {{wait: 30s}}}}\n"
    assert [line for line, _ in mistakes(waits)] == [AFTER + 1]
    assert len(loader.loads(f"engines: [model]\n{waits}").steps) == 2


def test_commands_of_members() -> None:
    text = f"{GIVEN}- {{do: [{{vipa: join sysa}}, {{vipa: leave sysb -n other}}]}}\n"
    joins = do.Member(stack="sysa", joins=True)
    leaves = do.Member(stack="sysb", joins=False, namespace="other")
    assert loader.loads(text).steps[0].do == (joins, leaves)


def test_all_mistakes_are_told_at_once() -> None:
    text = f"{GIVEN}- do: {{faill: sysa}}\n  expect: {{web: {{ownr: sysa}}}}\n- {{then: {{}}}}\n"
    assert [line for line, _ in mistakes(text)] == [7, 8, 9, 9]


def test_a_mistake_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("rehearsal: a\nsteps: 1\n")
    with pytest.raises(FileError) as caught:
        loader.load(str(path))
    assert str(caught.value).startswith(f"{path}:2: steps is to be a list")


SMALL = "rehearsal: {}\nsteps: [{{do: {{restart: operator}}}}]\n"


def test_names_are_unique_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for path in ("a.yaml", "b.yaml", "inner/c.yaml"):
        (tmp_path / path).write_text(SMALL.format("same"))
    with pytest.raises(FileError) as caught:
        loader.load_all([str(tmp_path)])
    assert [one.path for one in caught.value.mistakes] == [str(tmp_path / "b.yaml")]
    assert "names are unique" in caught.value.mistakes[0].message


def test_folders_are_walked_in_order_and_files_taken_once(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for path in ("b.yaml", "a.yaml", "inner/c.yaml", "notes.txt"):
        (tmp_path / path).write_text(SMALL.format(Path(path).stem))
    found = loader.load_all([str(tmp_path), str(tmp_path / "a.yaml")])
    assert [one.name for one in found] == ["a", "b", "c"]


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no rehearsal"):
        loader.load_all([str(tmp_path)])


def test_a_missing_file_is_a_mistake() -> None:
    with pytest.raises(FileError, match=r"nowhere\.yaml:1: cannot be read: No such file"):
        loader.load_all(["nowhere.yaml"])


def test_files_given_are_looked_up_beside_the_rehearsal(tmp_path: Path) -> None:
    (tmp_path / "objects.yml").write_text(
        "kind: VIPA\nmetadata: {name: web}\nspec: {address: 198.51.100.10}\n---\n"
        "kind: VIPABackup\nmetadata: {name: b}\n"
        "spec: {vipas: [web], ranking: [{stack: sysa, rank: 1}]}\n"
    )
    text = SMALL.format("a") + "given: {files: [objects.yml]}\n"
    found = loader.loads(text, str(tmp_path / "a.yaml"))
    assert [raw["kind"] for raw in found.given.objects] == ["Sysplex", "VIPA", "VIPABackup"]


def test_a_mistake_in_a_file_given_carries_its_own_name_and_line(tmp_path: Path) -> None:
    (tmp_path / "objects.yml").write_text("# nothing\nkind: VIPA\nspec: {}\n")
    with pytest.raises(FileError, match=r"objects\.yml:2: an object needs kind and metadata"):
        loader.loads(SMALL.format("a") + "given: {files: [objects.yml]}\n", str(tmp_path / "a"))


def test_defaults_are_filled_in() -> None:
    found = loader.loads(f"{GIVEN}- {{expect: {{web: {{owner: sysa}}}}}}\n")
    plex, web = found.given.objects
    assert (plex["kind"], plex["metadata"]["name"], plex["spec"]) == ("Sysplex", "plex1", {})
    assert web["apiVersion"] == "sysplex.dev/v1alpha1"
    assert web["metadata"] == {"name": "web", "namespace": "default"}
    assert web["spec"]["sysplex"] == "plex1"
    assert dict(found.given.nodes) == {"n1": "", "n2": ""}
    assert found.engines == ("model", "cluster", "kind")


def test_a_sysplex_given_is_the_only_one() -> None:
    text = GIVEN.replace("objects:\n", "objects:\n  - {kind: Sysplex, metadata: {name: p}}\n")
    found = loader.loads(f"{text}- {{expect: {{web: {{owner: sysa}}}}}}\n")
    assert [raw["metadata"]["name"] for raw in found.given.objects] == ["p", "web"]


def test_verbs_are_values_with_lines() -> None:
    text = f"{GIVEN}- do:\n  - fail: sysa\n  - vipa: move web -n other --to=sysb --once\n"
    verbs = loader.loads(text).steps[0].do
    assert verbs[0] == do.Fail(stack="sysa")
    assert verbs[1] == do.Move(vipa=do.Key("other", "web"), to="sysb", once=True)
    assert [verb.line for verb in verbs] == [8, 9]


def test_anchors_and_merge_keys_are_yaml_as_usual() -> None:
    text = (
        "rehearsal: a\ngiven:\n  stacks:\n    sysa: &s {node: n1, started: false}\n"
        "    sysb: {<<: *s, node: n2}\nsteps: [{do: {start: sysb}}]\n"
    )
    assert [one.node for one in loader.loads(text).given.stacks] == ["n1", "n2"]
