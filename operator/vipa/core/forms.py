"""The forms that text takes: names, addresses, durations, instants.

Each is the API server's own rule in Python, so that a file is judged as the server would judge it.
Whatever is handed in, nothing here raises.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple

SECOND = 1_000_000_000
LATEST = 253_402_300_799

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PORT_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DURATION = re.compile(r"([0-9]{1,6}([.][0-9]{1,6})?(ms|s|m|h))+")
_DURATION_PART = re.compile(r"([0-9]+)[.]?([0-9]*)(ms|s|m|h)")
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_INSTANT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")


class Form(NamedTuple):
    """What a text must be: at most so long, and without objection ("" is none)."""

    longest: int
    objection: Callable[[str], str]


def is_label(text: str) -> bool:
    """A DNS-1123 label: what a Kubernetes label value, a stack and a Sysplex can be."""
    return len(text) <= 63 and _LABEL.fullmatch(text) is not None


def is_label_1035(text: str) -> bool:
    """A DNS-1035 label: what a Service can be; it begins with a letter."""
    return len(text) <= 63 and _LABEL_1035.fullmatch(text) is not None


def is_subdomain(text: str) -> bool:
    """A DNS-1123 subdomain: labels with dots between, what most objects can be."""
    return len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None


def is_qualified(text: str) -> bool:
    """The key of a label or annotation: a name, with or without `subdomain/` in front."""
    prefix, slash, name = text.rpartition("/")
    if slash and not is_subdomain(prefix):
        return False
    return len(name) <= 63 and _QUALIFIED.fullmatch(name) is not None


def is_port_name(text: str) -> bool:
    """The name of a container port; digits alone would be a number in the wrong type."""
    return _PORT_NAME.fullmatch(text) is not None and not text.replace("-", "").isdigit()


def named(check: Callable[[str], bool], longest: int, message: str) -> Form:
    """A form with one check and one objection."""
    return Form(longest, lambda text: "" if check(text) else message)


def address_objection(text: str) -> str:
    """Why this is no address that a VIPA can have; "" for a canonical unicast one."""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        parsed = None
    mapped = isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None
    if parsed is None or mapped or "%" in text:
        return (
            "write an IPv4 or IPv6 address without prefix length, zone or leading zeros, "
            "for example 198.51.100.10 or 2001:db8::10"
        )
    if str(parsed) != text:
        return f"write the address in its canonical form: {parsed}"
    if parsed.is_loopback or parsed.is_unspecified or parsed.is_multicast:
        return (
            "write a unicast address: a VIPA cannot be a loopback, unspecified or multicast address"
        )
    return ""


def nanoseconds(text: str) -> int | None:
    """A duration such as `500ms` or `1m30s`, or None: what Go reads of it, in whole numbers."""
    if len(text) > 16 or _DURATION.fullmatch(text) is None:
        return None
    total = 0
    for whole, part, unit in _DURATION_PART.findall(text):
        total += int(whole) * _UNITS[unit] + int(part or "0") * _UNITS[unit] // 10 ** len(part)
    return total


def seconds(text: str) -> int | None:
    """Seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`, or None for anything else.

    The core has no clock and no time zones: the API server writes instants in this form only.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    if not (1 <= month <= 12 and 1 <= day <= _days_in(year, month)):
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    return ((_days_before(year, month, day) * 24 + hour) * 60 + minute) * 60 + second


def instant(seconds: int) -> str:
    """The other way round. What lies before 1970 or beyond the year 9999 is their end."""
    days, rest = divmod(max(0, min(seconds, LATEST)), 86_400)
    days += 719_468
    era, day = divmod(days, 146_097)
    of_era = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * of_era + of_era // 4 - of_era // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    month += 3 if month < 10 else -9
    year = era * 400 + of_era + (month <= 2)
    return f"{year:04}-{month:02}-{day:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def _days_in(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (
        29 if month == 2 and leap else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    )


def _days_before(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01; years begin in March so that a leap day comes last."""
    year -= month <= 2
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - 719468


def stack_form(example: str = "sysb") -> Form:
    text = f'write the name of a stack: lower case letters, digits and "-", for example {example}'
    return named(is_label, 63, text)


STACK = stack_form()
PRIMARY = stack_form("sysa")
SYSPLEX = named(
    is_label,
    63,
    'write the name of a Sysplex: lower case letters, digits and "-", for example plex1',
)
VIPA = named(
    is_label_1035,
    52,
    'write the name of a VIPA: lower case letters, digits and "-", beginning with a letter, '
    "for example web",
)
RANGE = named(is_label, 63, 'write the name of a VIPARange: lower case letters, digits and "-"')
SERVICE = named(
    is_label_1035,
    63,
    'write the name of a Service: lower case letters, digits and "-", beginning with a letter, '
    "for example web",
)
PORT = named(
    is_label,
    63,
    'write the name of a port: lower case letters, digits and "-", for example http',
)
SCOPE = named(
    is_qualified,
    317,
    "write the key of a node label, for example topology.kubernetes.io/zone, "
    "or leave scopeTopologyKey out",
)
LOAD_BALANCER_CLASS = named(
    is_qualified,
    317,
    "write a load balancer class, for example sysplex.dev/vipa, or leave loadBalancerClass out",
)
PATH = named(
    lambda text: text.startswith("/"),
    1024,
    'write a path that begins with "/", for example /healthz',
)
LABEL_KEY = Form(317, lambda text: "")
LABEL_VALUE = Form(63, lambda text: "")
ADDRESS = Form(45, address_objection)
