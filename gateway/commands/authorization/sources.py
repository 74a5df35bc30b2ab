"""What an offline command judges by (判定の元): a list and agencies, of a file or as the installed world begins."""

from __future__ import annotations

from pathlib import Path

from authz.listdocument import BadList
from authz.matchlist import compile_list, parse
from authz.questions import Snapshot
from gateway.commands.command import Parser
from gateway.config import ConfigError
from gateway.exchange.directory import agency_facts

__all__ = ["DEFAULT_WORLD", "add_list", "document_of", "snapshot_of"]

DEFAULT_WORLD = "invented"
SHOWN = 20


def add_list(parser: Parser) -> None:
    """``--list`` and ``--world``, for a command that needs no server."""
    parser.add_argument("--list", metavar="FILE", help="照合リストの文書 / the list's document (default: the world's)")
    parser.add_argument(
        "--world",
        default=DEFAULT_WORLD,
        help=f"世界か世界フォルダー / the world or folder that has it ({DEFAULT_WORLD})",
    )


def document_of(file: str | None, world: str) -> bytes:
    """The bytes of a list's document; ``ConfigError`` names every fault of one that is none."""
    from gateway import worlds

    try:
        document = Path(file).read_bytes() if file else worlds.find(world).list_document()
        parse(document)
    except worlds.NoSuchWorld as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except BadList as bad:
        faults = [f"{file or world}:{fault.line}: {fault.field}: {fault.rule}" for fault in bad.faults]
        more = [f"(+ {len(faults) - SHOWN})"] if len(faults) > SHOWN else []
        raise ConfigError("\n".join([*faults[:SHOWN], *more])) from None
    return document


def snapshot_of(document: bytes, world: str) -> Snapshot:
    """The list, and the agencies with which the world begins."""
    from gateway import worlds

    match_list = compile_list(parse(document), 1)
    entries = worlds.find(world).entries()
    agencies = {entry.code: agency_facts(entry, match_list.close_kinds) for entry in entries}
    return Snapshot(match_list, agencies, match_list.items)
