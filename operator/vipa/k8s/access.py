"""Where the API server is and who we are there.

In a pod the mounted token is read anew for each request that finds it older than a minute, because
it is rotated about hourly. Outside, the kubeconfig is read by the official client, which knows exec
plugins and OIDC; only its answer is used.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_AGE_S = 60.0
# What the official client raises on a kubeconfig that is empty, no YAML, or of another form.
MALFORMED = (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError)


class NoAccess(Exception):
    """No usable credentials; the message says what is missing and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`token` gives the bearer token of the moment; nothing where a certificate speaks."""

    server: str
    tls: ssl.SSLContext | bool
    token: Callable[[], str | None]
    namespace: str = "default"


class TokenFile:
    """A mounted token, read again when it is due: it changes under a running process."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._read_at = -TOKEN_AGE_S
        self._token = ""

    def __call__(self) -> str:
        now = self._clock()
        if now - self._read_at >= TOKEN_AGE_S:
            self._token = self._path.read_text().strip()
            self._read_at = now
        return self._token


def in_cluster(folder: Path = SERVICE_ACCOUNT) -> Access | None:
    """The service account of the pod that we run in, or None outside of a cluster."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    port = os.environ.get("KUBERNETES_SERVICE_PORT")
    if not (host and port and (folder / "token").exists()):
        return None
    name = f"[{host}]" if ":" in host else host
    namespace = folder / "namespace"
    return Access(
        server=f"https://{name}:{port}",
        tls=ssl.create_default_context(cafile=str(folder / "ca.crt")),
        token=TokenFile(folder / "token"),
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
    )


async def from_kubeconfig(path: str | None = None, context: str | None = None) -> Access:
    """The kubeconfig as kubectl would read it. Raises NoAccess."""
    # Imported here: half a second and 60 MB that an operator in a pod does not need; the image of
    # the operator does not even hold them.
    try:
        from kubernetes.aio import client, config  # noqa: PLC0415
    except ImportError as error:
        raise NoAccess(f"no account of a pod, and kubeconfigs cannot be read: {error}") from error

    settings = client.Configuration()
    try:
        await config.load_kube_config(path, context, client_configuration=settings)
        _, active = config.list_kube_config_contexts(path)
    except (config.ConfigException, OSError, *MALFORMED) as error:
        raise NoAccess(f"no usable kubeconfig: {error}; set KUBECONFIG or --kubeconfig") from error
    chosen = active if context is None else _context(config, path, context)
    headers = await settings.auth_settings()
    bearer = headers.get("BearerToken", {}).get("value")
    token = str(bearer).removeprefix("Bearer ") if bearer else None
    return Access(
        server=str(settings.host).rstrip("/"),
        tls=_tls(settings.ssl_ca_cert, settings.cert_file, settings.key_file, settings.verify_ssl),
        token=lambda: token,
        namespace=str((chosen or {}).get("context", {}).get("namespace") or "default"),
    )


def _context(config: object, path: str | None, name: str) -> dict[str, dict[str, str]] | None:
    contexts, _ = config.list_kube_config_contexts(path)  # type: ignore[attr-defined]
    return next((one for one in contexts if one["name"] == name), None)


def _tls(ca: str | None, cert: str | None, key: str | None, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    if cert:
        context.load_cert_chain(cert, key)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def find(path: str | None = None, context: str | None = None) -> Access:
    """A kubeconfig that was asked for, else the pod's account, else the default kubeconfig."""
    if path is None and context is None and "KUBECONFIG" not in os.environ:
        pod = in_cluster()
        if pod is not None:
            return pod
    return await from_kubeconfig(path, context)
