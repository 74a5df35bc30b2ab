"""A list in a file (リストのファイル), as the commands hand it round: a candidate, then the same file signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from authz.listmanifest import Head, Link, ListFault, ListRefused
from gateway.commands.client import Client
from gateway.commands.command import Exit
from gateway.commands.screen import show_table, trouble
from gateway.config import ConfigError
from gateway.exchange.listing import ListFile, extended, pack, unpack
from gateway.running.folder import write_whole

__all__ = ["faults_shown", "head_of", "history_of", "links_of", "moment", "read", "refused", "write"]


def read(path: str) -> tuple[ListFile, bytes]:
    """The file's first line and the list's document."""
    try:
        return unpack(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ListRefused:
        raise ConfigError(f"{path}: リストのファイルではありません / is no list's file") from None


def write(path: str, file: ListFile, document: bytes) -> None:
    """Complete or not there; a file that had fewer approvals is replaced."""
    write_whole(Path(path).absolute(), pack(file, document))


def moment(text: str) -> datetime:
    """A day or moment of machine time; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--expires: {text!r}: 2027-11-23 のような日付 / a day like 2027-11-23") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def links_of(history: Sequence[str]) -> list[Link]:
    """The links of a history, each verified; ``ListRefused`` by the first that does not follow."""
    links: list[Link] = []
    for signed in history:
        links.append(extended(links[-1] if links else None, signed))
    if not links:
        raise ListRefused(ListFault.UNSIGNED)
    return links


def history_of(client: Client) -> Mapping[str, Any]:
    """What the party of this client has of the history."""
    found: Mapping[str, Any] = client.get("/lists").data
    return found


def head_of(client: Client) -> Head:
    """Where the network's history stands."""
    return msgspec.convert(history_of(client)["head"], Head)


def refused(what: ListRefused) -> Exit:
    """Tells by its name why a list is refused, and every fault of it."""
    lines = [f"{what.fault}: {what.fault.ja}"]
    lines += [f"  {one.line or ''} {one.field}: {one.rule}" for one in what.faults]
    trouble("照合リストは受け付けられません / the list is refused", lines)
    return Exit.REFUSED


def faults_shown(rows: Sequence[tuple[str, int, str, str]]) -> Exit:
    """Every fault of a folder of CSV: file, line, column, rule."""
    show_table(f"誤り {len(rows)} 件 / faults", ("ファイル file", "行 line", "列 column", "規則 rule"), rows)
    return Exit.REFUSED
