"""Verifying at the client (手元での検証): the directory and records, with the keys that the server publishes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.commands.client import Client
from gateway.exchange.directory import LIMIT, BadDirectory, Directory, verify_directory
from gateway.exchange.jws import BadKey, Jwk, JwsRefused, VerifyingKey, key_set, unverified_kid
from gateway.records.verify import RecordRefused, verify_record

__all__ = ["faults_of", "published_directory", "trusted_directory"]


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[Jwk, ...]


def published_directory(client: Client) -> Directory:
    """The signed directory, verified with the network's key as this server publishes it.

    Whoever must not believe the server gets the network's key some other way first; here it is trusted on first sight.
    """
    signed = client.get("/directory").text.strip()
    published: Mapping[str, VerifyingKey] = key_set(_jwks(client).keys)
    key = published[unverified_kid(signed, LIMIT)]
    return verify_directory(signed, {key.kid: key})


def _jwks(client: Client) -> _Keys:
    return msgspec.json.decode(client.get("/.well-known/jwks.json").text, type=_Keys)


def trusted_directory(client: Client) -> Directory | None:
    """The same, or None where it does not verify."""
    try:
        return published_directory(client)
    except (JwsRefused, BadDirectory, BadKey, KeyError):
        return None


def faults_of(record: str, directory: Directory) -> list[str]:
    """What is wrong with one record, under the keys of the directory; nothing when it verifies."""
    try:
        verify_record(record, directory.verifying, directory.network)
    except RecordRefused as refused:
        return [f"{refused.fault.code}: {refused.fault.reason}"]
    return []
