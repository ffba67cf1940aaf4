"""The root of a document: its metadata, which every kind reads alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vipa.core import forms
from vipa.core.cluster import Key
from vipa.core.fields import Fields
from vipa.core.forms import Form
from vipa.core.notes import Notes, shown


class Meta(NamedTuple):
    """What every kind takes from metadata. `notes`: annotations as they stand, mostly of others."""

    key: Key
    uid: str
    created: int
    generation: int
    labels: dict[str, str]
    notes: Mapping[object, object]


# Fields of metadata that exist and that no decision reads.
OTHER_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
)
ANY = Form(253, lambda text: "")


def _label_1123(text: str) -> str:
    if len(text) > 63:
        return "the name is too long: write at most 63 characters, pods name it in a label"
    if not forms.is_label(text):
        return (
            'must be a DNS-1123 label: write lower case letters, digits and "-", for example sysa'
        )
    return ""


def _label_1035(text: str) -> str:
    if len(text) > 52:
        return (
            "the name is too long: write at most 52 characters, Services and slices are named "
            "after the VIPA"
        )
    if not forms.is_label_1035(text):
        return (
            'must be a DNS-1035 label: write lower case letters, digits and "-", beginning with '
            "a letter, for example web"
        )
    return ""


def _subdomain(text: str) -> str:
    if not forms.is_subdomain(text):
        return 'must be a DNS-1123 subdomain: write lower case letters, digits, "-" and "."'
    return ""


def opened(raw: object, naming: Form) -> tuple[Fields, Meta]:
    """The document's root and its metadata."""
    notes = Notes()
    root = Fields(raw, "", notes)
    if not root.there:
        notes.add("", f"must be an object, not {shown(raw)}")
    root.ignore("apiVersion", "kind", "status")
    meta = root.child("metadata", required=True)
    meta.ignore(*OTHER_METADATA)
    name = meta.text("name", naming, required=not meta.has("generateName"))
    namespace = meta.text("namespace", ANY)
    created = meta.get("creationTimestamp")
    annotations = meta.get("annotations")
    key = Key(namespace, name)
    return root, Meta(
        key=key,
        uid=meta.text("uid", ANY),
        created=(forms.seconds(created) or 0) if isinstance(created, str) else 0,
        generation=meta.number("generation", 0, 2**63 - 1),
        labels=meta.mapping("labels", 10_000, 63),
        notes=annotations if isinstance(annotations, dict) else {},
    )


LABEL = Form(253, _label_1123)
LABEL_1035 = Form(253, _label_1035)
SUBDOMAIN = Form(253, _subdomain)
