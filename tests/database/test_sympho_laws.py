"""The laws of code management over invented countries: what must hold whoever asks for whom, and in which order."""

from __future__ import annotations

from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.database import Database
from sympho import issuer, registry
from sympho.codes import AgencyCode, LinkageCode, UnifiedNumber
from sympho.linkage import RetirementReason
from tests.database.sympho_room import (
    CITY,
    FUND,
    ISSUER,
    KEYS,
    NOW,
    TOWN,
    acquire,
    codes_of,
    number,
)

pytest_plugins = ("tests.database.sympho_parties",)

AGENCIES = (CITY, TOWN, FUND)
PEOPLE = range(6)
_firsts = count(0, len(PEOPLE))
"""Other people in every example, for histories can only be added to."""

steps = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "acquire", "reissue"]),
        st.sampled_from(AGENCIES),
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=6, unique=True),
    ),
    max_size=10,
)


async def reissue(
    network: Database, agencies: Database, agency: AgencyCode, unified: list[UnifiedNumber]
) -> list[LinkageCode]:
    """Re-issues the codes that are held; the codes that are dead from now on."""
    dead = [code for code in await codes_of(agencies, agency, unified) if code is not None]
    async with network.transaction() as conn:
        await issuer.reissue(conn, ISSUER, agency, dead, RetirementReason.LEAKED, NOW)
    async with agencies.transaction() as conn:
        await registry.retire(conn, agency, unified, RetirementReason.LEAKED, NOW)
    return dead


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps)
async def test_the_network_translates_to_exactly_the_person_whom_the_provider_knows(
    network: Database, agencies: Database, story: list[tuple[str, AgencyCode, list[int]]]
) -> None:
    first = next(_firsts)
    unified = {agency: await number(agencies, agency, [first + n for n in PEOPLE]) for agency in AGENCIES}
    holders: set[tuple[AgencyCode, int]] = set()
    dead: list[tuple[AgencyCode, LinkageCode]] = []
    for act, agency, people in story:
        if act == "acquire":
            missing = [n for n in people if (agency, n) not in holders]
            asked = [unified[agency][n] for n in missing]
            await acquire(network, agencies, agency, [first + n for n in missing], asked)
            holders |= {(agency, n) for n in people}
            continue
        dead += [
            (agency, code) for code in await reissue(network, agencies, agency, [unified[agency][n] for n in people])
        ]
        holders -= {(agency, n) for n in people}
    codes = {
        (agency, n): code
        for agency in AGENCIES
        for n, code in enumerate(await codes_of(agencies, agency, unified[agency]))
        if code is not None
    }
    assert set(codes) == holders
    assert len(set(codes.values())) == len(codes)
    assert set(codes.values()).isdisjoint(code for _, code in dead)
    wanted = [(inquirer, n, provider) for inquirer, n in codes for provider in AGENCIES]
    async with network.transaction() as conn:
        found = await issuer.translate(conn, ISSUER, [(i, codes[i, n], p) for i, n, p in wanted])
        gone = await issuer.translate(conn, ISSUER, [(agency, code, agency) for agency, code in dead])
    assert not any(translation.known for translation in gone)
    for (_, n, provider), translation in zip(wanted, found, strict=True):
        assert translation.known
        if (provider, n) in holders:
            async with agencies.transaction() as conn:
                assert translation.provider_code is not None
                back = await registry.reverse(conn, KEYS, [(provider, translation.provider_code)])
            assert back == [unified[provider][n]]
            assert translation.delivered
        else:
            assert not translation.delivered
