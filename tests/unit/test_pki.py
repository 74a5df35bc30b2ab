"""証明書: what the authority puts into one, and who it then speaks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateway import pki
from gateway.pki import Authority, BadCertificate, CertificateFiles
from sympho.codes import AgencyCode

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CITY, TOWN = AgencyCode("0220199900011700"), AgencyCode("0220199900021700")
AUTHORITY = pki.make_authority("test", NOW)
KEY = pki.new_key()


def issued(*urns: str, authority: Authority = AUTHORITY) -> x509.Certificate:
    return pki.issue_certificate(authority, KEY.public_key(), "party", urns, NOW)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def test_a_certificate_speaks_for_the_agencies_and_the_role_in_it_and_for_no_other() -> None:
    urns = pki.peer_urns(der(issued(pki.agency_urn(CITY), pki.agency_urn(TOWN), pki.role_urn("intermediary"))))
    assert pki.agencies_of(urns) == {CITY, TOWN}
    assert pki.roles_of(urns) == {"intermediary"}


def test_the_names_are_read_alike_from_what_ssl_hands_over_as_a_mapping() -> None:
    peer = {
        "subjectAltName": (("DNS", "urn:agency:0220199900091700"), ("URI", pki.agency_urn(CITY)), ("URI", "urn:x:1"))
    }
    assert pki.peer_urns(peer) == {pki.agency_urn(CITY)}


@pytest.mark.parametrize("nobody", [None, {}, b"", b"no certificate"])
def test_without_a_certificate_nobody_speaks(nobody: dict[str, str] | bytes | None) -> None:
    assert pki.peer_urns(nobody) == frozenset()


def test_the_authoritys_own_certificate_speaks_for_nobody() -> None:
    assert pki.peer_urns(der(AUTHORITY.certificate)) == frozenset()


def test_a_malformed_agency_in_a_certificate_speaks_for_nobody() -> None:
    assert pki.agencies_of(frozenset({"urn:agency:1", "urn:agency:", "urn:role:network"})) == frozenset()


@pytest.mark.parametrize("urns", [(), ("urn:other:1",), (pki.agency_urn(CITY), "https://example.invalid")])
def test_a_certificate_without_a_name_or_with_a_foreign_one_is_not_issued(urns: tuple[str, ...]) -> None:
    with pytest.raises(BadCertificate):
        issued(*urns)


def test_a_request_gives_its_key_and_nothing_else() -> None:
    request = pki.request_certificate(KEY, "urn:role:network")
    assert pki.requested_key(request) == KEY.public_key()


def test_a_request_that_was_touched_is_refused() -> None:
    request = bytearray(pki.request_certificate(KEY, "party"))
    request[-1] ^= 1
    with pytest.raises(BadCertificate):
        pki.requested_key(bytes(request))


def test_a_certificate_is_short_lived_and_due_for_renewal_a_month_before_its_end() -> None:
    certificate = issued(pki.role_urn("network"))
    assert certificate.not_valid_after_utc == NOW + timedelta(days=pki.CERTIFICATE_DAYS)
    assert certificate.not_valid_before_utc <= NOW
    assert not pki.needs_renewal(certificate, NOW + timedelta(days=59))
    assert pki.needs_renewal(certificate, NOW + timedelta(days=60))


def test_only_the_authority_that_signed_is_the_issuer() -> None:
    same_name = pki.make_authority("test", NOW)
    certificate = issued(pki.role_urn("network"))
    assert pki.issued_by(certificate, AUTHORITY.certificate)
    assert not pki.issued_by(certificate, same_name.certificate)


def test_the_authority_survives_being_kept_and_shows_nothing() -> None:
    again = Authority.from_bytes(AUTHORITY.certificate_pem(), AUTHORITY.key_bytes())
    assert pki.issued_by(issued(pki.role_urn("network"), authority=again), AUTHORITY.certificate)
    assert repr(again) == "<Authority>"


def test_an_authority_with_another_ones_key_is_refused() -> None:
    with pytest.raises(BadCertificate):
        Authority.from_bytes(AUTHORITY.certificate_pem(), pki.make_authority("test", NOW).key_bytes())


def test_the_key_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    files = CertificateFiles.in_folder(tmp_path / "tls", "party")
    files.write(issued(pki.role_urn("network")), KEY, AUTHORITY.certificate_pem())
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == [
        "authority.crt.pem",
        "party.crt.pem",
        "party.key.pem",
    ]


def test_the_thumbprint_is_that_of_the_certificates_bytes() -> None:
    certificate = issued(pki.role_urn("network"))
    assert pki.certificate_thumbprint(der(certificate)) == pki.certificate_thumbprint(certificate)
    assert len(pki.certificate_thumbprint(certificate)) == 64
