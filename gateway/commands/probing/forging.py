"""Tokens as a forger makes them (偽造): parts taken from a genuine one, changed, and put together again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["bytes_of", "claims_of", "encoded", "header_of", "hs256", "joined", "text_of"]


def text_of(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def bytes_of(text: str) -> bytes:
    """The bytes of base64url; none where it is none."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""


def encoded(value: Mapping[str, Any]) -> str:
    return text_of(json.dumps(value, separators=(",", ":")).encode())


def header_of(token: str) -> dict[str, Any]:
    """The header of a compact JWS."""
    return _object(token.partition(".")[0])


def claims_of(token: str) -> dict[str, Any]:
    """The payload of a compact JWS, unverified."""
    return _object(token.partition(".")[2].partition(".")[0])


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(bytes_of(part))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def joined(header: Mapping[str, Any], claims: Mapping[str, Any], signature: str = "") -> str:
    """A token of these parts, whose signature is whatever is given."""
    return f"{encoded(header)}.{encoded(claims)}.{signature}"


def hs256(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """A token signed with a shared secret, which nobody has agreed on."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{text_of(hmac.new(secret, signed.encode('ascii'), hashlib.sha256).digest())}"
