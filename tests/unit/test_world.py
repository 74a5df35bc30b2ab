"""The invented country: its bodies, its staff, its story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from authz.duties import Duty, conflicts
from fixtures.invented import codebook as book
from fixtures.invented.agencies import Agency, is_invented
from fixtures.invented.cast import Ask, Expected, InformationFlag, PersonFlag
from fixtures.invented.households import ORDINANCE_BEGAN_ON
from fixtures.lists import load
from fixtures.world import World, invented_country
from sympho.codes import AgencyCode, InformationCode, TaskCode, check_digit_of_local_government

TODAY = date(2026, 11, 23)
WORLD = invented_country(60)
LIST = load()


def _permitting(world: World, ask: Ask, day: date) -> Iterator[str]:
    """The statutory items in force on that day that permit the inquiry, read from the unexpanded rows."""
    in_force = {
        revision.revision
        for revision in LIST.revisions
        if revision.in_force_from <= day and (revision.in_force_until is None or day <= revision.in_force_until)
    }
    inquirer, provider = world.agency(ask.inquirer), world.agency(ask.provider)
    for row in LIST.rows:
        is_same = (row.task, row.information) == (ask.task, ask.information) and row.revision in in_force
        if is_same and set(row.inquirers) & set(inquirer.kinds) and set(row.providers) & set(provider.kinds):
            yield row.item


# --- bodies -------------------------------------------------------------------------------------------------------


def test_every_body_has_a_code_that_cannot_be_a_real_bodys() -> None:
    for agency in WORLD.directory:
        assert is_invented(agency.code), agency.slug
        assert "架空" in agency.name_ja


def test_the_rule_of_invented_codes_refuses_codes_of_the_real_form() -> None:
    assert not is_invented(AgencyCode("0220101100201700"))
    assert not is_invented(AgencyCode("0030099000001700"))
    assert not is_invented(AgencyCode("0710470000001700"))


def test_every_local_code_has_prefecture_99_and_its_check_digit() -> None:
    local = [agency.code for agency in WORLD.directory if agency.code.kind_prefix in ("02200", "02201")]
    assert len(local) == 9
    for code in local:
        assert code.local_government.startswith("99")
        assert check_digit_of_local_government(code.local_government[:5]) == code.local_government[5]
        assert code[11:] == "01700"


def test_codes_names_and_logins_are_unique() -> None:
    assert len({agency.code for agency in WORLD.directory}) == len(WORLD.directory)
    assert len({agency.name_ja for agency in WORLD.directory}) == len(WORLD.directory)
    assert len({member.login for member in WORLD.staff}) == len(WORLD.staff)


def test_every_kind_of_a_body_is_a_kind_of_the_list_and_agrees_with_its_prefix() -> None:
    prefixes = {kind.kind: kind.prefixes for kind in LIST.kinds}
    for agency in WORLD.directory:
        for kind in agency.kinds:
            assert not prefixes[kind] or agency.code.kind_prefix in prefixes[kind], (agency.slug, kind)


def test_there_are_six_municipalities_or_more_with_a_designated_city_and_a_tiny_village() -> None:
    world = invented_country(500)
    people = {agency.slug: sum(1 for _ in world.residents_of(agency.code)) for agency in world.municipalities}
    assert len(people) >= 6
    assert any("DESIGNATED_CITY" in agency.kinds for agency in world.municipalities)
    assert 0 < people["hoshikuzu"] < people["shinkirou"] / 10


def test_office_codes_fit_and_are_unique_within_a_body() -> None:
    for agency in WORLD.directory:
        codes = [office.code for office in agency.offices]
        assert len(set(codes)) == len(codes)
        assert all(len(code) <= 20 for code in codes)


def test_what_a_body_deposits_is_what_it_says_it_provides() -> None:
    for duplicate in WORLD.duplicates():
        assert duplicate.information in WORLD.agency(duplicate.agency).provides


def test_assessments_are_published_except_where_the_story_needs_a_gap() -> None:
    gaps: set[tuple[str, TaskCode | InformationCode]] = set()
    for agency in WORLD.agencies:
        gaps |= {(agency.slug, information) for information in agency.provides}
        gaps |= {(agency.slug, task) for office in agency.offices for task in office.tasks}
        gaps -= {
            (agency.slug, assessment.file) for assessment in agency.assessments if assessment.published_on <= TODAY
        }
    assert gaps == {
        ("hoshikuzu", book.TAX),
        ("gentou", book.CHILD_ALLOWANCE_TASK),
        ("gentou", book.CHILD_ALLOWANCE_TASK_OF_2016),
    }


def test_one_assessment_was_published_between_the_storys_two_days() -> None:
    town = next(agency for agency in WORLD.agencies if agency.slug == "nijinohashi")
    assert not town.has_published(book.CARE, WORLD.cast.first_day)
    assert town.has_published(book.CARE, TODAY)


def test_a_local_ordinance_mirrors_a_statutory_task_for_a_part_of_its_information() -> None:
    for ordinance in WORLD.ordinances:
        statutory = {row.information for row in LIST.rows if row.task == ordinance.mirrors}
        assert set(ordinance.information) < statutory
        assert ordinance.notified_on <= ordinance.published_on
        assert WORLD.agency(ordinance.agency).kinds


# --- staff --------------------------------------------------------------------------------------------------------


def _duties(agency: Agency) -> list[frozenset[str]]:
    return [frozenset(member.duties) for member in WORLD.staff_of(agency.code)]


def test_duties_are_those_of_the_table_and_no_combination_is_forbidden() -> None:
    for member in WORLD.staff:
        assert conflicts(Duty(duty) for duty in member.duties) == ()


def test_every_body_has_staff_for_every_duty_and_two_who_review_and_release() -> None:
    for agency in WORLD.agencies:
        held = _duties(agency)
        assert frozenset(Duty) - {Duty.PUBLISH_LISTS, Duty.APPROVE_LISTS} == frozenset(
            Duty(duty) for duties in held for duty in duties
        )
        assert sum(1 for duties in held if {"review", "release"} <= duties) == 2


def test_the_networks_operator_operates_and_audits_and_does_not_inquire() -> None:
    held = frozenset(duty for duties in _duties(WORLD.network) for duty in duties)
    assert {"operate-system", "audit", "publish-lists", "approve-lists"} <= held
    assert not held & {"inquire", "review", "release", "manage-duplicates"}


def test_every_member_of_staff_sits_in_an_office_of_the_own_body() -> None:
    for member in WORLD.staff:
        assert member.office in {office.code for office in WORLD.agency(member.agency).offices}


# --- the story ----------------------------------------------------------------------------------------------------


def test_the_vaccination_inquiry_is_permitted_on_both_days_each_by_its_own_item() -> None:
    vaccination = WORLD.cast.vaccination
    assert WORLD.cast.first_day < ORDINANCE_BEGAN_ON <= TODAY
    assert set(_permitting(WORLD, vaccination, WORLD.cast.first_day)) == {"16-2"}
    assert set(_permitting(WORLD, vaccination, TODAY)) == {"25"}


@pytest.mark.parametrize("ask", WORLD.cast.asks, ids=lambda ask: ask.title_en)
def test_every_inquiry_is_on_the_list_unless_the_story_says_that_it_is_not(ask: Ask) -> None:
    for day in (WORLD.stands_on, TODAY):
        assert bool(list(_permitting(WORLD, ask, day))) == (ask.expected is not Expected.NOT_ON_THE_LIST)


@pytest.mark.parametrize("ask", WORLD.cast.asks, ids=lambda ask: ask.title_en)
def test_whoever_asks_in_the_story_may_do_so_for_that_task_and_knows_the_person(ask: Ask) -> None:
    member = next(member for member in WORLD.staff if member.login == ask.login)
    office = next(office for office in WORLD.agency(ask.inquirer).offices if office.code == ask.office)
    assert (member.agency, member.office) == (ask.inquirer, ask.office)
    assert "inquire" in member.duties
    assert ask.task in office.tasks
    assert ask.person.agency == ask.inquirer
    assert WORLD.number(ask.person.agency, ask.person.system, ask.person.resident) == ask.person.number


@pytest.mark.parametrize("ask", WORLD.cast.asks, ids=lambda ask: ask.title_en)
def test_assessments_of_both_sides_are_published_unless_the_story_says_that_they_are_not(ask: Ask) -> None:
    is_published = WORLD.agency(ask.inquirer).has_published(ask.task, TODAY) and WORLD.agency(
        ask.provider
    ).has_published(ask.information, TODAY)
    assert is_published == (ask.expected is not Expected.NOT_ASSESSED)


def test_the_merged_village_is_not_in_force_and_every_other_provider_is() -> None:
    for ask in WORLD.cast.asks:
        until = WORLD.agency(ask.provider).valid_until
        assert (until is not None and until < TODAY) == (ask.expected is Expected.NOT_IN_FORCE)


@pytest.mark.parametrize("seed", [0, 1, 2, 1927, 20260401])
def test_what_the_story_expects_to_be_held_is_held_whatever_the_seed(seed: int) -> None:
    world = invented_country(60, seed)
    for ask in world.cast.asks:
        resident = world.resident(ask.person.resident)
        held = [
            d for d in world.duplicates_of(resident) if (d.agency, d.information) == (ask.provider, ask.information)
        ]
        is_known = any(n.agency == ask.provider for n in world.numberings_of(resident))
        match ask.expected:
            case Expected.PROVIDED | Expected.HELD:
                assert is_known
                assert [d.published_from <= world.stands_on for d in held] == [True]
                assert held[0].published_until is None
            case Expected.NOTHING_HELD:
                assert is_known
                assert not held
            case Expected.NO_CODE_AT_PROVIDER | Expected.NOT_IN_FORCE:
                assert not is_known
            case Expected.NOT_ON_THE_LIST | Expected.NOT_ASSESSED:
                assert is_known


def test_the_vaccination_of_the_first_day_is_published_on_that_day_whatever_the_seed() -> None:
    for seed in range(20):
        world = invented_country(60, seed)
        ask = world.cast.vaccination
        resident = world.resident(ask.person.resident)
        held = next(d for d in world.duplicates_of(resident) if d.agency == ask.provider)
        assert held.information == book.VACCINATION
        assert held.published_from <= world.cast.first_day


def test_a_held_inquiry_is_held_because_of_a_flag_at_the_provider_and_no_other_inquiry_is() -> None:
    for ask in WORLD.cast.asks:
        flags = [flag for flag in WORLD.flags_of(ask.provider) if flag.person.resident == ask.person.resident]
        stopping = [
            flag
            for flag in flags
            if flag.no_automatic_answer and (isinstance(flag, PersonFlag) or flag.information == ask.information)
        ]
        assert bool(stopping) == (ask.expected is Expected.HELD)


def test_a_protected_family_is_flagged_in_its_former_and_in_its_new_municipality() -> None:
    family = WORLD.cast.protected_family
    flagged = {flag.person.number for flag in WORLD.flags if isinstance(flag, PersonFlag) and flag.non_disclosure}
    assert flagged == {person.number for person in (*family.here, *family.there)}
    assert len(family.here) >= 2
    assert any(isinstance(flag, InformationFlag) for flag in WORLD.flags)


def test_flagged_people_are_numbered_under_the_number_of_the_flag() -> None:
    for flag in WORLD.flags:
        person = flag.person
        assert WORLD.number(person.agency, person.system, person.resident) == person.number
