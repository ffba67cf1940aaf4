"""Names that nothing else in the file knows.

A name that is misspelt in an `expect` would be an object that never exists, and `exists: false` or
`absent` would hold for ever.
"""

from __future__ import annotations

from vipa.rehearsal import steps as do
from vipa.rehearsal import wants
from vipa.rehearsal.reading import Reader
from vipa.rehearsal.steps import Given, Step


def check(reader: Reader, given: Given, steps: tuple[Step, ...], words: set[str]) -> None:
    """Names that an expectation or a verb uses. `words`: every word of given and of the verbs."""
    applied = [verb for step in steps for verb in step.do if isinstance(verb, do.Apply)]
    every = [(r["kind"], do.key_of(r)) for r in (*given.objects, *(a.object for a in applied))]
    vipas = {key for kind, key in every if kind == "VIPA"}
    for step in steps:
        expect = step.expect or do.Expect()
        for key, wanted in expect.vipas.items():
            line = wanted[0].line if wanted else expect.line
            if key not in vipas:
                known = ", ".join(sorted(map(do.shown, vipas))) or "none"
                text = f"expect: no object of this file makes VIPA {do.shown(key)}; there are"
                reader.say(line, f"{text} {known}")
            for want in wanted:
                _known_stacks(reader, want, words)
        for key, wanted in expect.stacks.items():
            if key.name not in words:
                line = wanted[0].line if wanted else expect.line
                reader.say(line, f"expect: nothing in this file names stack {do.shown(key)}")
    _places(reader, given, steps, {key.name for kind, key in every if kind == "Node"})


def _known_stacks(reader: Reader, want: do.Want, words: set[str]) -> None:
    if want.key == "chain":
        names = list(want.value)
    elif want.key == "owner":
        names = [want.value]
    else:
        names = [want.key] if want.key not in wants.VIPA else []
    for name in names:
        if name != wants.NONE and name not in words:
            reader.say(want.line, f"expect: nothing in this file names stack {name}")


def _places(reader: Reader, given: Given, steps: tuple[Step, ...], others: set[str]) -> None:
    """A pod starts on a node that there is, or was: by its stack's shorthand or by the verb."""
    nodes = set(given.nodes) | others
    home = {stack.name for stack in given.stacks}
    for step in steps:
        for verb in step.do:
            if isinstance(verb, do.Start):
                if verb.node and verb.node not in nodes:
                    known = ", ".join(sorted(nodes)) or "none"
                    text = f"start: node {verb.node} is not given; there are {known}"
                    reader.say(verb.line, text)
                if not verb.node and verb.stack not in home:
                    text = f"start: stack {verb.stack} is not in given.stacks: say on which node"
                    reader.say(verb.line, f"{text}, {{stack: {verb.stack}, node: N}}")
