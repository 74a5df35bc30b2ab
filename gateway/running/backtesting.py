"""Stored decisions out of the data (再判定の材料), for the backtest: every holder's records, the lists that were held, and
the directories that the network had published. Reads only; a server may be up or not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from authz.backtest import Recipe, Stored
from authz.listdocument import BadList
from authz.matchlist import MatchList, compile_list, parse
from authz.questions import Question, Snapshot
from authz.reasons import Reason
from gateway.config import Config, ConfigError, Role
from gateway.database import Connection, open_database
from gateway.exchange.directory import Directory, Edition, facts_of
from gateway.exchange.jws import unverified_payload
from gateway.exchange.messages import Outcome, decode
from gateway.judge import store as material
from gateway.network import store as published
from gateway.records import record
from gateway.records import store as records
from gateway.records.store import RecordRow
from gateway.running.ondata import located
from gateway.running.wording import worded

__all__ = ["Past", "past"]

PAGE = 5_000
BEFORE_ALL = ("", UUID(int=0))
DIRECTORY_LIMIT = 32 * 1024 * 1024
RECIPES = {
    record.Role.INQUIRER: Recipe.ASK,
    record.Role.NETWORK: Recipe.PERMIT,
    record.Role.PROVIDER: Recipe.PROVIDE,
}
WORDS = frozenset(Reason)
STAMPED = timedelta(milliseconds=1)
"""Records cut off what is less."""


@dataclass
class Past:
    """What was decided, by which lists, and who everybody is."""

    stored: list[Stored]
    documents: dict[int, tuple[str, bytes]]
    """Digest and document of each list that is kept, by serial."""
    editions: list[Edition]
    """The directories that are kept, the oldest first; one at least."""
    _directories: dict[int, Directory] = field(default_factory=dict)
    _read: dict[tuple[str, int], Snapshot] = field(default_factory=dict)

    def snapshot(self, match_list: MatchList, stored: Stored) -> Snapshot:
        """A list with the agencies as the directory had them when that decision was made."""
        directory = self._directory_of(stored)
        key = (match_list.digest, directory.serial)
        if key not in self._read:
            agencies = facts_of(directory, match_list.close_kinds)
            self._read[key] = Snapshot(match_list, agencies, match_list.items)
        return self._read[key]

    def _directory_of(self, stored: Stored) -> Directory:
        """Of those that name the decision's list the last one before it. Where none is from before it, because the
        world's clock was set back meanwhile or former ones are kept no more, the last one."""
        with_list = [one for one in self.editions if self._directory(one).list == stored.serial] or self.editions
        before = [one for one in with_list if one.since <= stored.by] or with_list
        return self._directory(before[-1])

    def _directory(self, edition: Edition) -> Directory:
        if edition.serial not in self._directories:
            read = decode(Directory, unverified_payload(edition.signed, DIRECTORY_LIMIT))
            self._directories[edition.serial] = read
        return self._directories[edition.serial]

    def kept(self, serial: int) -> MatchList | None:
        """The list of that serial, if it is kept."""
        if serial not in self.documents:
            return None
        try:
            return compile_list(parse(self.documents[serial][1]), serial)
        except BadList:
            return None

    def named_by(self, stored: Stored) -> int | None:
        """The serial that a record names, if that very list is kept."""
        found = self.documents.get(stored.serial)
        return stored.serial if found is not None and found[0] == stored.digest else None


async def past(config: Config, servers: Sequence[Config]) -> Past:
    """All that the network and the intermediary servers hold; of one database with all of them if none is named."""
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(located(config))
        others = [await stack.enter_async_context(located(one)) for one in servers] or [network]
        opened = [(network, Role.NETWORK), *((other, Role.INTERMEDIARY) for other in others)]
        stored: list[Stored] = []
        documents: dict[int, tuple[str, bytes]] = {}
        editions: list[Edition] = []
        for place, role in opened:
            with worded():
                db = await open_database(replace(place, role=role), role)
            stack.push_async_callback(db.close)
            async with db.connection() as conn:
                stored += [one async for row in _rows(conn) if (one := stored_of(row)) is not None]
                documents |= _documents(await _lists(conn, role))
                if role is Role.NETWORK:
                    editions = await published.all_editions(conn)
    if not editions:
        raise ConfigError(f"--data: {config.data}: ネットワークのデータがありません / holds no network's data")
    return Past(sorted(stored, key=lambda one: (one.exchange, one.recipe)), documents, editions)


async def _rows(conn: Connection) -> AsyncIterator[RecordRow]:
    after = BEFORE_ALL
    while page := await records.all_records(conn, after, PAGE):
        for row in page:
            yield row
        after = (page[-1].holder, page[-1].txn)


async def _lists(conn: Connection, role: Role) -> list[material.ListRow]:
    return await (material.published_lists(conn) if role is Role.NETWORK else material.held_lists(conn))


def _documents(rows: Iterable[material.ListRow]) -> dict[int, tuple[str, bytes]]:
    return {row.serial: (row.digest, row.document) for row in rows if row.document is not None}


def stored_of(row: RecordRow) -> Stored | None:
    """The decision that a record tells of; None where its holder decided nothing: it had lapsed, or was withdrawn."""
    payload = record.parse(unverified_payload(row.jws, record.JWS_LIMIT))
    annex = record.parse_annex(row.annex)
    reasons = tuple(Reason(word) for word in annex.reasons if word in WORDS)
    undecided = payload.kind in {Outcome.LAPSED, Outcome.WITHDRAWN} and not reasons
    if undecided and row.role is record.Role.PROVIDER:
        return None
    question = Question(
        inquirer=payload.inq.agency,
        provider=payload.prv.agency,
        task=payload.task,
        procedure=payload.prc,
        information=payload.inf,
        items=payload.items,
        consent=Reason.CONSENT_MISSING not in reasons,
    )
    return Stored(
        exchange=payload.txn,
        holder=row.holder,
        recipe=RECIPES[row.role],
        question=question,
        as_of=payload.as_of,
        serial=payload.list,
        digest=payload.list_d,
        ground=payload.item,
        reasons=reasons,
        by=(payload.ended if row.role is record.Role.PROVIDER else payload.asked) + STAMPED,
    )
