"""`vipa operator`: run the operator until it is told to end."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from vipa.cli import logs
from vipa.cli.options import AllowedOption, check_kubeconfig
from vipa.cli.problems import ProblemError
from vipa.core.election import Rules, complaint
from vipa.core.forms import nanoseconds


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


KubeconfigOption = Annotated[
    str | None, typer.Option("--kubeconfig", help="Path of the kubeconfig; in a pod its account.")
]
ContextOption = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
HostOption = Annotated[str, typer.Option("--host", help="Address of health and metrics.")]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Their port; 0: none of them.")
]
FormatOption = Annotated[Format, typer.Option("--log-format", help="text or json.")]
LevelOption = Annotated[
    Level, typer.Option("--log-level", help="debug, info, warning or error.", case_sensitive=False)
]


def _duration(text: str) -> float:
    found = nanoseconds(text)
    if found is None:
        raise typer.BadParameter(f"{text!r}: write a duration such as 4s or 500ms")
    return found / 1e9


def _seconds(name: str, help_: str) -> Any:
    return typer.Option(name, parser=_duration, metavar="DURATION", help=help_)


DurationOption = Annotated[
    float, _seconds("--lease-duration", "Left alone for so long the Lease is taken. Whole seconds.")
]
RenewOption = Annotated[float, _seconds("--lease-renew", "How often its holder renews it.")]
MarginOption = Annotated[
    float, _seconds("--lease-margin", "So long before its end the holder writes no more.")
]
NamespaceOption = Annotated[
    str, typer.Option("--lease-namespace", envvar="POD_NAMESPACE", help="Where the Lease is.")
]
# For those who start one process after another and know that the former is dead: it need not be
# waited for. Two at once under one identity would both write.
IdentityOption = Annotated[str, typer.Option("--identity", hidden=True)]


def operator(  # noqa: PLR0913, PLR0917 - these are the operator's options
    allowed: AllowedOption = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    host: HostOption = "0.0.0.0",  # probes and scrapes come from outside of the pod
    port: PortOption = 8080,
    log_format: FormatOption = Format.TEXT,
    log_level: LevelOption = Level.INFO,
    lease_duration: DurationOption = "4s",  # type: ignore[assignment]  # parsed
    lease_renew: RenewOption = "1s",  # type: ignore[assignment]
    lease_margin: MarginOption = "1s",  # type: ignore[assignment]
    lease_namespace: NamespaceOption = "sysplex-system",
    identity: IdentityOption = "",
) -> None:
    """Run the operator. Ends on SIGTERM and Ctrl-C. Of several the holder of the Lease writes.

    --allowed-cidr is required: whoever may create a VIPA must not thereby capture an address.
    """
    if not allowed:
        raise typer.BadParameter(
            "--allowed-cidr is required: the addresses that VIPAs may have, "
            "for example --allowed-cidr 198.51.100.0/24"
        )
    rules = Rules(lease_duration, lease_renew, lease_margin)
    if (problem := complaint(rules)) is not None:
        raise typer.BadParameter(problem)
    check_kubeconfig(kubeconfig)
    logs.configure(log_format, log_level)
    # Imported here: a second that no other command needs.
    from vipa.k8s.access import NoAccess  # noqa: PLC0415
    from vipa.shell import app  # noqa: PLC0415
    from vipa.shell.settings import Options  # noqa: PLC0415
    from vipa.shell.sight import NotAllowed  # noqa: PLC0415

    options = Options(
        allowed=tuple(allowed),
        kubeconfig=kubeconfig,
        context=context,
        host=host,
        port=port,
        namespace=lease_namespace,
        identity=identity,
        rules=rules,
    )
    try:
        app.run(options)
    except (NoAccess, NotAllowed, OSError) as error:
        raise ProblemError(str(error)) from error
