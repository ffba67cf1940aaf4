"""Keys and certificates of one control plane.

Everything is signed by a CA of its own, because with one CA for all a client or an API server
that meets the wrong neighbour on a reused port would be believed.
"""

import datetime
import ipaddress
import os
import shutil
from pathlib import Path

from .outcome import MissingError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as error:
    raise MissingError(f"no Python package cryptography ({error}): run make setup") from error

# Longer than any clone lives: a plane that is found again after a year should just start.
VALID = datetime.timedelta(days=3650)
# Against clocks that are set back a little, as virtual machines do when they wake up.
BACKDATED = datetime.timedelta(days=1)
CONTROLLER_MANAGER = "kube-controller-manager"


def ensure(folder: Path) -> None:
    """Write what is needed, unless it is there; all of it or nothing."""
    if folder.is_dir():
        return
    fresh = folder.with_name(f"{folder.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o700)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate(_name("sysplex-rehearsal-ca"), ca_key, ca_key, None)
    _write(fresh / "ca", ca_key, ca)
    # etcd's own gateway calls etcd with the server's certificate: hence a client's too.
    _issue(fresh / "server", _name("kube-apiserver"), ca_key, ca, hosts=True)
    # system:masters skips RBAC, because the admin must be able to repair RBAC.
    _issue(fresh / "admin", _name("admin", "system:masters"), ca_key, ca)
    # The name to which the API server's built-in roles give what the program needs.
    _issue(fresh / CONTROLLER_MANAGER, _name(f"system:{CONTROLLER_MANAGER}"), ca_key, ca)
    accounts = ec.generate_private_key(ec.SECP256R1())
    _write(fresh / "accounts", accounts, None)
    fresh.rename(folder)


def _name(common: str, organisation: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(parts)


def _issue(
    stem: Path,
    subject: x509.Name,
    ca_key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    *,
    hosts: bool = False,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    _write(stem, key, _certificate(subject, key, ca_key, ca, hosts=hosts))


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate | None,
    *,
    hosts: bool = False,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.subject if ca else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
        .add_extension(_key_usage(signs=ca is None), critical=True)
        # Python's ssl, strict since 3.13, refuses a chain without these two.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
    )
    if ca is not None:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage(usages if hosts else usages[:1]), critical=False
        )
    if hosts:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), address])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(ca_key, hashes.SHA256())


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(stem: Path, key: ec.EllipticCurvePrivateKey, crt: x509.Certificate | None) -> None:
    # Not PKCS 8: in that form the API server finds no public key for service accounts.
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    # with_name, because the dots in a name would be taken for a suffix.
    path = stem.with_name(f"{stem.name}.key")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    path.write_bytes(private)
    if crt is not None:
        pem = crt.public_bytes(serialization.Encoding.PEM)
        stem.with_name(f"{stem.name}.crt").write_bytes(pem)
