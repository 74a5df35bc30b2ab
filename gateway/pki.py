"""証明書: the network's own certification authority, and TLS 1.3 with certificates on both sides.

A certificate says who a party is in its alternative names: ``urn:agency:<機関コード>`` for every agency it speaks for,
``urn:role:<role>`` for what it is. Host names are there only so that a client reaches the server it dialled. There is
no revocation list: certificates are short-lived, and the signed directory pins their thumbprints. Dates here are
machine time, whatever the world's clock says.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sympho.codes import AgencyCode, BadCode

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 90
RENEW_DAYS = 30
"""A certificate with fewer days left is to be renewed."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_BACKDATE = timedelta(minutes=5)
_AGENCY = "urn:agency:"
_ROLE = "urn:role:"


class BadCertificate(Exception):
    """A certificate or request that is not to be used. Names the rule."""


def agency_urn(agency: AgencyCode) -> str:
    return f"{_AGENCY}{agency}"


def role_urn(role: str) -> str:
    return f"{_ROLE}{role}"


@dataclass(frozen=True, slots=True)
class Authority:
    """認証局: the CA's certificate and key. ``repr`` shows neither."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_bytes(self) -> bytes:
        """PKCS #8 DER, unencrypted: secret, for the key store."""
        return private_bytes(self.key)

    @classmethod
    def from_bytes(cls, certificate_pem: bytes, key: bytes) -> Self:
        """What the key store kept; the two must belong together."""
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        private = load_private(key)
        if certificate.public_key() != private.public_key():
            raise BadCertificate("the key is not the certificate's")
        return cls(certificate, private)

    def __repr__(self) -> str:
        return "<Authority>"


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key for a certificate: P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def private_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8 DER, unencrypted: secret."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private(data: bytes) -> ec.EllipticCurvePrivateKey:
    """A P-256 key from what ``private_bytes`` made."""
    try:
        key = serialization.load_der_private_key(data, password=None)
    except (ValueError, TypeError):
        raise BadCertificate("no private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadCertificate("no private key of P-256")
    return key


def make_authority(name: str, now: datetime) -> Authority:
    """A new certification authority, self-signed; it signs certificates of parties and no further authority."""
    key = new_key()
    subject = _name(name)
    certificate = (
        _begin(subject, subject, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(for_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def request_certificate(key: ec.EllipticCurvePrivateKey, name: str) -> bytes:
    """A certificate signing request (DER): proves that the key is held. The authority takes nothing else from it."""
    request = x509.CertificateSigningRequestBuilder().subject_name(_name(name)).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a request that is signed with that very key."""
    try:
        read = x509.load_der_x509_csr(request)
        key = read.public_key()
    except ValueError:
        raise BadCertificate("no certificate request") from None
    if not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)):
        raise BadCertificate("a key on P-256 expected")
    if not read.is_signature_valid:
        raise BadCertificate("the request is not signed with its own key")
    return key


def issue_certificate(
    authority: Authority,
    public: ec.EllipticCurvePublicKey,
    name: str,
    urns: Sequence[str],
    now: datetime,
    hosts: Sequence[str] = LOOPBACK,
) -> x509.Certificate:
    """A party's certificate for client and server. The names are the authority's word, never the request's."""
    if not urns or not all(urn.startswith((_AGENCY, _ROLE)) for urn in urns):
        raise BadCertificate("urn:agency: or urn:role: expected")
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(urn) for urn in urns]
    names += [_host(host) for host in dict.fromkeys((*hosts, *LOOPBACK))]
    issuer_key = x509.SubjectKeyIdentifier.from_public_key(authority.key.public_key())
    return (
        _begin(_name(name), authority.certificate.subject, public, now, CERTIFICATE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(for_authority=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key), critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def needs_renewal(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether it is time for the next one."""
    return now + timedelta(days=RENEW_DAYS) >= certificate.not_valid_after_utc


def valid_until(certificate: bytes) -> datetime:
    """When a certificate (DER) runs out."""
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc


def issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether the authority signed it."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


# --- files and contexts -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a party's certificate, key and authority lie: ``ssl`` reads files and nothing else."""

    certificate: Path
    key: Path
    authority: Path

    @classmethod
    def in_folder(cls, folder: Path, name: str) -> Self:
        return cls(folder / f"{name}.crt.pem", folder / f"{name}.key.pem", folder / "authority.crt.pem")

    def write(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, authority_pem: bytes) -> None:
        """Writes all three, each at once or not at all; the key is readable by its owner alone from the first byte."""
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(self.key, pem, 0o600)
        _write(self.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        _write(self.authority, authority_pem, 0o644)


def server_context(files: CertificateFiles) -> ssl.SSLContext:
    """TLS 1.3 for a server that asks every client for a certificate of the authority."""
    return _from_files(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files)


def client_context(files: CertificateFiles) -> ssl.SSLContext:
    """TLS 1.3 for a client that shows its own certificate and checks the server's, host name included."""
    return _from_files(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), files)


def _from_files(context: ssl.SSLContext, files: CertificateFiles) -> ssl.SSLContext:
    _harden(context)
    context.load_verify_locations(cafile=files.authority)
    context.load_cert_chain(files.certificate, files.key)
    return context


def _harden(context: ssl.SSLContext) -> None:
    """A client checks host names as well: ``ssl`` has that on from the start."""
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A certificate with its private key, both DER, and the authority's certificate (PEM) that both sides trust."""

    certificate: bytes
    key: bytes
    authority: bytes

    def load_into(self, context: ssl.SSLContext) -> None:
        """Makes the context show this certificate from the next connection on.

        ``ssl`` reads files: the key lies in one for a moment, encrypted under a password that lies nowhere.
        """
        password = os.urandom(32).hex()
        key = load_private(self.key).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        )
        certificate = x509.load_der_x509_certificate(self.certificate).public_bytes(serialization.Encoding.PEM)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "identity.pem"
            path.write_bytes(certificate + key)
            context.load_cert_chain(path, password=password)

    def client_context(self) -> ssl.SSLContext:
        """As ``client_context`` below, from memory."""
        return self._loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def server_context(self) -> ssl.SSLContext:
        """As ``server_context`` below, from memory."""
        return self._loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def open_context(self) -> ssl.SSLContext:
        """TLS 1.3 for a server that is known to its clients and asks them for no certificate: for those who join."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.load_into(context)
        return context

    def _loaded(self, context: ssl.SSLContext) -> ssl.SSLContext:
        _harden(context)
        context.load_verify_locations(cadata=self.authority.decode())
        self.load_into(context)
        return context

    def needs_renewal(self, now: datetime) -> bool:
        return needs_renewal(x509.load_der_x509_certificate(self.certificate), now)

    def __repr__(self) -> str:
        return "<Identity>"


def identify(
    authority: Authority, request: bytes, name: str, urns: Sequence[str], hosts: Sequence[str], now: datetime
) -> bytes:
    """A certificate (DER) for whoever holds the key of this request."""
    certificate = issue_certificate(authority, requested_key(request), name, urns, now, hosts)
    return certificate.public_bytes(serialization.Encoding.DER)


def request_for(key: bytes, name: str) -> bytes:
    """A certificate request for a key from the key store."""
    return request_certificate(load_private(key), name)


# --- who is on the other side -------------------------------------------------------------------------------------


def peer_urns(peer: Mapping[str, Any] | bytes | None) -> frozenset[str]:
    """The URNs of a peer's certificate, given as ``getpeercert`` gives it (a mapping, or DER); none without one."""
    if not peer:
        return frozenset()
    names = _names_of_der(peer) if isinstance(peer, bytes) else _names_of_mapping(peer)
    return frozenset(name for name in names if name.startswith((_AGENCY, _ROLE)))


def agencies_of(urns: frozenset[str]) -> frozenset[AgencyCode]:
    """The agencies that these URNs may speak for; a malformed code speaks for nobody."""
    agencies = set()
    for urn in urns:
        if not urn.startswith(_AGENCY):
            continue
        try:
            agencies.add(AgencyCode(urn.removeprefix(_AGENCY)))
        except BadCode:
            continue
    return frozenset(agencies)


def roles_of(urns: frozenset[str]) -> frozenset[str]:
    """The roles that these URNs have."""
    return frozenset(urn.removeprefix(_ROLE) for urn in urns if urn.startswith(_ROLE))


def certificate_thumbprint(certificate: x509.Certificate | bytes) -> str:
    """SHA-256 of the DER, as the directory lists it."""
    read = x509.load_der_x509_certificate(certificate) if isinstance(certificate, bytes) else certificate
    return read.fingerprint(hashes.SHA256()).hex()


def _names_of_mapping(peer: Mapping[str, Any]) -> list[str]:
    return [value for kind, value in peer.get("subjectAltName", ()) if kind == "URI"]


def _names_of_der(peer: bytes) -> list[str]:
    try:
        read = x509.load_der_x509_certificate(peer)
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


# --- making -------------------------------------------------------------------------------------------------------


def _name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "sympho"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _begin(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, for_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not for_authority,
        key_cert_sign=for_authority,
        crl_sign=for_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
