"""Writes the tables of docs/reference.md that follow from the code; `--check` only compares.

The words come from the code, their meaning stands here: a word without a meaning, or a meaning
without a word, ends the script, so that neither can be forgotten.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vipa.core import events, incidents
from vipa.core.reasons import Acceptance, Candidate, Cause, Kept
from vipa.core.record import Move
from vipa.core.snapshot import Settings
from vipa.shell.elector import NONE
from vipa.shell.metrics import ElectionCollector, Metrics, StoreCollector
from vipa.shell.probemetrics import ProbeMetrics
from vipa.shell.store import Store

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"

CANDIDATES = {
    "NotRanked": "Neither `primary` nor a ranking names the stack. Only an owner can be this.",
    "Absent": "There is no pod of the stack, or its Sysplex does not exist or is another one.",
    "Left": "`Stack.spec.membership` is `Left`, or the monitor expelled it (`Autonomics`).",
    "NodeDown": "The pod's node does not exist, is not Ready, or is tainted out-of-service.",
    "Terminating": "The pod is being deleted (it has a deletionTimestamp).",
    "NotReady": "The pod has Ready=False, has ended, has no address, or is not scheduled.",
    "Unresponsive": "The pod does not answer the monitor, or has not yet answered it once.",
    "Quarantined": "It failed too often (`damping`); `Stack.status.damping.until` says how long.",
    "Joining": "Healthy, but not yet for as long as `joinDelay` asks.",
    "Deactivated": "`Stack.spec.deactivated` names the VIPA.",
    "OutOfScope": "The node is in another domain of `scopeTopologyKey`, or lacks the label.",
    "ShortForm": "Ranked with `activate: false`, and the VIPA was never active.",
    "NoAddressOfFamily": "The pod has no address of the VIPA's family (IPv4 or IPv6).",
    "PortMissing": "A `targetPort` is a name that no container port of the pod has.",
    "Eligible": "It may own the VIPA.",
}
CAUSES = {
    "OwnerGone": "The owner's pod is gone, or no longer of that stack and Sysplex.",
    "NodeFailed": "The owner's node is gone, not Ready, or tainted out-of-service.",
    "OwnerStopped": "The owner's pod is being deleted.",
    "OwnerFailed": "The owner's pod is not Ready on a node that reports, or is silent.",
    "OwnerLeft": "The owner's stack left the group by command.",
    "Deactivated": "The VIPA was deactivated on the owner's stack.",
    "GivenUp": "The owner is healthy, but no candidate any more: not named, or out of scope.",
    "TakenBack": "The primary takes the VIPA back (`moveable: Immediate`).",
    "Moved": "A pin moved it, and the old owner could have stayed.",
    "PodReplaced": "The stack stays; another pod, or another address of the pod, serves.",
    "Activated": "It had no owner, or its record was lost.",
}
KEPT = {
    "LastOwnerKept": "The owner is terminating, silent or no member yet, and nobody is eligible.",
    "NoSuccessor": "The owner is healthy but no candidate any more, and nobody is eligible.",
    "NoWitness": "The owner is silent, and its successor has not answered a probe since.",
}
ACCEPTANCE = {
    "Accepted": "True: the address is this VIPA's.",
    "Invalid": "False: the object cannot be read; the message names the field.",
    "NoSuchSysplex": "Unknown: `spec.sysplex` names none in this namespace.",
    "NoAddress": "Unknown: `spec.range` is written, which assigns nothing in this release.",
    "AddressNotAllowed": "False: outside of the operator's `--allowed-cidr`.",
    "AddressInUse": "False: another VIPA, a node, a Service or a CIDR of the cluster has it.",
}
# Events that no move makes: name, on what, meaning.
OTHER_EVENTS = {
    "Held": ("Sysplex, VIPA", "What probes say is not believed, or moves nothing; see Holding."),
    "Quarantined": ("Stack, VIPA, Pod", "It failed too often; until when the message says."),
    "InvalidStackName": ("pod", "A label of the pod names no Sysplex or stack; it is no stack."),
    "StackNameInUse": ("pod", "The stack name belongs to another Sysplex of the namespace."),
    "Conflict": ("VIPA", "Somebody else wrote the record with a higher epoch."),
}
METRICS = {
    "sysplex_takeovers_total": "Changes of holder, releases included, that this process wrote.",
    "sysplex_takeover_seconds": "From the change seen to the record acknowledged.",
    "sysplex_round_seconds": "Time to plan one round.",
    "sysplex_actions_total": "Writes; outcome: `ok`, an HTTP status, or `unreachable`.",
    "sysplex_shadow_actions_total": "Record writes that a standby planned and left to the leader.",
    "sysplex_leader": "1: this replica holds the Lease and writes.",
    "sysplex_leader_transitions_total": "Terms of the Lease so far, whoever had them.",
    "sysplex_loop_lag_seconds": "By how much a timer of the event loop is late.",
    "sysplex_vipa_owner": "1 for the stack that owns; no sample without an owner.",
    "sysplex_vipa_epoch": "The term of office.",
    "sysplex_vipa_protected": "1 while condition Protected is True.",
    "sysplex_stacks": "Number of stacks in a phase.",
    "sysplex_watch_last_event_seconds": "Seconds since the kind was last heard of.",
    "sysplex_failover_detection_seconds": "From the first unanswered probe to silence believed.",
    "sysplex_held": "Silent stacks that are not believed, or whose silence moves nothing.",
    "sysplex_probe_seconds": "Time of a probe; outcome: `answered`, `unanswered`, `uncounted`.",
    "sysplex_probes_late_total": "Probes that came too late; what they miss does not count.",
    "sysplex_probes_in_flight": "Probes under way.",
    "sysplex_blind": "1: the API server has not answered for 10 s; probes do not count.",
}


def told(words: Iterable[str], meanings: Mapping[str, object], what: str) -> None:
    """Every word has a meaning and the other way round."""
    found = set(words)
    odd = found ^ set(meanings)
    if odd:
        raise SystemExit(f"docs_reference: {what}: add or remove in the script: {sorted(odd)}")


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def reasons(words: Iterable[str], meanings: Mapping[str, str], what: str) -> str:
    words = [str(word) for word in words]
    told(words, meanings, what)
    return table(("reason", "meaning"), ((f"`{word}`", meanings[word]) for word in words))


def moves() -> Iterator[tuple[str, ...]]:
    """Which event each cause makes, with a successor and without, and its first words."""
    for cause in Cause:
        names, texts = [], []
        for to in ("sysb", ""):
            move = Move("sysa", to, str(cause), "")
            name = events.name_of(move)
            names.append(f"`{name}`")
            texts.append(events.sentence("A", move, name))
        without = names[1] if cause in events.LOSSES else "-"
        yield f"`{cause}`", names[0], without, f"`{texts[0]}`"


def event_tables() -> str:
    source = inspect.getsource(events) + inspect.getsource(incidents)
    missing = [name for name in OTHER_EVENTS if f'"{name}"' not in source]
    known = set(re.findall(r'event(?:, note)? ?= ?"(\w+)"|about, "(\w+)"', source))
    known = {name for pair in known for name in pair if name}
    told(known, OTHER_EVENTS, "events" if not missing else f"events {missing}")
    others = ((f"`{name}`", *rest) for name, rest in OTHER_EVENTS.items())
    return "\n\n".join(
        (
            table(("cause", "event, with a successor", "without one", "begins with"), moves()),
            table(("other event", "on", "meaning"), others),
        )
    )


def metrics() -> str:
    """Names, types and labels from the registry itself, with an empty store behind it."""
    held = Metrics()
    probes = ProbeMetrics(held.registry, in_flight=float, blind=float)
    store = Store(Settings(), lambda: "")
    families = [*held.registry.collect(), *ElectionCollector(lambda: NONE, lambda: 0).collect()]
    families += StoreCollector(store, {}, lambda: 0.0).collect()
    known = [one for part in (held, probes) for one in vars(part).values()]
    labels = {one._name: one._labelnames for one in known if hasattr(one, "_name")}
    rows = []
    for one in families:
        name = f"{one.name}_total" if one.type == "counter" else one.name
        found = labels.get(one.name, getattr(one, "_labelnames", ()))
        rows.append((name, one.type, ", ".join(found) or "-"))
    told((row[0] for row in rows), METRICS, "metrics")
    filled = ((f"`{name}`", kind, has, METRICS[name]) for name, kind, has in rows)
    return table(("metric", "type", "labels", "meaning"), filled)


def tables() -> dict[str, str]:
    return {
        "candidates": reasons(Candidate, CANDIDATES, "candidates"),
        "causes": reasons(Cause, CAUSES, "causes"),
        "kept": reasons(Kept, KEPT, "kept"),
        "acceptance": reasons(Acceptance, ACCEPTANCE, "acceptance"),
        "events": event_tables(),
        "metrics": metrics(),
    }


def filled(page: str) -> str:
    """The page with every table between its two markers as the code says it."""
    for name, text in tables().items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise SystemExit(f"docs_reference: {PAGE.name} needs the markers of {name} once")
        head, _, rest = page.partition(begin)
        tail = rest.partition(end)[2]
        page = f"{head}{begin}\n{text}\n\n{end}{tail}"
    return page


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    check = parser.parse_args().check
    old = PAGE.read_text(encoding="utf-8")
    new = filled(old)
    if not check:
        PAGE.write_text(new, encoding="utf-8")
        return 0
    lines = difflib.unified_diff(
        old.splitlines(True), new.splitlines(True), "docs/reference.md", "as the code says it"
    )
    sys.stdout.writelines(lines)
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
