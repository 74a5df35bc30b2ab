"""記録の保管: records are added once, found again in order, and never changed by whoever serves requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from gateway.config import Role as Party
from gateway.database import StatementFailed
from gateway.exchange.jws import SigningKey
from gateway.problems import Conflict
from gateway.records import record, store
from gateway.records.record import Role
from gateway.records.store import Position, RecordRow
from tests.conftest import DatabaseFor
from tests.unit.test_record import ANNEX, ANSWERS, ASKS, WIRE

START = Position(datetime(2000, 1, 1, tzinfo=UTC), UUID(int=0))
END = Position(datetime(9999, 1, 1, tzinfo=UTC), UUID(int=0))
ROW = RecordRow.of(
    holder=ASKS,
    role=Role.INQUIRER,
    payload=record.parse(WIRE),
    jws=record.sign_record(WIRE, SigningKey.generate(f"{ASKS}/1")),
    annex=ANNEX,
    subject_sealed=b"sealed",
    subject_blind=b"person-1",
)


def numbered(n: int) -> RecordRow:
    """A record of another exchange that ended ``n // 2`` seconds later: pairs end at the same moment."""
    return replace(ROW, txn=UUID(int=ROW.txn.int + n), ended_at=ROW.ended_at + timedelta(seconds=n // 2))


ROWS = [numbered(n) for n in range(7)]


async def test_a_record_comes_back_as_it_was_added(database_for: DatabaseFor) -> None:
    db = await database_for(Party.NETWORK)
    async with db.transaction() as conn:
        assert await store.insert(conn, [ROW]) == {(ASKS, ROW.txn)}
        assert await store.get(conn, [(ASKS, ROW.txn), (ANSWERS, ROW.txn)]) == [ROW]


async def test_a_second_record_of_one_holder_and_exchange_changes_nothing(database_for: DatabaseFor) -> None:
    db = await database_for(Party.NETWORK)
    async with db.transaction() as conn:
        await store.insert(conn, [ROW])
        assert await store.insert(conn, [replace(ROW, jws="a.b.c"), ROWS[1]]) == {(ASKS, ROWS[1].txn)}
        assert await store.get(conn, [(ASKS, ROW.txn)]) == [ROW]


async def test_of_two_records_in_one_batch_only_one_is_kept(database_for: DatabaseFor) -> None:
    db = await database_for(Party.NETWORK)
    async with db.transaction() as conn:
        assert await store.insert(conn, [ROW, replace(ROW, jws="a.b.c")]) == {(ASKS, ROW.txn)}


async def test_adding_nothing_is_allowed(database_for: DatabaseFor) -> None:
    db = await database_for(Party.NETWORK)
    async with db.transaction() as conn:
        assert await store.insert(conn, []) == frozenset()


async def test_paging_shows_every_record_of_the_holder_once_and_in_order(database_for: DatabaseFor) -> None:
    db = await database_for(Party.NETWORK)
    foreign = replace(ROW, holder=ANSWERS, role=Role.PROVIDER)
    async with db.transaction() as conn:
        await store.insert(conn, [*reversed(ROWS), foreign])
        onwards: list[RecordRow] = []
        at = START
        while page := await store.list_records(conn, ASKS, at, 2):
            onwards += page
            at = Position(page[-1].ended_at, page[-1].txn)
        backwards: list[RecordRow] = []
        at = END
        while page := await store.latest_records(conn, ASKS, at, 2):
            backwards += page
            at = Position(page[-1].ended_at, page[-1].txn)
    assert onwards == ROWS
    assert backwards == ROWS[::-1]


async def test_a_person_finds_own_records_at_one_holder_only(database_for: DatabaseFor) -> None:
    db = await database_for(Party.NETWORK)
    somebody_else = replace(ROWS[1], subject_blind=b"person-2")
    elsewhere = replace(ROWS[2], holder=ANSWERS)
    nobody = replace(ROWS[3], subject_sealed=b"", subject_blind=b"")
    async with db.transaction() as conn:
        await store.insert(conn, [ROWS[0], somebody_else, elsewhere, nobody, ROWS[4]])
        found = await store.list_person(conn, ASKS, b"person-1", START, 10)
        assert await store.list_person(conn, ASKS, b"", START, 10) == []
    assert found == [ROWS[0], ROWS[4]]


async def test_the_export_reaches_every_holders_records(database_for: DatabaseFor) -> None:
    db = await database_for(Party.NETWORK)
    rows = [*ROWS, replace(ROW, holder=ANSWERS, role=Role.PROVIDER)]
    async with db.transaction() as conn:
        await store.insert(conn, rows)
        seen: list[RecordRow] = []
        after = ("", UUID(int=0))
        while page := await store.all_records(conn, after, 3):
            seen += page
            after = (page[-1].holder, page[-1].txn)
    assert sorted(seen, key=repr) == sorted(rows, key=repr)


@pytest.mark.parametrize("party", [Party.NETWORK, Party.INTERMEDIARY])
@pytest.mark.parametrize("statement", ["UPDATE record SET annex = annex", "DELETE FROM record", "TRUNCATE record"])
async def test_no_record_can_be_changed_or_removed_by_the_serving_role(
    database_for: DatabaseFor, party: Party, statement: str
) -> None:
    db = await database_for(party)
    async with db.transaction() as conn:
        await store.insert(conn, [ROW])
    with pytest.raises(StatementFailed):
        async with db.transaction() as conn:
            await conn.execute(statement)
    async with db.connection() as conn:
        assert await store.get(conn, [(ASKS, ROW.txn)]) == [ROW]


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        (replace(ROW, jws="no record"), "record_jws"),
        (replace(ROW, jws="a." + "b" * 65_535 + ".c"), "record_jws"),
        (replace(ROW, annex=b""), "record_annex"),
        (replace(ROW, subject_sealed=b""), "record_subject"),
    ],
)
async def test_what_is_no_record_is_kept_out_by_a_constraint_with_a_name(
    database_for: DatabaseFor, row: RecordRow, constraint: str
) -> None:
    db = await database_for(Party.NETWORK)
    with pytest.raises(Conflict) as caught:
        async with db.transaction() as conn:
            await store.insert(conn, [row])
    assert caught.value.constraint == constraint


def test_a_row_takes_from_the_payload_what_it_says_of_itself() -> None:
    assert (ROW.txn, ROW.counterpart, ROW.fiscal_year) == (UUID(record.parse(WIRE).txn), ANSWERS, 2024)
    assert ROW.ended_at == record.parse(WIRE).ended
    assert b"person" not in repr(ROW).encode()
