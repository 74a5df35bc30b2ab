"""Collecting the export from the parties' databases: one database with all schemas, or one for each party.

The order matters on a running system. Inquirers are read first, then the network, then providers and records: what an
earlier reading shows has been durable at those who are read later: each party records before the answer moves on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from gateway.database import Connection, Database
from gateway.exchange.directory import TYP as DIRECTORY_TYP
from gateway.exchange.directory import Directory, DirectoryEntry
from gateway.exchange.jws import VerifyingKey, key_set, unverified_payload, verify
from gateway.exchange.messages import Answer, RefusalReply, decode
from gateway.exchange.sealing import digest
from gateway.intermediary.store import held as held_store
from gateway.intermediary.store import inquiries as inquiry_store
from gateway.intermediary.store import provisions as provision_store
from gateway.judge import store
from gateway.judge.export import Alarm, Ended, Exchange, Export, Inquiry, Provision, PublishedList, Stray
from gateway.network import store as network_store
from gateway.records import store as record_store
from gateway.records.store import RecordRow
from sympho.codes import AgencyCode, TaskCode

DIRECTORY_LIMIT = 32 * 1024 * 1024
PAGE = 5_000
BEFORE_ALL = ("", UUID(int=0))


async def collect(network: Database, servers: Sequence[Database]) -> Export:
    """The export of a network and the intermediary servers at hand; ``LookupError`` where no network was founded."""
    inquiries = [inquiry for server in servers for inquiry in await _inquiries(server)]
    signed = [text for server in servers if (text := await _held_directory(server)) is not None]
    async with network.connection() as conn:
        state = await network_store.read_state(conn)
        if state is None:
            raise LookupError("no network was founded in this database")
        entries = [decode(DirectoryEntry, raw) for raw in await network_store.all_entries(conn)]
        mirrors = _mirrors(edition.signed for edition in await network_store.all_editions(conn))
        exchanges = [_exchange(row) for row in await network_store.all_exchanges(conn)]
        lists = [PublishedList("", *row) for row in await store.published_lists(conn)]
        alarms = [Alarm("network", *row) for row in await store.network_alarms(conn)]
        records = await _records(conn)
        operations = await store.operations(conn)
        staff = dict(await store.staff(conn))
    provisions: list[Provision] = []
    strays: list[Stray] = []
    served: set[str] = set()
    for number, server in enumerate(servers, start=1):
        async with server.connection() as conn:
            provisions += [_provision(row) for row in await provision_store.all_provisions(conn)]
            records += await _records(conn)
            lists += [PublishedList(f"server {number}", *row) for row in await store.held_lists(conn)]
            alarms += [Alarm(f"server {number}", *row) for row in await store.server_alarms(conn)]
            strays += [Stray(*row) for row in await store.stray_duplicates(conn)]
            served |= set(await held_store.served_agencies(conn))
            operations += await store.operations(conn)
            staff |= dict(await store.staff(conn))
    network_keys = _network_keys(signed)
    return Export(
        network=AgencyCode(state[0]),
        mirrors=mirrors,
        keys={**key_set(jwk for entry in entries for jwk in entry.keys), **network_keys},
        network_keys=network_keys,
        served=frozenset(served),
        lists=tuple(lists),
        exchanges=tuple(exchanges),
        inquiries=tuple(inquiries),
        provisions=tuple(provisions),
        records=tuple(records),
        alarms=tuple(alarms),
        strays=tuple(strays),
        staff=staff,
        operations=tuple(operations),
    )


def _mirrors(signed: Iterable[str]) -> dict[tuple[AgencyCode, TaskCode], frozenset[TaskCode]]:
    """What each 条例事務 has mirrored: an exchange is judged by what was in force then, whatever was withdrawn since."""
    found: defaultdict[tuple[AgencyCode, TaskCode], set[TaskCode]] = defaultdict(set)
    for text in signed:
        for entry in decode(Directory, unverified_payload(text, DIRECTORY_LIMIT)).entries:
            for one in entry.ordinances:
                found[entry.code, one.task].add(one.mirrors)
    return {key: frozenset(tasks) for key, tasks in found.items()}


def _network_keys(signed: Iterable[str]) -> dict[str, VerifyingKey]:
    """The network's keys in the newest directory that a server holds, which must verify itself under them."""
    editions = [(decode(Directory, unverified_payload(text, DIRECTORY_LIMIT)), text) for text in signed]
    if not editions:
        return {}
    newest, text = max(editions, key=lambda edition: edition[0].serial)
    keys = key_set(newest.network_keys)
    verify(text, DIRECTORY_TYP, keys, DIRECTORY_LIMIT)
    return keys


