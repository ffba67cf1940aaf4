"""The verbs of `do`: from YAML to values.

A verb of the contract that this version lacks is refused by its name, so that a file written for a
later version is not mistaken for one with a slip of the pen.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from vipa.core.cluster import Key
from vipa.rehearsal import objects
from vipa.rehearsal import steps as do
from vipa.rehearsal.reading import Reader, hint, line_of
from vipa.rehearsal.steps import NAMESPACE, Verb

LATER = ("vary", "bind", "unbind", "connections", "wlm", "tsr", "listeners")
ALONE = ("restart", "leader", "blind", "wait")
COMMANDS_LATER = ("deactivate", "reactivate", "quiesce", "resume", "vary")
USAGE = (
    "write `move VIPA --to STACK [--once]`, `unpin VIPA`, `join STACK` or `leave STACK`, "
    "with -n NAMESPACE if need be"
)


def unsupported(verb: str) -> str:
    return f"verb `{verb}` is not supported by this version"


def read(reader: Reader, node: Node) -> tuple[Verb, ...]:
    """What a step does: one verb, or a list of verbs."""
    items = node.value if isinstance(node, SequenceNode) else [node]
    if not items:
        reader.say(node, "do is empty: name a verb, or leave do out")
    found: list[Verb] = []
    words: list[str] = []
    for item in items:
        fields = reader.mapping(item, "an item of do")
        if len(fields) > 1:
            names = ", ".join(f"`{name}`" for name in fields)
            reader.say(item, f"one verb an item, here are {names}: write a list, [{{…}}, {{…}}]")
        for name, field in fields.items():
            words.append(name)
            found += _verb(reader, name, field.key, field.value)
    alone = next((word for word in words if word in ALONE), None)
    if alone and len(words) > 1:
        reader.say(node, f"`{alone}` stands alone: give it a step of its own")
    return tuple(found)


def _verb(reader: Reader, name: str, key: Node, node: Node) -> Iterator[Verb]:
    if name in LATER:
        reader.say(key, unsupported(name))
        return
    parse = VERBS.get(name)
    if parse is None:
        reader.say(key, f"unknown verb `{name}`; {hint(name, VERBS)}")
        return
    yield from parse(reader, name, node)


def _start(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    if not isinstance(node, MappingNode):
        if stack := reader.label(node, "start: the stack"):
            yield do.Start(stack=stack, line=line_of(node))
        return
    fields = reader.known(node, "start", ("stack", "node", "pod"))
    words = {key: reader.label(f.value, f"start: {key}") for key, f in fields.items()}
    if "stack" not in words:
        reader.say(node, "start needs a stack: {stack: S, node: N, pod: P}")
    elif words["stack"]:
        yield do.Start(line=line_of(node), **words)


PODS: dict[str, type[do.PodVerb]] = {
    "stop": do.Stop,
    "kill": do.Kill,
    "fail": do.Fail,
    "recover": do.Recover,
    "deaf": do.Deaf,
    "hears": do.Hears,
}


def _pod(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    if not isinstance(node, MappingNode):
        if stack := reader.label(node, f"{name}: the stack"):
            yield PODS[name](stack=stack, line=line_of(node))
        return
    keys = ("stack", "pod", "grace") if name == "stop" else ("stack", "pod")
    fields = reader.known(node, name, keys)
    values: dict[str, Any] = {}
    if "grace" in fields:
        values["grace_s"] = reader.duration(fields.pop("grace").value, "grace")
    words = {key: reader.label(f.value, f"{name}: {key}") for key, f in fields.items()}
    if "stack" not in words:
        reader.say(node, f"{name} needs a stack: {{stack: S, pod: P}}")
    elif words["stack"]:
        yield PODS[name](line=line_of(node), **words, **values)


def _node(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    kind = do.Down if name == "down" else do.Up
    if word := reader.name(node, f"{name}: the node"):
        yield kind(node=word, line=line_of(node))


def _taint(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    kind = do.Taint if name == "taint" else do.Untaint
    for where, field in reader.mapping(node, name).items():
        if key := reader.name(field.value, f"{name}: the key of the taint"):
            yield kind(node=where, key=key, line=line_of(field.key))


def _apply(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    raw = objects.read(reader, node, "apply")
    if raw is not None:
        yield do.Apply(object=raw, line=line_of(node))


def _delete(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    text = reader.name(node, "delete")
    parts = text.split("/") if text else []
    kind = objects.kind_named(parts[0]) if parts else ""
    if not text:
        return
    if parts[0].lower() in map(str.lower, objects.LATER):
        reader.say(node, objects.later(parts[0]))
    elif len(parts) not in (2, 3) or not all(parts):
        reader.say(node, f"delete: `{text}` is to be kind/name, or kind/namespace/name")
    elif not kind:
        reader.say(node, f"delete: unknown kind `{parts[0]}`; {hint(parts[0], objects.WORDS)}")
    else:
        namespace = parts[1] if len(parts) == 3 else NAMESPACE
        wide = kind in do.CLUSTER_WIDE
        key = Key("" if wide else namespace, parts[-1])
        yield do.Delete(kind=kind, key=key, line=line_of(node))


def _restart(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    word = reader.name(node, "restart")
    if word == "operator":
        yield do.Restart(line=line_of(node))
    elif word:
        reader.say(node, f"restart: `{word}` cannot be restarted; write `restart: operator`")


def _leader(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    word = reader.name(node, "leader")
    if word == "lost":
        yield do.LeaderLost(line=line_of(node))
    elif word:
        reader.say(node, f"leader: `{word}` cannot happen to it; write `leader: lost`")


def _blind(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    yield do.Blind(blind=reader.flag(node, "blind"), line=line_of(node))


def _wait(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    seconds = reader.duration(node, "wait")
    if seconds is not None:
        yield do.Wait(seconds=seconds, line=line_of(node))


def _command(reader: Reader, name: str, node: Node) -> Iterator[Verb]:
    """A command of `vipa` as an operator types it, with `-n NAMESPACE` if need be."""
    text = reader.name(node, "vipa: the command")
    if not text:
        return
    try:
        words = shlex.split(text)
    except ValueError as error:
        reader.say(node, f"vipa: {error} in `{text}`")
        return
    if words and words[0] in COMMANDS_LATER:
        reader.say(node, f"`vipa {words[0]}` is not supported by this version; {USAGE}")
        return
    found = _words(words)
    if found is None:
        reader.say(node, f"vipa: cannot read `{text}`; {USAGE}")
        return
    verb = _of_command(*found, line_of(node))
    if verb is None:
        reader.say(node, f"vipa: cannot read `{text}`; {USAGE}")
    else:
        yield verb


def _of_command(positional: list[str], options: dict[str, str], line: int) -> Verb | None:
    if len(positional) != 2:
        return None
    word, name = positional
    namespace, others = options.get("-n", NAMESPACE), options.keys() - {"-n"}
    if word == "move" and "--to" in options:
        vipa, once = Key(namespace, name), "--once" in options
        return do.Move(vipa=vipa, to=options["--to"], once=once, line=line)
    if word == "unpin" and not others:
        return do.Unpin(vipa=Key(namespace, name), line=line)
    if word in ("join", "leave") and not others:
        return do.Member(stack=name, joins=word == "join", namespace=namespace, line=line)
    return None


def _words(words: list[str]) -> tuple[list[str], dict[str, str]] | None:
    """Positional words and options of a command line, or None for an option that it has not."""
    positional: list[str] = []
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        name = "-n" if name == "--namespace" else name
        if name == "--once" and not equals:
            options[name] = "yes"
        elif name in ("--to", "-n"):
            options[name] = value if equals else next(rest, "")
        elif word.startswith("-"):
            return None
        else:
            positional.append(word)
    return (positional, options) if all(options.values()) else None


Parse = Callable[[Reader, str, Node], Iterator[Verb]]
VERBS: dict[str, Parse] = {
    "start": _start,
    **dict.fromkeys(PODS, _pod),
    "down": _node,
    "up": _node,
    "taint": _taint,
    "untaint": _taint,
    "apply": _apply,
    "delete": _delete,
    "vipa": _command,
    "restart": _restart,
    "leader": _leader,
    "blind": _blind,
    "wait": _wait,
}
