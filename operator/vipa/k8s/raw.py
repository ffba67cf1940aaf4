"""Reading JSON that may be anything: what is not of the type asked for is as if left out."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Mapping

NOTHING: Mapping[str, object] = {}
LARGEST = 2**63 - 1


def mapping(raw: object, *path: str) -> Mapping[str, object]:
    """The object at a path."""
    for name in path:
        raw = raw.get(name) if isinstance(raw, dict) else None
    return raw if isinstance(raw, dict) else NOTHING


def items(raw: Mapping[str, object], name: str) -> list[object]:
    found = raw.get(name)
    return found if isinstance(found, list) else []


def objects(raw: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """The objects of a list; other entries are passed over."""
    return [one for one in items(raw, name) if isinstance(one, dict)]


def text(raw: Mapping[str, object], name: str) -> str:
    found = raw.get(name)
    return found if isinstance(found, str) else ""


def number(raw: Mapping[str, object], name: str) -> int:
    """A whole number that the API could hold, else 0."""
    found = raw.get(name)
    if isinstance(found, bool) or not isinstance(found, int):
        return 0
    return found if abs(found) <= LARGEST else 0


def digits(written: str) -> int:
    """A number as annotations have it: digits only, as many as the record's policy allows."""
    fits = written.isascii() and written.isdigit() and len(written) <= 18
    return int(written) if fits else 0


def texts(raw: Mapping[str, object]) -> dict[str, str]:
    """The entries of labels or annotations that are text."""
    return {
        key: value for key, value in raw.items() if isinstance(key, str) and isinstance(value, str)
    }


@functools.lru_cache(maxsize=65536)
def address(written: str) -> str:
    """The canonical spelling of an address, or nothing."""
    try:
        return str(ipaddress.ip_address(written))
    except ValueError:
        return ""


@functools.lru_cache(maxsize=16384)
def cidr(written: str) -> str:
    """The canonical spelling of a CIDR, or nothing."""
    try:
        return str(ipaddress.ip_network(written, strict=False))
    except ValueError:
        return ""


def addresses(found: Iterable[object]) -> tuple[str, ...]:
    """Canonical, each once, in order; what is no address is passed over ("None" of a Service)."""
    given = (address(one) for one in found if isinstance(one, str))
    return tuple(dict.fromkeys(one for one in given if one))