async def _held_directory(server: Database) -> str | None:
    async with server.connection() as conn:
        return await held_store.read_directory(conn)


async def _records(conn: Connection) -> list[RecordRow]:
    read: list[RecordRow] = []
    after = BEFORE_ALL
    while True:
        page = await record_store.all_records(conn, after, PAGE)
        read += page
        if len(page) < PAGE:
            return read
        after = (page[-1].holder, page[-1].txn)


async def _inquiries(server: Database) -> list[Inquiry]:
    async with server.connection() as conn:
        rows = await inquiry_store.all_inquiries(conn)
    return [
        Inquiry(
            agency=row.agency,
            txn=_plain(row.txn),
            office=row.office,
            provider=row.provider,
            task=row.task,
            procedure=row.procedure,
            information=row.information,
            items=tuple(row.items),
            annex_d=digest(row.annex),
            asked_at=row.asked_at,
            state=row.state,
            permit=row.permit,
            valid_until=row.valid_until,
            withdrawal_asked_at=row.withdrawal_asked_at,
            kind=row.kind,
            reason=row.reason,
            ended_at=row.ended_at,
            content_d=None if row.content is None else digest(row.content),
            request_kept=row.request_sealed is not None,
        )
        for row in rows
    ]


def _exchange(row: network_store.ExchangeRow) -> Exchange:
    return Exchange(
        txn=_plain(row.txn),
        inquirer=row.inquirer,
        provider=row.provider,
        request_d=row.request_d.hex(),
        permit=row.permit,
        valid_until=row.valid_until,
        state=row.state,
        accepted_at=row.accepted_at,
        withdrawal_asked=row.withdrawal_asked,
        kind=row.kind,
        ended_at=row.ended_at,
        ended=_end_at_network(row),
        deliver_due=row.deliver_due,
        code_kept=row.notice_code is not None,
    )


def _end_at_network(row: network_store.ExchangeRow) -> Ended | None:
    if row.reply is None:
        return None
    if row.permit is None:
        refusal = decode(RefusalReply, row.reply)
        return Ended(refusal.payload, "", refusal.network, digest(b""))
    answer = decode(Answer, row.reply)
    return Ended(answer.payload, answer.provider, answer.network, digest(answer.sealed))


def _provision(row: provision_store.ProvisionRow) -> Provision:
    answer = None if row.answer is None else decode(Answer, row.answer)
    return Provision(
        agency=row.agency,
        txn=_plain(row.txn),
        inquirer=row.inquirer,
        permit=row.permit,
        task=row.task,
        information=row.information,
        notified_at=row.notified_at,
        valid_until=row.valid_until,
        state=row.state,
        held_for=tuple(row.held_for),
        prepared_by=row.prepared_by,
        decision=row.decision,
        withheld_for=row.withheld_for,
        released_by=row.released_by,
        kind=row.kind,
        ended_at=row.ended_at,
        ended=None if answer is None else Ended(answer.payload, answer.provider, answer.network, digest(answer.sealed)),
        push_due=row.push_due,
    )


def _plain(txn: UUID) -> UUID:
    """asyncpg's own UUIDs equal the library's and sort with them; ours are the library's all the same."""
    return UUID(bytes=txn.bytes)
