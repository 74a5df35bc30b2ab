"""Settings (設定): read here, once, from the command line and the environment, and nowhere else.

An argument wins over its environment variable, which wins over the default. ``SETTINGS`` is the whole list, so that the
help text and the documents can be made from it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

__all__ = ["ENVIRONMENT", "SETTINGS", "Config", "ConfigError", "Role", "Secret", "Setting", "load"]

POSTGRES_FOLDER = "postgres"
_LONGEST_PREFIX = 40


class ConfigError(Exception):
    """A setting that cannot be used. The message names the setting and its rule, never a secret value."""


class Role(StrEnum):
    """The party that a process is (役割); ``ALL`` is every party in one process."""

    ALL = "all"
    NETWORK = "network"
    INTERMEDIARY = "intermediary"
    RESIDENTS = "residents"

    @property
    def parties(self) -> tuple[Role, ...]:
        """The parties that a process of this role runs."""
        return (Role.NETWORK, Role.INTERMEDIARY, Role.RESIDENTS) if self is Role.ALL else (self,)


class Secret:
    """Text that never prints itself; ``reveal()`` is deliberate."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a start needs to know. ``database_url`` None: the embedded PostgreSQL in the data folder.

    ``port`` is the public listener, ``party_port`` the one of the parties (mutual TLS), ``control_port`` the second
    listener for clock and faults, ``join_port`` the network's for roles that join; 0 lets the machine choose.
    ``network_url`` and ``residents_url`` say where the other parties are when a process runs one party only; ``join``
    is the joining file that the network's process wrote for it. ``world`` is a name or a folder, empty: the one that
    the data were filled with, or the invented country; ``scale`` is about how many residents it gets (0: as it is).
    ``workers`` is how many processes share the port (role all). ``public_url`` is how clients name this server, if not
    by its address. ``oidc_*``: an outside issuer of ID tokens, the audience that we are to it, its keys (a JWK set: a
    file or an address), the claim that names a person. ``health_notices``: the file that says whom to tell of trouble.
    """

    role: Role
    data: Path
    root_key_file: Path
    database_url: Secret | None = None
    database_prefix: str = ""
    host: str = "127.0.0.1"
    port: int = 8443
    party_port: int = 8444
    control_port: int = 8445
    network_url: str = ""
    residents_url: str = ""
    join: Path | None = None
    join_port: int = 8446
    public_url: str = ""
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks: str = ""
    oidc_claim: str = "sub"
    world: str = ""
    scale: int = 0
    pool_size: int = 10
    health_notices: Path | None = None
    workers: int = 1
    log_level: str = "info"

    @property
    def postgres(self) -> Path:
        """Where the embedded PostgreSQL keeps its files."""
        return self.data / POSTGRES_FOLDER


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: the environment variable that may hold it, what it is, and its default (empty: none, or derived)."""

    variable: str
    ja: str
    en: str
    default: str = ""


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "role": Setting("SYMPHO_ROLE", "役割（既定 all：全てを一つのプロセスで）", "which parties", "all"),
        "data": Setting("SYMPHO_DATA", "データフォルダー", "data folder, made if need be"),
        "root_key_file": Setting("SYMPHO_ROOT_KEY_FILE", "根鍵の場所", "the root key, if not in the data folder"),
        "database_url": Setting(
            "SYMPHO_DATABASE_URL",
            "外部の PostgreSQL（15以上）",
            "a PostgreSQL of 15 or newer instead of the embedded one",
        ),
        "database_prefix": Setting(
            "SYMPHO_DATABASE_PREFIX",
            "データベースのロール名の頭",
            "how the names of its roles begin; otherwise the database's name",
        ),
        "host": Setting("SYMPHO_HOST", "待ち受けるアドレス（既定 127.0.0.1）", "address to listen on", "127.0.0.1"),
        "port": Setting("SYMPHO_PORT", "待ち受けるポート（既定 8443、0 は自動）", "0: any", "8443"),
        "party_port": Setting("SYMPHO_PARTY_PORT", "機関間（相互TLS）のポート（既定 8444）", "parties' port", "8444"),
        "control_port": Setting("SYMPHO_CONTROL_PORT", "試験用の制御のポート（まだ使わない）", "not used yet", "8445"),
        "network_url": Setting("SYMPHO_NETWORK_URL", "network の URL", "the network, if it has moved"),
        "residents_url": Setting("SYMPHO_RESIDENTS_URL", "residents の URL", "where the residents' party is"),
        "join": Setting("SYMPHO_JOIN", "参加ファイル（参加するときだけ）", "joining file, good once"),
        "join_port": Setting("SYMPHO_JOIN_PORT", "参加を受け付けるポート（既定 8446）", "where others join", "8446"),
        "public_url": Setting(
            "SYMPHO_PUBLIC_URL",
            "業務システムから見た URL",
            "how business systems name this server, if not by its address",
        ),
        "oidc_issuer": Setting("SYMPHO_OIDC_ISSUER", "外部の OIDC 発行者", "an outside issuer for logging in"),
        "oidc_audience": Setting(
            "SYMPHO_OIDC_AUDIENCE", "その発行者から見た当方の名", "the audience that we are to it"
        ),
        "oidc_jwks": Setting("SYMPHO_OIDC_JWKS", "その公開鍵（ファイルか URL）", "its keys: a file or an address"),
        "oidc_claim": Setting("SYMPHO_OIDC_CLAIM", "人を示すクレーム", "the claim that names a person", "sub"),
        "world": Setting("SYMPHO_WORLD", "世界の名前か世界フォルダー（既定：架空の国）", "a name or a folder"),
        "scale": Setting("SYMPHO_SCALE", "架空の国の住民の数（初回だけ）", "residents of the invented country", "0"),
        "pool_size": Setting(
            "SYMPHO_POOL_SIZE", "データベースの接続の数", "connections to the database, 2 to 100", "10"
        ),
        "health_notices": Setting(
            "SYMPHO_HEALTH_NOTICES",
            "稼動通知の宛先のファイル",
            "the file that says whom to tell of trouble, by webhook",
        ),
        "workers": Setting(
            "SYMPHO_WORKERS", "ポートを分け合うプロセスの数（既定 1）", "processes that share the port", "1"
        ),
        "log_level": Setting("SYMPHO_LOG_LEVEL", "ログの詳しさ", "info: one line a request", "info"),
    }
)
"""Every setting; the help texts and the reference are made from this."""

