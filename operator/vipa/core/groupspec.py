"""The specs of Sysplex, Stack and VIPABackup; the rules inside them as in crds/."""

from __future__ import annotations

from vipa.core import document, forms
from vipa.core.fields import Fields
from vipa.core.notes import Notes
from vipa.core.resources import (
    Backup,
    Damping,
    Monitor,
    OnUnresponsive,
    Probe,
    Rank,
    Requirement,
    Stack,
    Sysplex,
)
from vipa.core.vipaspec import SERVICE_TYPES

PORTS = (1, 65535)
JOIN_REQUESTED = "sysplex.dev/join-requested"


def sysplex(raw: object) -> tuple[Sysplex, Notes]:
    root, meta = document.opened(raw, document.LABEL)
    spec = root.child("spec", default=True)
    monitor = _monitor(spec.child("monitor"))
    delay = spec.duration("joinDelay", "0s", "24h", "0s")
    damping = _damping(spec.child("damping"))
    service = spec.child("service", default=True)
    value = Sysplex(
        key=meta.key,
        uid=meta.uid,
        created=meta.created,
        generation=meta.generation,
        monitor=monitor,
        join_delay=_seconds(delay),
        damping=damping,
        service_type=service.word("type", SERVICE_TYPES, "LoadBalancer"),
        issues=root.notes.issues,
    )
    return value, root.notes


def _seconds(nanoseconds: int | None) -> float:
    return (nanoseconds or 0) / forms.SECOND


def _damping(damping: Fields) -> Damping | None:
    failures = damping.number("failures", 1, 100, default=4)
    window = damping.duration("window", "1s", "24h", "5m")
    quarantine = damping.duration("quarantine", "1s", "1h", "1m")
    if not damping.there or not (failures and window and quarantine):
        return None
    return Damping(failures, _seconds(window), _seconds(quarantine))


def _probe(probe: Fields) -> Probe | None:
    tcp, http = probe.child("tcp"), probe.child("http")
    probe.rule(
        probe.has("tcp") != probe.has("http"),
        "write exactly one of tcp and http, for example probe: {tcp: {port: 8080}}",
    )
    tcp_port = tcp.number("port", *PORTS, required=True)
    http_port = http.number("port", *PORTS, required=True)
    path = http.text("path", forms.PATH, default="/")
    scheme = http.word("scheme", ("HTTP", "HTTPS"), "HTTP")
    if tcp.there == http.there:
        return None
    if tcp.there:
        return Probe(tcp_port) if tcp_port else None
    return Probe(http_port, scheme, path) if http_port and path else None


def _monitor(monitor: Fields) -> Monitor | None:
    """None for one that asks nobody, or that cannot be read: no verdict is better than a wrong
    one."""
    before = monitor.notes.issues
    probe = _probe(monitor.child("probe"))
    interval = monitor.duration("interval", "50ms", "1h", "500ms")
    timeout = monitor.duration("timeout", "10ms", "1h", "300ms")
    monitor.rule(
        interval is None or timeout is None or timeout <= interval,
        "timeout must be at most the interval: write a shorter timeout (300ms if left out) "
        "or a longer interval",
        "timeout",
    )
    failures = monitor.number("failureThreshold", 1, 100, default=3)
    successes = monitor.number("successThreshold", 1, 100, default=2)
    words = tuple(map(str, OnUnresponsive))
    action = monitor.word("onUnresponsive", words, OnUnresponsive.LEAVE)
    percent = monitor.number("holdThresholdPercent", 1, 100, default=60)
    limit = monitor.duration("holdLimit", "0s", "1h", "60s")
    if probe is None or monitor.notes.issues != before:
        return None
    return Monitor(
        probe=probe,
        interval=_seconds(interval),
        timeout=_seconds(timeout),
        failure_threshold=failures,
        success_threshold=successes,
        on_unresponsive=OnUnresponsive(action),
        hold_percent=percent,
        hold_limit=_seconds(limit),
    )


def stack(raw: object) -> tuple[Stack, Notes]:
    root, meta = document.opened(raw, document.LABEL)
    spec = root.child("spec", required=True)
    plex = spec.text("sysplex", forms.SYSPLEX, required=True)
    left = spec.word("membership", ("Joined", "Left"), "Joined") == "Left"
    quiesced = spec.flag("quiesced", False)
    ports = spec.numbers("quiescedPorts", *PORTS, 64)
    deactivated = frozenset(spec.texts("deactivated", forms.VIPA, 1024))
    unsupported = []
    if quiesced:
        unsupported.append("spec.quiesced (acts as false)")
    if ports:
        unsupported.append("spec.quiescedPorts (acts as none)")
    issues = root.notes.issues
    value = Stack(
        key=meta.key,
        uid=meta.uid,
        generation=meta.generation,
        sysplex=plex,
        left=left,
        deactivated=deactivated,
        join_requested=request
        if isinstance(request := meta.notes.get(JOIN_REQUESTED), str)
        else "",
        # What cannot be read may say something: such an object is nobody's to remove.
        default=not (left or quiesced or ports or deactivated or issues),
        unsupported=tuple(unsupported),
        issues=issues,
    )
    return value, root.notes


def backup(raw: object) -> tuple[Backup, Notes]:
    root, meta = document.opened(raw, document.SUBDOMAIN)
    spec = root.child("spec", required=True)
    plex = spec.text("sysplex", forms.SYSPLEX, required=True)
    one = spec.has("vipas") != spec.has("vipaSelector")
    spec.rule(one, "write exactly one of vipas and vipaSelector, for example vipas: [web, db]")
    vipas = frozenset(spec.texts("vipas", forms.VIPA, 1024, least=1))
    selector = _selector(spec, root.notes)
    ranking = []
    for entry in spec.objects("ranking", 254, "stack", least=1, required=True):
        name = entry.text("stack", forms.STACK, required=True)
        rank = entry.number("rank", 1, 254, default=1)
        if name and rank:
            ranking.append(Rank(name, rank))
    value = Backup(
        key=meta.key,
        uid=meta.uid,
        generation=meta.generation,
        sysplex=plex,
        # With both, nobody knows which one is meant: then it ranks for no VIPA at all.
        vipas=vipas if one else frozenset(),
        selector=selector if one else None,
        ranking=tuple(ranking),
        activate=spec.flag("activate", True),
        issues=root.notes.issues,
    )
    return value, root.notes


def _selector(spec: Fields, notes: Notes) -> tuple[Requirement, ...] | None:
    """The requirements, or None if there is no selector or a part of it cannot be read.

    A requirement left out would widen the selector: then it selects nothing.
    """
    before = len(notes.issues)
    selector = spec.child("vipaSelector")
    labels = selector.mapping("matchLabels", 16, 63)
    found = [Requirement(key, "In", (value,)) for key, value in sorted(labels.items())]
    for entry in selector.objects("matchExpressions", 16):
        key = entry.text("key", forms.LABEL_KEY, required=True)
        words = ("In", "NotIn", "Exists", "DoesNotExist")
        operator = entry.word("operator", words, required=True)
        values = entry.texts("values", forms.LABEL_VALUE, 64, unique=False)
        compares = operator in ("In", "NotIn")
        given = entry.size("values") > 0
        if operator:
            entry.rule(
                given or not compares, "write values for In and NotIn, for example values [gold]"
            )
            entry.rule(compares or not given, "remove values, Exists and DoesNotExist take none")
        found.append(Requirement(key, operator, values))
    return tuple(found) if selector.there and len(notes.issues) == before else None
