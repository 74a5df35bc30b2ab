"""An outside issuer that a test is (外部の認証基盤): its keys, its JWK set, and ID tokens that are good or not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from authz.assertions import Issuer

ISSUER = "https://login.example.jp"
AUDIENCE = "sympho-of-the-city"


@dataclass
class OutsideIssuer:
    """Signs with P-256 under ``ec-1`` and with RSA under ``rsa-1``."""

    elliptic: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    rsa: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def issuer(self) -> Issuer:
        return Issuer(ISSUER, AUDIENCE)

    def jwks(self) -> bytes:
        keys: list[dict[str, Any]] = [
            {**jwt.algorithms.ECAlgorithm.to_jwk(self.elliptic.public_key(), as_dict=True), "kid": "ec-1"},
            {**jwt.algorithms.RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True), "kid": "rsa-1", "use": "sig"},
        ]
        return json.dumps({"keys": keys}).encode()

    def publish(self, file: Path) -> str:
        file.write_bytes(self.jwks())
        return str(file)

    def token(self, subject: object, now: datetime, *, key: str = "ec-1", **more: object) -> str:
        """An ID token about somebody, as good as ``more`` leaves it; a claim of None is left out."""
        at = int(now.timestamp())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": at, "exp": at + 300, "nonce": f"n-{at}"} | more
        kept = {name: value for name, value in claims.items() if value is not None}
        if key == "rsa-1":
            return jwt.encode(kept, self.rsa, algorithm="RS256", headers={"kid": key})
        return jwt.encode(kept, self.elliptic, algorithm="ES256", headers={"kid": key})
