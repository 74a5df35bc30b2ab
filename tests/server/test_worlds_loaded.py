"""A world folder is loaded whole or not at all; loaded again, only what changed is done, and it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from authz import delegations, staff, store
from authz.delegations import NewDelegation
from authz.duties import Duty
from authz.operations import Moment, at_the_machine
from authz.questions import Window
from fixtures.folders import example, folder
from fixtures.folders.agencycodes import ListedAgency
from fixtures.folders.files import OnDisk
from fixtures.folders.importing import import_agencies
from fixtures.invented import codebook as book
from fixtures.invented.agencies import NETWORK
from fixtures.people import resident_code
from fixtures.plugin import WorldFolder
from gateway.assembly import AllInOne, all_in_one
from gateway.clock import Clock
from gateway.config import Config
from gateway.intermediary import deposit
from gateway.running.credentials import read
from gateway.running.seeding import Filled, fill_all
from gateway.worlds import BadWorld
from sympho import addressees, registry
from sympho.codes import AddresseeNumber, AgencyCode, SystemCode, UnifiedNumber
from sympho.linkage import PersonStatus

CITY, EAST, WEST = (AgencyCode(f"02201{code}01700") for code in ("041009", "042021", "042030"))


def silent(what: str, done: int) -> None:
    """Nobody watches."""


@dataclass
class Ground:
    """A folder, and the data that it is loaded into."""

    place: Path
    data: Path
    parties: AllInOne

    async def load(self) -> Filled:
        """As ``sympho world load`` does, without a process of its own."""
        return await fill_all(self.parties, WorldFolder(self.place), self.data, silent)

    def moment(self) -> Moment:
        clock = self.parties.network.clock
        return Moment(clock.now(), clock.machine())

    def change(self, file: str, before: str, after: str) -> None:
        path = self.place / file
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), encoding="utf-8")

    def drop(self, keep: Callable[[str], bool]) -> None:
        """Takes lines out of every file."""
        for path in self.place.rglob("*.csv"):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            path.write_text("".join(line for line in lines if keep(line)), encoding="utf-8")


@pytest.fixture
async def ground(config: Config, tmp_path: Path) -> AsyncIterator[Ground]:
    place = tmp_path / "world"
    folder.write(example.example("04100", ("04202", "04203"), 14), OnDisk(place))
    joined = await all_in_one(config, Clock(), NETWORK.code)
    yield Ground(place, config.data, joined)
    await joined.close()


async def person(parties: AllInOne, agency: AgencyCode, serial: int) -> UnifiedNumber:
    number = AddresseeNumber(f"024{serial:05d}")
    async with parties.intermediary.db.connection() as conn:
        [unified] = await addressees.to_unified(conn, agency, [(SystemCode("024"), number)])
    assert unified is not None
    return unified


async def code_of(parties: AllInOne, agency: AgencyCode, serial: int) -> PersonStatus:
    unified = await person(parties, agency, serial)
    async with parties.intermediary.db.connection() as conn:
        [status] = await registry.statuses(conn, agency, [unified])
    return status


async def test_what_changed_is_done_and_told_and_the_rest_is_left_alone(ground: Ground) -> None:
    assert (await ground.load()).first
    assert await ground.load() == Filled(False)

    ground.change("duplicates/TM00000000000002.csv", "2010000", "2999999")
    ground.change("flags.csv", "p03,,yes,yes", "p03,,no,yes")
    ground.change("staff.csv", "city-records,記録　京子,00,read-records", "city-reader,新人　見本,00,read-records")
    ground.change("offices.csv", ";JM99000000000001", "")
    ground.change("numbers.csv", "024,02400005,p05\n", "024,02400005,p05\n0220104202101700,024,02499999,p05\n")
    ground.drop(lambda line: not line.startswith(f"{EAST},p04,"))
    told = await ground.load()

    assert not told.first
    assert [line for line in told.changes if line.startswith("numbers.csv: 追加 added 1 (0220104202101700 024 p05)")]
    assert [line for line in told.changes if line.startswith("duplicates: 変更 changed 1")]
    assert [line for line in told.changes if "削除 removed 1 (0220104100901700 city-records)" in line]
    server = ground.parties.intermediary
    [(_, tax)] = await deposit.listed(server, EAST, await person(ground.parties, EAST, 1))
    assert [item.value for item in tax.items.values() if item.value == "2999999"]
    assert await deposit.listed(server, EAST, await person(ground.parties, EAST, 4)) == []
    flag = (await deposit.flags(server, EAST, await person(ground.parties, EAST, 3)))[0]
    assert (flag.no_automatic_answer, flag.non_disclosure) == (False, True)
    assert await code_of(ground.parties, EAST, 99999) is PersonStatus.HELD
    async with server.db.connection() as conn:
        accounts = {one.login: one for one in await staff.list_accounts(conn, CITY)}
    assert accounts["city-records"].disabled_at is not None
    assert accounts["city-reader"].disabled_at is None
    assert accounts["city-health"].tasks == frozenset((book.VACCINATION_TASK, book.VACCINATION_COST_TASK))
    file = read(ground.data)
    assert file is not None
    assert file.find("city-reader") is not None
    assert await ground.load() == Filled(False)


async def test_a_person_who_is_taken_out_and_put_back_is_the_same_person_with_the_same_code(ground: Ground) -> None:
    await ground.load()
    texts = {path: path.read_bytes() for path in ground.place.rglob("*.csv")}
    before = await person(ground.parties, EAST, 2)
    ground.drop(lambda line: "p02" not in line.strip().split(","))
    told = await ground.load()
    assert [line for line in told.changes if line.startswith("residents.csv: 削除 removed 1 (p02)")]
    assert await person(ground.parties, EAST, 2) == before
    assert await deposit.listed(ground.parties.intermediary, EAST, before) == []
    assert await code_of(ground.parties, EAST, 2) is PersonStatus.HELD
    for path, content in texts.items():
        path.write_bytes(content)
    await ground.load()
    assert await person(ground.parties, EAST, 2) == before
    assert len(await deposit.listed(ground.parties.intermediary, EAST, before)) == 1


async def test_a_folder_with_a_mistake_or_an_impossible_change_changes_nothing(ground: Ground) -> None:
    await ground.load()
    ground.change("duplicates/TM00000000000002.csv", "2010000", "2999999")
    ground.change("numbers.csv", "02400001,p01", "02400001,p05")
    with pytest.raises(BadWorld, match=r"numbers\.csv:3:31"):
        await ground.load()
    ground.change("numbers.csv", "02400001,p05", "02400001,p99")
    with pytest.raises(BadWorld, match="no such person"):
        await ground.load()
    [(_, tax)] = await deposit.listed(ground.parties.intermediary, EAST, await person(ground.parties, EAST, 1))
    assert not [item for item in tax.items.values() if item.value == "2999999"]


async def test_somebody_put_back_with_another_resident_code_stays_one_person_at_the_network(ground: Ground) -> None:
    await ground.load()
    texts = {path: path.read_bytes() for path in ground.place.rglob("*.csv")}
    ground.drop(lambda line: "p02" not in line.strip().split(","))
    await ground.load()
    for path, content in texts.items():
        path.write_bytes(content)
    before, after = (resident_code(example.SEED, serial).reveal() for serial in (2, 777))
    ground.change("residents.csv", before, after)
    ground.change("numbers.csv", f"{CITY},", f"{WEST},024,02400002,p02\n{CITY},")
    await ground.load()
    assert await code_of(ground.parties, WEST, 2) is PersonStatus.HELD
    async with ground.parties.network.db.connection() as conn:
        assert await conn.fetchval("SELECT COUNT(DISTINCT person_key) FROM resident_person") == 14


async def test_a_number_of_somebody_who_was_taken_out_is_refused_at_its_place_before_anything_is_done(
    ground: Ground,
) -> None:
    await ground.load()
    ground.drop(lambda line: "p05" not in line.strip().split(","))
    await ground.load()
    ground.change("agencies.csv", "みほん市", "新みほん市")
    ground.change("numbers.csv", "024,02400006,p06\n", f"024,02400006,p06\n{CITY},024,02400005,p06\n")
    for _ in range(2):
        with pytest.raises(BadWorld, match=r"numbers\.csv:\d+:22: .*somebody else"):
            await ground.load()
    assert ground.parties.network.published.directory.entry(CITY).name == "みほん市"


async def test_a_resident_code_of_somebody_else_is_refused_at_its_place_before_anything_is_done(ground: Ground) -> None:
    await ground.load()
    first, second = (resident_code(example.SEED, serial).reveal() for serial in (1, 2))
    ground.drop(lambda line: "p02" not in line.strip().split(","))
    await ground.load()
    ground.change("agencies.csv", "みほん市", "新みほん市")
    ground.change("residents.csv", first, second)
    with pytest.raises(BadWorld, match=r"residents\.csv:2:\d+: .*another resident's"):
        await ground.load()
    assert ground.parties.network.published.directory.entry(CITY).name == "みほん市"


async def test_a_resident_code_that_somebody_else_once_had_is_nobodys_again_but_theirs(ground: Ground) -> None:
    await ground.load()
    first, second, unused = (resident_code(example.SEED, serial).reveal() for serial in (1, 2, 900))
    ground.change("residents.csv", first, unused)
    await ground.load()
    ground.change("residents.csv", second, first)
    with pytest.raises(BadWorld, match=r"residents\.csv:3:\d+: .*another resident's"):
        await ground.load()
    ground.change("residents.csv", first, second)
    ground.change("residents.csv", unused, first)
    await ground.load()


async def test_staff_whom_the_folder_charges_against_a_delegation_are_refused_before_anything_is_done(
    ground: Ground,
) -> None:
    await ground.load()
    server, moment = ground.parties.intermediary, ground.moment()
    async with server.db.transaction() as conn:
        people = {one.login: one.staff_id for one in await staff.list_accounts(conn, CITY)}
        until = moment.machine + timedelta(days=1)
        lent = NewDelegation(people["city-reviewer-1"], people["city-records"], Duty.REVIEW, until)
        await delegations.make(conn, at_the_machine(CITY), lent, moment)
    ground.change("agencies.csv", "みほん市", "新みほん市")
    ground.change("staff.csv", "city-records,記録　京子,00,read-records", "city-records,記録　京子,00,audit")
    with pytest.raises(BadWorld, match=r"staff\.csv:13:\d+: "):
        await ground.load()
    assert ground.parties.network.published.directory.entry(CITY).name == "みほん市"


async def test_a_changed_name_of_staff_is_changed(ground: Ground) -> None:
    await ground.load()
    ground.change("staff.csv", "city-records,記録　京子", "city-records,記録　結子")
    assert (await ground.load()).changes
    async with ground.parties.intermediary.db.connection() as conn:
        account = await store.account_by_login(conn, CITY, "city-records")
    assert account is not None
    assert account.name == "記録　結子"


async def test_an_agency_that_begins_while_another_one_no_longer_has_staff_is_served(ground: Ground) -> None:
    await ground.load()
    prefecture, new = AgencyCode("0220004000201700"), AgencyCode("0220104205601700")
    ground.drop(lambda line: "prefecture-" not in line)
    ground.change("agencies.csv", f"{CITY},", f"{new},気仙沼市,,MUNICIPALITY,2015-10-05/,,,\n{CITY},")
    ground.change("offices.csv", f"{CITY},", f"{new},00,総務課,,\n{CITY},")
    ground.change("staff.csv", f"{CITY},", f"{new},kesennuma-staff,権限　見本,00,manage-staff\n{CITY},")
    ground.change("systems.csv", f"{CITY},", f"{new},024,健康管理,\n{CITY},")
    ground.change("numbers.csv", f"{CITY},", f"{new},024,02400006,p06\n{CITY},")
    told = await ground.load()
    assert not told.first
    assert [line for line in told.changes if line.startswith(f"agencies.csv: 追加 added 1 ({new})")]
    assert {prefecture, new} <= ground.parties.intermediary.agencies
    assert await code_of(ground.parties, new, 6) is PersonStatus.HELD
    assert ground.parties.network.published.directory.entry(new).keys


async def test_a_clock_that_is_taken_out_of_the_folder_goes_with_the_machines_again(ground: Ground) -> None:
    sheet = ground.place / "world.toml"
    before = sheet.read_text(encoding="utf-8")
    sheet.write_text(before + "[clock]\nat = 2024-04-22T10:00:00+09:00\nfrozen = true\n", encoding="utf-8")
    await ground.load()
    assert ground.parties.network.clock.today() == date(2024, 4, 22)
    sheet.write_text(before, encoding="utf-8")
    await ground.load()
    assert abs(ground.parties.network.clock.now() - ground.parties.network.clock.machine()) < timedelta(seconds=1)


async def test_what_was_loaded_lies_sealed_and_losing_it_loses_nothing(ground: Ground) -> None:
    await ground.load()
    editions = sorted(ground.data.glob("world-*.edition"))
    assert len(editions) == 3
    number = next(WorldFolder(ground.place).book.register())[0].reveal().encode()
    assert not [one for one in editions if number in one.read_bytes() or b"world.toml" in one.read_bytes()]
    for one in editions:
        one.unlink()
    ground.drop(lambda line: not line.startswith(f"{EAST},p02,"))
    await ground.load()
    assert len(await deposit.listed(ground.parties.intermediary, EAST, await person(ground.parties, EAST, 2))) == 1
    async with ground.parties.intermediary.db.connection() as conn:
        account = await store.account_by_login(conn, CITY, "city-health")
    assert account is not None
    assert account.disabled_at is None


async def test_imported_agencies_are_judged_by_their_windows_and_keep_what_was_declared(ground: Ground) -> None:
    await ground.load()
    windows = (Window(date(2005, 1, 1), date(2009, 3, 31)), Window(date(2010, 4, 1), None))
    stranger = AgencyCode("0220104205601700")
    listed = [
        ListedAgency(CITY, "宮城県仙台市", windows, ("MUNICIPALITY",)),
        ListedAgency(stranger, "宮城県気仙沼市", windows, ("MUNICIPALITY",)),
        ListedAgency(NETWORK.code, "network", windows, ("NETWORK_SYSTEM",)),
    ]
    done = await import_agencies(ground.parties.network, listed)
    assert (done.added, done.changed, done.unchanged, done.gaps) == (1, 1, 0, 3)
    assert (await import_agencies(ground.parties.network, listed)).unchanged == 2
    entry = ground.parties.network.published.directory.entry(CITY)
    assert entry.name == "宮城県仙台市"
    assert entry.keys
    assert entry.assessments
    ground.change("assessments.csv", f"{CITY},JM90000000000016,2020-04-01", f"{CITY},JM90000000000016,2021-04-01")
    await ground.load()
    after = ground.parties.network.published.directory.entry(CITY)
    assert (after.name, after.valid) == (entry.name, entry.valid)
    assert after.assessments["JM90000000000016"] == date(2021, 4, 1)
    facts = ground.parties.network.published.snapshot.agencies[stranger]
    assert [facts.in_force(day) for day in (date(2009, 3, 31), date(2009, 4, 1), date(2010, 4, 1))] == [
        True,
        False,
        True,
    ]
