"""What a rehearsal sees of a cluster, in the names of its file: objects, records, events, changes.

Our own writes are taken in from their answers, so that the next verb finds them; the streams bring
what others did. Every change of something that only the operator writes is remembered with its
version, which is how `actions: 0` is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from vipa.core.cluster import Key
from vipa.core.inventory import Inventory, Object
from vipa.core.record import Record
from vipa.k8s import decode, names
from vipa.k8s.listing import version_of
from vipa.rehearsal import aside
from vipa.rehearsal.lens import Lens
from vipa.rehearsal.observation import Observation, Said

Ref = tuple[str, Key]
STATUS_IS_THE_OPERATORS = ("Sysplex", "Stack", "VIPA", "VIPABackup")


class Change(NamedTuple):
    """Something that only the operator writes is not as it was. `version`: that of the object."""

    version: int
    text: str


class ClusterWorld:
    """The objects of one run."""

    def __init__(self, lens: Lens) -> None:
        self.lens = lens
        self.world = Inventory()
        self.changed_at = time.monotonic()
        self.heard = 0
        self._raw: dict[Ref, Mapping[str, Any]] = {}
        self._values: dict[Ref, Object] = {}
        self._buried: set[str] = set()
        self._own: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """A new step: nothing has happened yet."""
        self._history: dict[Key, list[Record | None]] = {
            key: [record] for key, record in self.world.records.items()
        }
        self._events: dict[Key, list[Said]] = {}
        self._changes: list[Change] = []
        self.refusals: list[str] = []

    def hear(self, kind: str, type_: str, line: bytes) -> None:
        """A line of a stream."""
        mine = self.lens.inward(line)
        if mine is not None:
            self.heard += 1
            raw = orjson.loads(mine)["object"]
            if type_ == "DELETED":
                self.drop(kind, raw)
            else:
                self.take(kind, raw)

    def wrote(self, answer: Mapping[str, Any]) -> None:
        """The API server's answer to a write of ours."""
        mine = self.lens.inward(orjson.dumps(answer))
        if mine is not None:
            raw = orjson.loads(mine)
            self._own.add(version_of(raw))
            self.take(str(raw.get("kind")), raw)

    def removed(self, kind: str, key: Key) -> None:
        """Our own deletion was taken: the object is gone at once, whenever the stream says so."""
        raw = self._raw.get((kind, key))
        if raw is not None:
            self._buried.add(raw["metadata"]["uid"])
            self._forget((kind, key))

    def take(self, kind: str, raw: Mapping[str, Any]) -> None:
        ref, uid, version = _reference(kind, raw)
        known = self._raw.get(ref)
        if uid in self._buried or (known is not None and version_of(known) >= version):
            return
        if kind == "Event":
            self._said(ref, raw, known)
            return
        if known is not None and known["metadata"]["uid"] != uid:
            self._forget(ref)
            known = None
        before = self.world.records.get(_vipa_of(ref))
        self._put(ref, raw)
        after = self.world.records.get(_vipa_of(ref))
        if _by_the_operator(kind, known, raw) and not (
            before and after and aside.only_term(before, after)
        ):
            self._note(version, f"{'created' if known is None else 'changed'} {kind} {ref[1]}")
        if kind == "EndpointSlice" and after is not None and after != before:
            self._history.setdefault(after.vipa, [None]).append(after)

    def drop(self, kind: str, raw: Mapping[str, Any]) -> None:
        ref, uid, version = _reference(kind, raw)
        known = self._raw.get(ref)
        if known is None or known["metadata"]["uid"] != uid:
            return
        if _by_the_operator(kind, known, None):
            self._note(version, f"deleted {kind} {ref[1]}")
        self._forget(ref)

    def _put(self, ref: Ref, raw: Mapping[str, Any]) -> None:
        self._raw[ref] = raw
        value = decode.decode(ref[0], raw)
        old = self._values.pop(ref, None)
        if old is not None:
            self.world.drop(old)  # a slice may turn into a record and back
        if value is not None:
            self.world.put(value)
            self._values[ref] = value

    def _forget(self, ref: Ref) -> None:
        del self._raw[ref]
        old = self._values.pop(ref, None)
        if old is not None:
            self.world.drop(old)
        if isinstance(old, Record):
            self._history.setdefault(old.vipa, [None]).append(None)

    def _said(self, ref: Ref, raw: Mapping[str, Any], known: object) -> None:
        """An event counts for its VIPA, also where a pod concerned is told."""
        if raw.get("reportingComponent") != names.FIELD_MANAGER or known is not None:
            return
        self._raw[ref] = raw
        vipa = Key(ref[1].namespace, ref[1].name.partition(".")[0])
        said = Said(str(raw.get("reason") or ""), str(raw.get("message") or ""))
        if said.event != aside.EVENT:
            self._note(version_of(raw), f"event {said.event} {vipa}")
        if vipa in self.world.vipas or raw["involvedObject"].get("kind") == "VIPA":
            self._events.setdefault(vipa, []).append(said)

    def _note(self, version: int, text: str) -> None:
        self.changed_at = time.monotonic()
        self._changes.append(Change(version, text))

    def actions(self) -> Iterator[str]:
        """What others than we changed, of what only the operator changes."""
        return (one.text for one in self._changes if one.version not in self._own)

    def observation(self, now: str, restless: tuple[str, ...], began: float = 0.0) -> Observation:
        """`began`: when what happened in this step began, by the same clock as `changed_at`."""
        return Observation(
            world=self.world.copy(),
            now=now,
            history={key: tuple(records) for key, records in self._history.items()},
            events={key: tuple(said) for key, said in self._events.items()},
            actions=tuple(self.actions()),
            refusals=tuple(self.refusals),
            restless=restless,
            seconds=max(0.0, self.changed_at - began),
        )


def _reference(kind: str, raw: Mapping[str, Any]) -> tuple[Ref, str, int]:
    meta = raw["metadata"]
    key = Key(str(meta.get("namespace") or ""), str(meta["name"]))
    return (kind, key), str(meta["uid"]), version_of(raw)


def _vipa_of(ref: Ref) -> Key:
    return Key(ref[1].namespace, ref[1].name.removesuffix(names.RECORD_SUFFIX))


def _by_the_operator(
    kind: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> bool:
    """Whether it is the operator's part of an object that changed, or an object of its own."""
    if kind in STATUS_IS_THE_OPERATORS:
        if old is None or new is None:
            return kind == "Stack"
        return _status(old) != _status(new)
    if kind == "Pod":
        return _note_on(old) != _note_on(new) and new is not None
    if kind in ("Service", "EndpointSlice"):
        return _is_ours(old) or _is_ours(new)
    return False


def _status(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The status without what is said by the way."""
    status = dict(raw.get("status") or {})
    found = [c for c in status.get("conditions") or () if c.get("type") != aside.CONDITION]
    return {**status, "conditions": found}


def _note_on(pod: Mapping[str, Any] | None) -> object:
    return ((pod or {}).get("metadata", {}).get("annotations") or {}).get(names.VIPAS)


def _is_ours(raw: Mapping[str, Any] | None) -> bool:
    return names.VIPA in ((raw or {}).get("metadata", {}).get("labels") or {})