ENVIRONMENT: Mapping[str, str] = MappingProxyType({name: one.variable for name, one in SETTINGS.items()})
"""Every setting and the environment variable that may hold it."""


def load(
    arguments: Mapping[str, str | int | Path | None] | None = None, environ: Mapping[str, str] = os.environ
) -> Config:
    """The settings of this process. ``arguments`` are the command line's, by setting; None means not given."""
    given = {name: environ.get(one.variable) or one.default for name, one in SETTINGS.items()}
    given |= {name: str(value) for name, value in (arguments or {}).items() if value is not None}
    unknown = given.keys() - SETTINGS.keys()
    if unknown:
        raise ConfigError(f"unknown settings: {', '.join(sorted(unknown))}")
    data = _folder(given["data"] or default_data_folder(environ))
    return Config(
        role=_role(given["role"]),
        data=data,
        root_key_file=_folder(given["root_key_file"]) if given["root_key_file"] else data / "root.key",
        database_url=_database_url(given["database_url"]),
        database_prefix=_prefix(given["database_prefix"]),
        host=given["host"],
        port=_number("port", given["port"], 0, 65535),
        party_port=_number("party_port", given["party_port"], 0, 65535),
        control_port=_number("control_port", given["control_port"], 0, 65535),
        network_url=_party_url("network_url", given["network_url"]),
        residents_url=_party_url("residents_url", given["residents_url"]),
        join=_folder(given["join"]) if given["join"] else None,
        join_port=_number("join_port", given["join_port"], 0, 65535),
        public_url=_public_url(given["public_url"]),
        oidc_issuer=_issuer(given),
        oidc_audience=given["oidc_audience"],
        oidc_jwks=_jwks(given["oidc_jwks"]),
        oidc_claim=given["oidc_claim"],
        world=given["world"],
        scale=_number("scale", given["scale"], 0, 10_000_000),
        pool_size=_number("pool_size", given["pool_size"], 2, 100),
        health_notices=_folder(given["health_notices"]) if given["health_notices"] else None,
        workers=_workers(given),
        log_level=_level(given["log_level"]),
    )


def default_data_folder(environ: Mapping[str, str] = os.environ) -> str:
    """``sympho`` in the user's data directory, as the platform has it."""
    if sys.platform == "darwin":
        return str(Path.home() / "Library" / "Application Support" / "sympho")
    base = environ.get("XDG_DATA_HOME", "")
    return str((Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "sympho")


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise ConfigError(f"role: one of {', '.join(Role)}") from None


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ConfigError(f"{name}: a number from {least} to {most}")
    return int(text)


def _workers(given: Mapping[str, str]) -> int:
    number = _number("workers", given["workers"], 1, 64)
    if number > 1 and given["role"] != Role.ALL:
        raise ConfigError("workers: more than one only with the role all")
    return number


def _level(text: str) -> str:
    if text not in {"debug", "info", "warning", "error"}:
        raise ConfigError("log_level: debug, info, warning or error")
    return text


def _prefix(text: str) -> str:
    fits = len(text) <= _LONGEST_PREFIX and text.replace("_", "a").isalnum() and text.isascii() and text == text.lower()
    if text and not fits:
        raise ConfigError(f"database_prefix: at most {_LONGEST_PREFIX} lower-case letters, digits and _")
    return text


def _database_url(text: str) -> Secret | None:
    if not text:
        return None
    parts = urlsplit(text)
    if not text.startswith(("postgresql://", "postgres://")) or not parts.path.strip("/"):
        raise ConfigError("database_url: postgresql://user:password@host:port/database expected")
    return Secret(text)


def _party_url(name: str, text: str) -> str:
    if text and not text.startswith("https://"):
        raise ConfigError(f"{name}: parties talk over https only")
    return text.rstrip("/")


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
        raise ConfigError("public_url: http://host:port or https://host expected")
    return text.rstrip("/")


def _issuer(given: Mapping[str, str]) -> str:
    """All of issuer, audience and keys, or none: half of it would let in nobody, or believe too much."""
    named = [name for name in ("oidc_issuer", "oidc_audience", "oidc_jwks") if given.get(name)]
    if named and len(named) < 3:
        raise ConfigError("oidc_issuer, oidc_audience and oidc_jwks: all of them, or none")
    return given["oidc_issuer"]


def _jwks(text: str) -> str:
    """Keys come from a file, or over https; over plain http only from this machine."""
    parts = urlsplit(text)
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise ConfigError("oidc_jwks: a file, or an https:// address")
    return text
