"""What the answers to our own writes teach, and what to look at again after them."""

from __future__ import annotations

from typing import Any

from vipa.core import actions as act
from vipa.core.cluster import Key
from vipa.core.scope import Scope
from vipa.shell.executor import object_key
from vipa.shell.store import Store


def touched_by(action: act.Action) -> Scope:
    """What to look at again after a write: its object, whatever the answer was."""
    match action:
        case act.WriteRecord() | act.DeleteRecord():
            return Scope(vipas={action.key})
        case act.WriteVipaStatus():
            return Scope(vipas={action.key}, decides=False)
        case act.ApplyService():
            return Scope(vipas={Key(action.key.namespace, action.vipa)})
        case act.AnnotatePod():
            return Scope(pods={action.key})
        case act.CreateStack() | act.DeleteStack() | act.WriteStackStatus():
            return Scope(stacks={action.key})
        case act.WriteSysplexStatus():
            return Scope(sysplexes={action.key})
        case act.WriteBackupStatus():
            return Scope(backups={action.key})
        case _:
            return Scope()


def absorber(store: Store) -> Any:
    """What the answers to our own writes teach: the newest version, before any watch event."""

    def absorb(action: act.Action, replies: list[dict[str, Any]]) -> None:
        if isinstance(action, act.AnnotatePod):
            store.annotated(action.key, action.uid, action.value)
        elif isinstance(action, act.Emit):
            return
        elif isinstance(
            action,
            act.DeleteRecord
            | act.DeleteService
            | act.DeleteSlice
            | act.DeleteEndpoints
            | act.DeleteStack,
        ):
            store.deleted(action.kind, object_key(action), action.uid)
            if isinstance(action, act.DeleteRecord):
                store.released(action.key)
        else:
            store.observe(action.kind, replies[-1])

    return absorb
