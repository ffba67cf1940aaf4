"""The spec of a VIPA, read field by field; the rules inside it as in crds/vipas.yaml."""

from __future__ import annotations

from vipa.core import document, forms
from vipa.core.fields import Fields
from vipa.core.notes import Notes, shown
from vipa.core.resources import Moveable, Port, Rank, ServiceSpec, Vipa, VipaSpec

SERVICE_TYPES = ("LoadBalancer", "ClusterIP", "None")
DRAIN = "60s"


def vipa(raw: object) -> tuple[Vipa, Notes]:
    root, meta = document.opened(raw, document.LABEL_1035)
    spec, unsupported = _read(root.child("spec", required=True))
    value = Vipa(
        key=meta.key,
        uid=meta.uid,
        created=meta.created,
        generation=meta.generation,
        labels=meta.labels,
        spec=spec,
        unsupported=unsupported,
        issues=root.notes.issues,
    )
    return value, root.notes


def _read(spec: Fields) -> tuple[VipaSpec, tuple[str, ...]]:
    """The value, and the fields of a later release that are set to something with an effect."""
    address = spec.text("address", forms.ADDRESS)
    moveable = Moveable(spec.word("moveable", tuple(Moveable), Moveable.IMMEDIATE))
    move = spec.child("move")
    value = VipaSpec(
        sysplex=spec.text("sysplex", forms.SYSPLEX, required=True),
        address=address,
        range=spec.text("range", forms.RANGE),
        static=spec.word("type", ("Dynamic", "Static"), "Dynamic") == "Static",
        primary=spec.text("primary", forms.PRIMARY),
        backups=tuple(_backups(spec)),
        moveable=moveable,
        scope_key=spec.text("scopeTopologyKey", forms.SCOPE),
        ports=_ports(spec),
        service=_service(spec.child("service")),
        move_to=move.text("to", forms.STACK, required=True),
    )
    prefix = spec.number("prefixLength", 1, 128)
    drain = spec.duration("drainTimeout", "0s", "1h", DRAIN)
    _rules(spec, value, prefix)
    found = {
        "spec.moveable: WhenIdle (acts as Manual)": moveable is Moveable.WHEN_IDLE,
        "spec.range (assigns no address)": spec.has("range"),
        "spec.prefixLength (announces a host route)": prefix > 0,
        "spec.drainTimeout (acts as 0s)": drain not in (None, forms.nanoseconds(DRAIN)),
    }
    return value, tuple(text for text, here in found.items() if here)


def _rules(spec: Fields, value: VipaSpec, prefix: int) -> None:
    """What is right only together with something else."""
    spec.rule(
        spec.has("address") != spec.has("range"),
        "write exactly one of address and range, for example address: 198.51.100.10",
    )
    six = ":" in value.address
    spec.rule(
        not (six and value.moveable is Moveable.WHEN_IDLE),
        "moveable WhenIdle is for IPv4 only, as on z/OS: write Immediate or Manual for an IPv6 "
        "address",
        "moveable",
    )
    spec.rule(
        six or not value.address or prefix <= 32,
        "prefixLength of an IPv4 address is at most 32",
        "prefixLength",
    )
    if not value.static:
        return
    spec.rule(
        spec.has("primary"),
        "a Static VIPA needs primary: write the stack that it is bound to",
    )
    spec.rule(
        spec.size("backups") == 0,
        "a Static VIPA has no takeover: remove backups, or write type: Dynamic",
        "backups",
    )
    spec.rule(
        not spec.has("move"),
        "a Static VIPA does not move: remove move, or write type: Dynamic",
        "move",
    )


def _backups(spec: Fields) -> list[Rank]:
    found = []
    for entry in spec.objects("backups", 254, "stack"):
        stack = entry.text("stack", forms.STACK, required=True)
        rank = entry.number("rank", 1, 254, required=True)
        if stack and rank:
            found.append(Rank(stack, rank))
    return found


def _ports(spec: Fields) -> tuple[Port, ...]:
    found: list[Port] = []
    for entry in spec.objects("ports", 100, "name"):
        name = entry.text("name", forms.PORT, required=True)
        protocol = entry.word("protocol", ("TCP", "UDP", "SCTP"), "TCP")
        number = entry.number("port", 1, 65535, required=True)
        target = _target(entry, number)
        if name and number and target:
            found.append(Port(name=name, protocol=protocol, port=number, target=target))
    pairs = {(port.protocol, port.port): port for port in reversed(found)}
    spec.rule(
        len(pairs) == len(found),
        "the same port and protocol twice: write every pair of port and protocol once",
        "ports",
    )
    return tuple(port for port in found if pairs[port.protocol, port.port] is port)


def _target(entry: Fields, port: int) -> int | str:
    """Port of the pod, number or name; left out it is the port itself. 0 for what is neither."""
    value = entry.get("targetPort")
    if value is None:
        return port
    if isinstance(value, str) and len(value) <= 15 and forms.is_port_name(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return value
    text = "write a number 1 to 65535 or the name of a container port, for example 8080 or http"
    entry.note("targetPort", f"{text} (got {shown(value)})")
    return 0


def _service(service: Fields) -> ServiceSpec:
    return ServiceSpec(
        name=service.text("name", forms.SERVICE),
        type=service.word("type", SERVICE_TYPES),
        annotations=service.mapping("annotations", 64, 4096),
        labels=service.mapping("labels", 64, 63),
        external_traffic_policy=service.word("externalTrafficPolicy", ("Cluster", "Local")),
        session_affinity=service.word("sessionAffinity", ("None", "ClientIP")),
        load_balancer_class=service.text("loadBalancerClass", forms.LOAD_BALANCER_CLASS),
    )
