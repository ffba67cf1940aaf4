"""Kubernetes objects in a rehearsal: which kinds there are, and what may be left out of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from yaml.nodes import Node

from vipa.core import spec
from vipa.core.resources import Backup, Stack, Sysplex, Vipa
from vipa.rehearsal.reading import Reader, hint
from vipa.rehearsal.steps import CLUSTER_WIDE, NAMESPACE, SYSPLEX, Raw

GROUP = "sysplex.dev/v1alpha1"
OURS = ("Sysplex", "Stack", "VIPA", "VIPABackup")
LATER = ("VIPADistribution", "VIPARange", "VIPAClaim")
VERSIONS = {
    **dict.fromkeys(OURS, GROUP),
    "Pod": "v1",
    "Node": "v1",
    "Service": "v1",
    "Namespace": "v1",
    "EndpointSlice": "discovery.k8s.io/v1",
}
SHORT = {"plex": "Sysplex", "stk": "Stack", "vbackup": "VIPABackup", "po": "Pod", "svc": "Service"}
PLURALS = {"sysplexes": "Sysplex"}
PARSERS: Mapping[str, Callable[[object], Sysplex | Stack | Vipa | Backup]] = {
    "Sysplex": spec.sysplex,
    "Stack": spec.stack,
    "VIPA": spec.vipa,
    "VIPABackup": spec.backup,
}
WORDS = {kind.lower(): kind for kind in VERSIONS}


def later(kind: str) -> str:
    return f"kind {kind} is not supported by this version"


def kind_named(word: str) -> str:
    """The kind that a word means (`vipa`, `vipas`, `vbackup`), or nothing."""
    word = word.lower()
    found = WORDS.get(word) or SHORT.get(word) or PLURALS.get(word)
    return found or WORDS.get(word.removesuffix("s"), "")


def read(reader: Reader, node: Node, what: str) -> Raw | None:
    """An object with apiVersion, kind and namespace filled in; None if it is none."""
    fields = reader.mapping(node, what)
    if not fields:
        return None
    kind = reader.name(fields["kind"].value, "kind") if "kind" in fields else ""
    meta = reader.mapping(fields["metadata"].value, "metadata") if "metadata" in fields else {}
    name = reader.name(meta["name"].value, "metadata.name") if "name" in meta else ""
    if not kind or not name:
        if not any(m.line == node.start_mark.line + 1 for m in reader.mistakes):
            reader.say(node, f"{what} needs kind and metadata.name")
        return None
    if kind in LATER:
        reader.say(fields["kind"].value, later(kind))
        return None
    if kind not in VERSIONS and "apiVersion" not in fields:
        text = f"{what} of kind `{kind}` needs apiVersion; {hint(kind, VERSIONS)}"
        reader.say(fields["kind"].value, text)
        return None
    raw = dict(reader.object(node, what))
    version = raw.setdefault("apiVersion", VERSIONS.get(kind))
    if kind in OURS and version != GROUP:
        reader.say(fields["apiVersion"].value, f"apiVersion of a {kind} is {GROUP}")
    if not isinstance(raw.get("spec", {}), dict):
        reader.say(fields["spec"].value, f"spec of a {kind} is to be a mapping")
        return None
    raw["metadata"] = dict(raw["metadata"])
    if kind not in CLUSTER_WIDE:
        raw["metadata"].setdefault("namespace", NAMESPACE)
    return raw


def created(raw: Raw) -> dict[str, Any]:
    """The object with what only a new one is given: ours belong to `plex1` unless they say else."""
    new = dict(raw)
    if raw["kind"] in OURS:
        spec: Mapping[str, Any] = raw.get("spec") or {}
        new["spec"] = dict(spec) if raw["kind"] == "Sysplex" else {"sysplex": SYSPLEX, **spec}
    return new


def issues(old: Raw | None, new: Raw) -> str:
    """What the API server would say against an object of ours; empty if it takes it."""
    parse = PARSERS.get(new["kind"])
    if parse is None:
        return ""
    found = [*getattr(parse(new), "issues", ()), *spec.unknown_fields(new)]
    if old is not None:
        found += spec.changed(old, new)
    return "; ".join(map(str, found))


def merged(old: Raw, new: Raw) -> dict[str, Any]:
    """`apply` on an object that is there: top-level keys of spec (and of status, for what kubelets
    say) merge, lists are replaced, null removes; labels and annotations merge."""
    result = {**old, **{k: v for k, v in new.items() if k not in ("metadata", "spec", "status")}}
    for part in ("spec", "status"):
        if part in new or part in old:
            result[part] = _over(old.get(part), new.get(part))
    meta = dict(old["metadata"])
    for part in ("labels", "annotations"):
        if part in new["metadata"]:
            meta[part] = _over(meta.get(part), new["metadata"][part])
    result["metadata"] = meta
    return result


def _over(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    both = {**(old or {}), **(new or {})}
    return {key: value for key, value in both.items() if value is not None}
