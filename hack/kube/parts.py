"""The three programs of a control plane: their command lines, and when each is healthy."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from . import kubeconfig


class Part(StrEnum):
    """A program of the control plane, in the order of starting."""

    ETCD = "etcd"
    API_SERVER = "kube-apiserver"
    CONTROLLER_MANAGER = "kube-controller-manager"


HEALTH = {
    Part.ETCD: "/readyz",
    Part.API_SERVER: "/readyz",
    Part.CONTROLLER_MANAGER: "/healthz",
}
SERVICES = "10.0.0.0/16"  # The default of a /24 is full after 254 Services.


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the files of one control plane are, and which ports it has."""

    folder: Path
    ports: dict[Part, int]

    @property
    def pki(self) -> Path:
        """Return the folder of keys and certificates."""
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        """Return the admin's kubeconfig."""
        return self.folder / "kubeconfig"

    @property
    def controller_kubeconfig(self) -> Path:
        """Return the kubeconfig of the controller manager."""
        return self.folder / "kube-controller-manager.kubeconfig"

    def url(self, part: Part) -> str:
        """Return the part's base URL; the address rather than a name, which needs a resolver."""
        return f"https://127.0.0.1:{self.ports[part]}"


def write_kubeconfigs(places: Places) -> None:
    """Write the kubeconfigs anew, since ports may have changed."""
    server, name = places.url(Part.API_SERVER), places.folder.name
    for path, user in (
        (places.kubeconfig, "admin"),
        (places.controller_kubeconfig, Part.CONTROLLER_MANAGER.value),
    ):
        kubeconfig.write(path, name=name, server=server, pki=places.pki, user=user)


def command(part: Part, places: Places, programs: Path, extra: tuple[str, ...]) -> list[str]:
    """Return the command line; extra flags come last, so that they win."""
    match part:
        case Part.ETCD:
            flags = _etcd(places)
        case Part.API_SERVER:
            flags = _api_server(places)
        case Part.CONTROLLER_MANAGER:
            flags = _controller_manager(places)
    return [str(programs / part), *flags, *extra]


def _etcd(places: Places) -> list[str]:
    pki, url = places.pki, places.url(Part.ETCD)
    return [
        f"--data-dir={places.folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        # A single member has no peers: any free port will do, and none can collide.
        "--listen-peer-urls=http://127.0.0.1:0",
        # A lone member needs no patience with others: saves most of a second at each start.
        "--heartbeat-interval=10",
        "--election-timeout=100",
        # Several planes share a disk with builds, and a slow fsync stalls every write for
        # longer than the leases under test last. What it would save, the data after a crash
        # of the machine, is thrown away with the plane anyhow.
        "--unsafe-no-fsync",
        # Only who has a certificate of this plane: on a port that was reused meanwhile an
        # API server must not write into a neighbour's etcd.
        "--client-cert-auth",
        f"--trusted-ca-file={pki / 'ca.crt'}",
        f"--cert-file={pki / 'server.crt'}",
        f"--key-file={pki / 'server.key'}",
        "--log-level=warn",
    ]


def _api_server(places: Places) -> list[str]:
    pki = places.pki
    return [
        f"--etcd-servers={places.url(Part.ETCD)}",
        f"--etcd-cafile={pki / 'ca.crt'}",
        f"--etcd-certfile={pki / 'admin.crt'}",
        f"--etcd-keyfile={pki / 'admin.key'}",
        "--bind-address=127.0.0.1",
        f"--secure-port={places.ports[Part.API_SERVER]}",
        # Else it looks for an address of the machine and ends if there is only loopback;
        # EndpointSlices refuse loopback, so that the Service `kubernetes` stays without.
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={pki / 'server.crt'}",
        f"--tls-private-key-file={pki / 'server.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        "--authorization-mode=Node,RBAC",
        f"--service-cluster-ip-range={SERVICES}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'accounts.key'}",
        f"--service-account-signing-key-file={pki / 'accounts.key'}",
        "--allow-privileged=true",
    ]


def _controller_manager(places: Places) -> list[str]:
    pki, kubeconfig = places.pki, places.controller_kubeconfig
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        # Else it complains every few seconds that there is no CA for a front proxy.
        "--authentication-skip-lookup=true",
        "--bind-address=127.0.0.1",
        f"--secure-port={places.ports[Part.CONTROLLER_MANAGER]}",
        f"--tls-cert-file={pki / 'server.crt'}",
        f"--tls-private-key-file={pki / 'server.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        f"--service-account-private-key-file={pki / 'accounts.key'}",
        "--use-service-account-credentials=true",
        f"--service-cluster-ip-range={SERVICES}",
        "--allocate-node-cidrs=false",
        "--controllers=*",
        # At the start it makes three requests for each of 40 controllers: five seconds at the
        # default burst of 30. The lasting rate stays as it is, since stock behaviour is measured.
        "--kube-api-burst=200",
        # The default is made, as a folder of the system, outside of all that `down` removes.
        f"--flex-volume-plugin-dir={places.folder / 'flexvolume'}",
        # There is one only, and waiting for a Lease would delay its every restart.
        "--leader-elect=false",
        # A dead node is noticed in 11 to 15 s, so that rehearsals of node death are bearable.
        "--node-monitor-period=1s",
        "--node-monitor-grace-period=12s",
    ]
