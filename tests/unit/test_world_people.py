"""The invented country's people: deterministic, numbered, consistent, and what is held of them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from fixtures.invented import codebook as book
from fixtures.invented.households import CAST, CYCLE, CYCLE_SIZE, ORDINANCE_BEGAN_ON, STANDS_ON
from fixtures.items import NEVER_GIVEN_OUT
from fixtures.people import Household, Relation, Resident, is_invented
from fixtures.world import World, invented_country
from sympho.codes import IndividualNumber, ResidentCode

SEEDS = st.integers(min_value=0, max_value=2**32)
WORLD = invented_country(500)


def _worlds(people: int = 90) -> st.SearchStrategy[World]:
    return SEEDS.map(lambda seed: invented_country(people, seed))


def _values(world: World, resident: Resident, information: str) -> list[tuple[str, dict[str, str]]]:
    """(agency, values by label) of every duplicate of that information; what has no value is left out."""
    labels = dict(book.codebook().items[book.codebook().information[information]])
    return [
        (held.agency, {labels[code]: item.value for code, item in held.items.items() if item.value is not None})
        for held in world.duplicates_of(resident)
        if held.information == book.codebook().information[information]
    ]


# --- the world as a whole -----------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_the_same_seed_gives_the_same_world_byte_for_byte(seed: int) -> None:
    assert invented_country(60, seed).digest() == invented_country(60, seed).digest()


def test_the_usual_country_is_the_same_in_every_installation_of_every_version() -> None:
    """What an integrator has written about a person of it stays true. A change of this is told in the change log."""
    assert invented_country().digest() == "b2968d9ee28aaa06eac7061b64d0d6df720dee68bc53ff6c23aa288baeb6500c"


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_another_seed_gives_another_world(seed: int) -> None:
    assert invented_country(60, seed).digest() != invented_country(60, seed + 1).digest()


@given(st.integers(min_value=24, max_value=2000))
def test_the_number_of_people_is_known_without_making_them_and_is_at_least_what_was_asked(residents: int) -> None:
    world = invented_country(residents)
    assert residents <= world.size <= residents + 5


def test_the_number_of_people_is_that_of_the_people_made() -> None:
    for residents in (24, 60, 61, 90, 500):
        world = invented_country(residents)
        assert world.size == sum(1 for _ in world.residents())


def test_a_larger_world_begins_with_the_people_of_the_smaller_one() -> None:
    small, large = invented_country(60), invented_country(120)
    assert [r.individual for r in small.residents()] == [r.individual for r in large.residents()][: small.size]


def test_a_world_without_room_for_the_cast_is_refused() -> None:
    with pytest.raises(ValueError, match="residents"):
        invented_country(3)


def test_a_resident_is_found_by_serial_and_an_unknown_serial_is_an_error() -> None:
    for resident in WORLD.residents():
        assert WORLD.resident(resident.serial) is not None
        assert WORLD.resident(resident.serial).individual == resident.individual
    for serial in (-1, 7, WORLD.households * 8):
        with pytest.raises(LookupError):
            WORLD.resident(serial)


def test_people_and_what_is_held_of_them_do_not_print_themselves() -> None:
    resident = next(WORLD.residents())
    held = (resident, resident.home, WORLD.duplicates_of(resident), WORLD.numberings_of(resident))
    printed = repr(held) + pretty_repr(held)
    secrets = [
        resident.name,
        resident.kana,
        resident.individual.reveal(),
        resident.code.reveal(),
        resident.home.address,
    ]
    secrets += [numbering.number.reveal() for numbering in WORLD.numberings_of(resident)]
    assert not [secret for secret in secrets if secret in printed]


def test_the_texts_to_search_for_leaks_are_telling_and_name_no_member_of_staff_and_no_body() -> None:
    canaries = set(WORLD.canaries())
    printable = "\n".join(f"{member.display_name}{member.login}{member.office}" for member in WORLD.staff)
    printable += "\n".join(f"{agency.code}{agency.name_ja}{agency.name_en}" for agency in WORLD.directory)
    assert not [text for text in canaries if text in printable]
    assert min(len(text) for text in canaries) >= 4
    for resident in WORLD.residents():
        assert {resident.individual.reveal(), resident.name, resident.home.address} <= canaries


# --- numbers ------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(_worlds())
def test_personal_numbers_pass_their_check_digits_and_bear_the_mark(world: World) -> None:
    for resident in world.residents():
        assert IndividualNumber.broken_rule(resident.individual.reveal()) == ""
        assert ResidentCode.broken_rule(resident.code.reveal()) == ""
        assert is_invented(resident.individual)
        assert is_invented(resident.code)
        assert resident.individual.reveal()[:2] == "99" == resident.code.reveal()[:2]


@settings(max_examples=5, deadline=None)
@given(SEEDS)
def test_no_number_is_given_twice(seed: int) -> None:
    world = invented_country(1500, seed)
    residents = list(world.residents())
    assert len({resident.individual for resident in residents}) == len(residents)
    assert len({resident.code for resident in residents}) == len(residents)
    numberings = [(n.agency, n.system, n.number) for n in world.numberings()]
    assert len(set(numberings)) == len(numberings)


@settings(max_examples=10, deadline=None)
@given(_worlds())
def test_a_system_gives_a_person_one_number_and_each_body_and_system_another(world: World) -> None:
    for resident in world.residents():
        numberings = world.numberings_of(resident)
        places = [(n.agency, n.system) for n in numberings]
        assert len(set(places)) == len(places)
        assert len({n.number for n in numberings}) == len(numberings)


def test_systems_that_number_people_are_systems_of_their_body() -> None:
    for numbering in WORLD.numberings():
        assert numbering.system in {system.code for system in WORLD.agency(numbering.agency).systems}


# --- families -----------------------------------------------------------------------------------------------------


def _check_family(family: Household) -> None:
    assert family.head.relation is Relation.HEAD
    assert [member.relation for member in family.members].count(Relation.HEAD) == 1
    assert len({member.surname for member in family.members}) == 1
    assert len({member.given for member in family.members}) == len(family.members)
    parents = [m for m in family.members if m.relation in (Relation.HEAD, Relation.WIFE)]
    for child in (m for m in family.members if m.relation is Relation.CHILD):
        for parent in parents:
            assert 18 <= parent.age_on(child.born) <= 60
    for grandmother in (m for m in family.members if m.relation is Relation.MOTHER):
        assert 23 <= grandmother.age_on(family.head.born) <= 40


@settings(max_examples=25, deadline=None)
@given(_worlds())
def test_families_are_consistent(world: World) -> None:
    for family in world.families():
        _check_family(family)


@settings(max_examples=25, deadline=None)
@given(_worlds())
def test_lives_and_residences_follow_each_other_without_gaps_and_end_before_the_world_stands(world: World) -> None:
    for resident in world.residents():
        assert resident.born < STANDS_ON
        assert resident.residences
        assert resident.residences[0].since >= resident.born
        for before, after in zip(resident.residences, resident.residences[1:], strict=False):
            assert before.until == after.since
            assert before.agency != after.agency
        for residence in resident.residences:
            assert residence.until is None or residence.since < residence.until <= STANDS_ON
        assert resident.home.until == resident.died
        assert resident.died is None or resident.died < STANDS_ON


@settings(max_examples=15, deadline=None)
@given(_worlds())
def test_children_live_where_they_were_born_from_their_first_day(world: World) -> None:
    for resident in world.residents():
        if resident.relation is Relation.CHILD:
            assert resident.residences[0].since == resident.born


def test_people_moved_before_and_after_the_ordinance_and_a_few_died_and_were_born() -> None:
    residents = list(WORLD.residents())
    moves = [stay.since for resident in residents for stay in resident.residences[1:]]
    assert sum(1 for day in moves if day < ORDINANCE_BEGAN_ON) >= 10
    assert sum(1 for day in moves if day >= ORDINANCE_BEGAN_ON) >= 10
    assert 1 <= sum(1 for resident in residents if not resident.is_alive) <= len(residents) // 20
    assert sum(1 for resident in residents if resident.born > STANDS_ON - timedelta(days=730)) >= 1


@settings(max_examples=15, deadline=None)
@given(_worlds())
def test_a_person_who_moved_has_numbers_and_records_in_both_municipalities(world: World) -> None:
    movers = [resident for resident in world.residents() if resident.has_moved]
    assert movers
    for resident in movers:
        towns = {stay.agency for stay in resident.residences}
        assert towns <= {numbering.agency for numbering in world.numberings_of(resident)}
        assert towns <= {duplicate.agency for duplicate in world.duplicates_of(resident)}


def test_every_household_of_the_cast_comes_before_the_cycle() -> None:
    shapes = [family.shape for family in WORLD.families()]
    assert shapes[: len(CAST)] == [household.shape for household in CAST]
    assert tuple(shapes[len(CAST) : len(CAST) + len(CYCLE)]) == CYCLE
    assert CYCLE_SIZE == 31


# --- duplicates ---------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(_worlds())
def test_a_duplicate_has_every_item_of_its_layout_once_each_with_a_value_or_a_reason(world: World) -> None:
    for duplicate in world.duplicates():
        assert list(duplicate.items) == [code for code, _ in book.codebook().items[duplicate.information]]
        assert all(item.reason_of_null or item.value for item in duplicate.items.values())
        assert any(item.value for item in duplicate.items.values())


@settings(max_examples=10, deadline=None)
@given(_worlds())
def test_a_body_holds_at_most_one_duplicate_of_a_person_and_information_and_numbers_the_person(world: World) -> None:
    for resident in world.residents():
        places = [(d.agency, d.information) for d in world.duplicates_of(resident)]
        assert len(set(places)) == len(places)
        assert {agency for agency, _ in places} <= {n.agency for n in world.numberings_of(resident)}


@settings(max_examples=10, deadline=None)
@given(_worlds())
def test_publication_begins_in_the_persons_life_and_before_the_world_stands(world: World) -> None:
    for resident in world.residents():
        for held in world.duplicates_of(resident):
            assert date(2017, 7, 18) <= held.published_from <= STANDS_ON
            assert resident.born <= held.published_from
            assert held.published_until is None or held.published_from < held.published_until
            assert held.version == "0001"


def test_vaccination_records_have_the_thirty_items_of_the_source_document() -> None:
    items = book.codebook().items[book.VACCINATION]
    assert len(items) == 30
    filled = {
        code
        for duplicate in WORLD.duplicates()
        if duplicate.information == book.VACCINATION
        for code, item in duplicate.items.items()
        if item.value is not None
    }
    empty = {label for code, label in items if code not in filled}
    assert {label for label in empty if "ツ反" not in label} == NEVER_GIVEN_OUT | {"担当医師（２）"}


def test_what_the_contents_fill_is_an_item_of_the_layout() -> None:
    for resident in WORLD.residents():
        for information, needed in (
            ("地方税関係情報", "市町村民税所得割額"),
            ("住民票関係情報", "世帯主氏名"),
            ("介護保険給付等関係情報", "被保険者番号"),
            ("年金給付関係情報", "年金支給額"),
            ("医療保険給付関係情報", "保険者番号"),
            ("公的給付支給等口座登録簿関係情報", "口座番号"),
            ("戸籍関係情報", "死亡の事実"),
            ("身体障害者福祉法による身体障害者手帳に関する情報", "内容"),
            ("予防接種法による予防接種の実施に関する情報", "接種日"),
        ):
            for _, values in _values(WORLD, resident, information):
                assert needed in values, (information, needed)


@settings(max_examples=15, deadline=None)
@given(_worlds())
def test_a_municipality_holds_the_latest_dose_given_while_the_person_lived_there(world: World) -> None:
    for resident in world.residents():
        doses = world.doses_of(resident)
        for agency, values in _values(world, resident, "予防接種法による予防接種の実施に関する情報"):
            stay = next(stay for stay in resident.residences if stay.agency == agency)
            latest = [dose for dose in doses if stay.covers(dose.on)][-1]
            assert values["接種日"] == latest.on.isoformat()
            assert resident.born < latest.on <= STANDS_ON
            assert values["接種日年齢"].startswith(f"{resident.age_on(latest.on)}歳")


@settings(max_examples=15, deadline=None)
@given(_worlds())
def test_tax_is_held_by_the_municipality_of_the_first_of_january_and_no_income_part_comes_without_the_flat_part(
    world: World,
) -> None:
    for resident in world.residents():
        for agency, values in _values(world, resident, "地方税関係情報"):
            home = resident.residence_on(date(2025, 1, 1))
            assert home is not None
            assert home.agency == agency
            assert not (int(values["市町村民税所得割額"]) > 0 and values["市町村民税均等割額"] == "0")
            assert (values["課税非課税区分"] == "課税") == (values["市町村民税均等割額"] != "0")


@settings(max_examples=15, deadline=None)
@given(_worlds())
def test_pensions_and_care_insurance_are_held_of_the_old_only(world: World) -> None:
    for resident in world.residents():
        if resident.age_on(STANDS_ON) >= 65:
            continue
        held = {duplicate.information for duplicate in world.duplicates_of(resident)}
        assert not held & {book.PENSION, book.CARE}


def test_residents_of_a_municipality_are_those_who_live_or_lived_there() -> None:
    for agency in WORLD.municipalities:
        listed = {resident.serial for resident in WORLD.residents_of(agency.code)}
        lived = {r.serial for r in WORLD.residents() if any(stay.agency == agency.code for stay in r.residences)}
        assert listed == lived


def test_what_one_body_holds_is_what_the_whole_world_holds_of_it() -> None:
    world = invented_country(90)
    for agency in world.agencies:
        duplicates = [d for d in world.duplicates() if d.agency == agency.code]
        assert list(world.duplicates_at(agency.code)) == duplicates
        numberings = [n for n in world.numberings() if n.agency == agency.code]
        assert list(world.numberings_at(agency.code)) == numberings
