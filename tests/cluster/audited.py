"""What the operator asked the API server for, by the server's own audit log, beside its rights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml

USER = "system:serviceaccount:sysplex-system:sysplex-vipa"
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [USER]}, {"level": "None"}],
}


class Right(NamedTuple):
    """One verb on one resource; `space`: in which namespace alone, empty for all."""

    group: str
    resource: str
    verb: str
    space: str = ""


def flags(folder: Path) -> tuple[str, ...]:
    """Of a control plane that keeps such a log in this folder."""
    policy = folder / "audit-policy.yaml"
    policy.write_text(yaml.safe_dump(POLICY))
    log = folder / "audit.log"
    return (
        f"--apiserver-flag=--audit-policy-file={policy}",
        f"--apiserver-flag=--audit-log-path={log}",
        "--apiserver-flag=--audit-log-mode=blocking",
    )


def events(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "audit.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def used(told: list[dict[str, Any]], spaces: frozenset[str]) -> set[Right]:
    """What was asked for; in these namespaces it is told where."""
    found = set()
    for event in told:
        about = event.get("objectRef")
        if about is None or "resource" not in about:
            continue  # discovery, which everybody may read
        parts = (about["resource"], about.get("subresource", ""))
        space = about.get("namespace", "")
        group = about.get("apiGroup", "")
        kept = space if group == "coordination.k8s.io" and space in spaces else ""
        found.add(Right(group, "/".join(filter(None, parts)), event["verb"], kept))
    return found


def allowed(manifest: str) -> set[Right]:
    """What the account may do by the roles of a rendered chart."""
    found = set()
    for role in yaml.safe_load_all(manifest):
        if not role or role["kind"] not in ("Role", "ClusterRole"):
            continue
        space = role["metadata"].get("namespace", "")
        for rule in role["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    found |= {Right(group, resource, verb, space) for verb in rule["verbs"]}
    return found


def refused(told: list[dict[str, Any]]) -> list[str]:
    return [
        f"{event['verb']} {event['requestURI']}: {event['responseStatus'].get('message', '')}"
        for event in told
        if event.get("responseStatus", {}).get("code") == 403
    ]
