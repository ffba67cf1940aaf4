"""Templates of CRDs, policies and rights out of the plain manifests in `crds/`.

By text and not by a YAML reader, because the comments are half of what these files say, and whoever
reviews a rendered chart wants the reason beside the right.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = "generated"
NAMESPACE, ACCOUNT = "sysplex-system", "sysplex-vipa"
HEAD = "{{{{- /* Made from crds/{source} by hack/chart: edit that one. */}}}}\n"
LABELS = '  labels: {{- include "sysplex-vipa.labels" . | nindent 4 }}\n'
RELEASE, NAMED = "{{ .Release.Namespace }}", '{{ include "sysplex-vipa.account" . }}'
KEEP = (
    "  {{- if .Values.crds.keep }}\n"
    "  annotations:\n"
    "    helm.sh/resource-policy: keep\n"
    "  {{- end }}\n"
)
SUBJECT = f"- kind: ServiceAccount\n  name: {ACCOUNT}\n  namespace: {NAMESPACE}\n"
# Made by the chart in its own way: the namespace by Helm, the account with values of its own.
LEFT_OUT = re.compile(r"^kind: (Namespace|ServiceAccount)$", re.MULTILINE)
SWITCHES = {
    "record-fence": ".Values.policies.recordFence",
    "pod-annotation": ".Values.policies.podAnnotation",
    "own-services": ".Values.policies.ownServices",
    "own-slices": ".Values.policies.ownSlices",
    "unique-address": ".Values.policies.uniqueAddress",
}


def made(crds: Path) -> dict[str, str]:
    """Names of templates, and what is in them."""
    found = {}
    for path in sorted(crds.glob("*.yaml")):
        text = plain(path)
        if path.name == "rbac.yaml":
            found[f"{FOLDER}/rbac.yaml"] = rights(text)
        else:
            found[f"{FOLDER}/crd-{path.name}"] = definition(path.name, text)
    for path in sorted((crds / "policies").glob("*.yaml")):
        found[f"{FOLDER}/policy-{path.name}"] = policy(path.stem, plain(path))
    return found


def plain(path: Path) -> str:
    text = path.read_text()
    if "{{" in text:
        raise SystemExit(f"{path}: Helm would take its {{{{ for a template")
    return text


def labelled(text: str, more: str = "") -> str:
    """Labels in the metadata of every object."""
    filled, number = re.subn(r"^metadata:\n", f"metadata:\n{LABELS}{more}", text, flags=re.M)
    if not number:
        raise SystemExit(f"no metadata in {text[:80]!r}")
    return filled


def switched(source: str, switch: str, text: str) -> str:
    return f"{HEAD.format(source=source)}{{{{- if {switch} }}}}\n{text}{{{{- end }}}}\n"


def definition(name: str, text: str) -> str:
    return switched(name, ".Values.crds.install", labelled(text, KEEP))


def policy(stem: str, text: str) -> str:
    user = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
    filled = text.replace(user, f"system:serviceaccount:{RELEASE}:{NAMED}")
    return switched(f"policies/{stem}.yaml", SWITCHES[stem], labelled(filled))


def rights(text: str) -> str:
    """Roles and bindings, and the Lease that they speak of."""
    head, *_ = text.partition("apiVersion:")
    parts = [part for part in text.split("---\n") if not LEFT_OUT.search(part)]
    body = "---\n".join(labelled(part) for part in parts)
    account = SUBJECT.replace(f"name: {ACCOUNT}", f"name: {NAMED}")
    filled = body.replace(SUBJECT, account)
    filled = filled.replace(f"namespace: {NAMESPACE}", f"namespace: {RELEASE}")
    return f"{HEAD.format(source='rbac.yaml')}{head}{filled}"
