"""Records of sampled exchanges (記録の検証), verified by a stranger: published keys, and a library that is not the server's.

The directory is signed by the network; its key is the one published at ``/.well-known/jwks.json``. Every holder's
record of an exchange is read by that holder's own staff, its signature verified, and the signed bytes compared.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from loadtest.client import Answer, Client

__all__ = ["Keys", "Sampled", "records_fault", "signed_payload", "trusted_keys"]

RECORD_TYPE = "kiroku+jws"
DIRECTORY_TYPE = "directory+jws"
HALF = 32

Keys = Mapping[str, ec.EllipticCurvePublicKey]


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a user saw of an exchange, to be compared with the records of it."""

    exchange: str
    inquirer: str
    provider: str
    outcome: str
    information: str
    items: tuple[str, ...]


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key_of(jwk: Mapping[str, str]) -> ec.EllipticCurvePublicKey:
    """The P-256 key of a JWK."""
    x, y = (int.from_bytes(_bytes(jwk[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def signed_payload(token: str, typ: str, keys: Keys) -> tuple[str, bytes]:
    """Key id and payload of a JWS that verifies; ``ValueError`` names what does not hold."""
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise ValueError("no compact JWS")
    try:
        header = json.loads(_bytes(parts[0]))
        payload, signature = _bytes(parts[1]), _bytes(parts[2])
    except (ValueError, binascii.Error):
        raise ValueError("no compact JWS") from None
    if (header.get("alg"), header.get("typ")) != ("ES256", typ):
        raise ValueError("another algorithm or type")
    key = keys.get(str(header.get("kid")))
    if key is None:
        raise ValueError("a key that the directory does not name")
    if len(signature) != 2 * HALF:
        raise ValueError("a signature of another length")
    r, s = (int.from_bytes(part, "big") for part in (signature[:HALF], signature[HALF:]))
    try:
        key.verify(encode_dss_signature(r, s), f"{parts[0]}.{parts[1]}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise ValueError("the signature does not hold") from None
    return str(header["kid"]), payload


def trusted_keys(client: Client) -> tuple[Keys, str]:
    """Every party's keys from the signed directory, and the network's agency code."""
    published = {jwk["kid"]: key_of(jwk) for jwk in client.call("GET", "/.well-known/jwks.json").data["keys"]}
    _, payload = signed_payload(client.call("GET", "/directory").body.decode(), DIRECTORY_TYPE, published)
    directory = json.loads(payload)
    jwks = [jwk for entry in directory["entries"] for jwk in entry["keys"]] + directory["network_keys"]
    return {jwk["kid"]: key_of(jwk) for jwk in jwks}, str(directory["network"])


def records_fault(sampled: Sampled, keys: Keys, network: str, read: Callable[[str, str], Answer]) -> str:
    """What is wrong with the records of one exchange; empty where nothing is.

    ``read(agency, exchange)`` reads a holder's record. An exchange that the inquirer's own server has refused has one
    record, one that the network has refused two: what the payload says of the annexes tells.
    """
    answer = read(sampled.inquirer, sampled.exchange)
    if answer.status != 200:
        return f"the inquirer has no record ({answer.status})"
    payload = answer.data["payload"]
    segments = set()
    for holder in _holders(payload, network):
        answer = read(holder, sampled.exchange)
        if answer.status != 200:
            return f"a holder has no record ({answer.status})"
        token = str(answer.data["record"])
        try:
            kid, wire = signed_payload(token, RECORD_TYPE, keys)
        except ValueError as error:
            return str(error)
        if kid.rpartition("/")[0] != holder:
            return "signed by another than its holder"
        segments.add(token.split(".")[1])
        wrong = _differs(sampled, json.loads(wire))
        if wrong:
            return wrong
    return "" if len(segments) == 1 else "the holders' bytes differ"


_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _holders(payload: Mapping[str, Any], network: str) -> Sequence[str]:
    digests = payload["annex_d"]
    by_role = (("inq", payload["inq"]["agency"]), ("net", network), ("prv", payload["prv"]["agency"]))
    return [str(agency) for role, agency in by_role if digests[role] != _NOTHING]


def _differs(sampled: Sampled, payload: Mapping[str, Any]) -> str:
    said = {
        "txn": sampled.exchange,
        "kind": sampled.outcome,
        "inf": sampled.information,
    }
    for name, value in said.items():
        if payload.get(name) != value:
            return f"the record's {name} is not what the inquirer saw"
    if sorted(payload["items"]) != sorted(sampled.items):
        return "the record's items are not what the inquirer asked"
    if payload["prv"]["agency"] != sampled.provider:
        return "the record names another provider"
    return ""
