"""An outside issuer over HTTP: it says who somebody is, and everything else stays ours."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from authz.assertions import Issuer
from gateway.config import ConfigError, load
from gateway.interfaces.outside import AT_MOST_EVERY, OutsideDoor
from gateway.problems import Problem
from sympho.codes import AgencyCode
from tests.countries import NOON
from tests.server.api import Answered, Api
from tests.server.issuing import AUDIENCE, ISSUER, OutsideIssuer
from tests.server.test_api_factors import enrolled
from tests.server.test_api_staff import agency_of, keeper_of, logged, newcomer, working


async def came(api: Api, token: str, agency: AgencyCode | None = None, code: str = "") -> Answered:
    body = {"agency": agency or agency_of(api), "id_token": token, "terminal": "desk-7", "code": code}
    return await api.call("log-in-from-outside", body=body)


async def linked(api: Api, staff_id: str, subject: str, **more: object) -> None:
    body = {"outside_subject": subject, **more}
    answer = await api.call("set-staff-conditions", by=keeper_of(api), path={"staff_id": staff_id}, body=body)
    assert answer.status == 204, answer.raw


async def test_nobody_comes_in_whom_no_account_names(api: Api) -> None:
    made = await newcomer(api)
    token = api.issuer.token(made["login"], api.house.clock.machine())
    assert (await came(api, token)).slug == "credentials-refused"


async def test_a_person_whom_an_account_names_comes_in_once_a_token_with_the_duties_that_we_gave(api: Api) -> None:
    made, _ = await working(api)
    await linked(api, made["id"], "hanako")
    token = api.issuer.token("hanako", api.house.clock.machine(), duties=["audit"], scope="admin")
    opened = await came(api, token)
    assert (opened.body["staff"]["id"], opened.body["staff"]["duties"]) == (made["id"], [])
    assert (await came(api, token)).slug == "credentials-refused"
    reasons = [one["reason"] for one in await logged(api, person=made["id"], name="login", outcome="refused")]
    assert reasons == ["assertion-replayed"]
    again = api.issuer.token("hanako", api.house.clock.machine(), key="rsa-1")
    assert (await came(api, again)).status == 200


async def test_the_name_opens_nothing_at_another_agency_and_belongs_to_one_account(api: Api) -> None:
    made, _ = await working(api)
    await linked(api, made["id"], "tarou")
    abroad = api.parties.world.cast.tax.inquirer
    token = api.issuer.token("tarou", api.house.clock.machine())
    assert (await came(api, token, abroad)).slug == "credentials-refused"
    other, _ = await working(api)
    body, at = {"outside_subject": "tarou"}, {"staff_id": other["id"]}
    assert (await api.call("set-staff-conditions", by=keeper_of(api), path=at, body=body)).slug == "conflict"


async def test_the_outside_opens_no_closed_or_expired_account_and_no_second_factor(api: Api) -> None:
    made, token = await working(api)
    _, codes = await enrolled(api, token)
    await linked(api, made["id"], "jirou")

    async def comes(code: str = "") -> Answered:
        return await came(api, api.issuer.token("jirou", api.house.clock.machine(), jti=f"j{code}"), code=code)

    assert (await comes()).slug == "second-factor-required"
    assert (await comes(code=codes[0])).status == 200
    past = api.house.clock.machine().isoformat()
    await linked(api, made["id"], "jirou", valid_until=past)
    assert (await comes(code=codes[1])).slug == "credentials-refused"


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://evil.example"}, {"aud": "another"}, {"exp": 1}, {"iat": 1}, {"sub": ""}],
)
async def test_a_token_that_is_not_for_us_is_refused_without_a_reason(api: Api, claims: dict[str, Any]) -> None:
    made, _ = await working(api)
    subject = f"person-{made['id']}"
    await linked(api, made["id"], subject)
    about = claims.pop("sub", subject)
    token = api.issuer.token(about, api.house.clock.machine(), **claims)
    assert (await came(api, token)).slug == "credentials-refused"
    strangers = OutsideIssuer().token(subject, api.house.clock.machine())
    assert (await came(api, strangers)).slug == "credentials-refused"


async def test_our_own_token_is_no_id_token_and_an_id_token_is_no_token_of_ours(api: Api) -> None:
    made, token = await working(api)
    await linked(api, made["id"], made["id"])
    assert (await came(api, token)).slug == "credentials-refused"
    theirs = api.issuer.token(made["id"], api.house.clock.machine())
    assert (await api.call("show-me", token=theirs)).slug == "token-invalid"


async def test_keys_are_fetched_when_they_change_and_not_for_every_name_that_is_made_up(api: Api) -> None:
    served: list[bytes] = []
    issuer = OutsideIssuer()

    async def keys(request: web.Request) -> web.Response:
        served.append(issuer.jwks())
        return web.Response(body=served[-1], content_type="application/json")

    app = web.Application()
    app.router.add_get("/jwks", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        door = OutsideDoor(Issuer(ISSUER, AUDIENCE), f"http://127.0.0.1:{runner.addresses[0][1]}/jwks")
        now = api.house.clock.machine()
        assert (await door.who(issuer.token("a", now), now)).subject == "a"
        former, issuer.elliptic = issuer.elliptic, OutsideIssuer().elliptic
        for _ in range(3):
            with pytest.raises(Problem):
                await door.who(issuer.token("a", now), now)
        assert len(served) == 1
        later = now + 61 * AT_MOST_EVERY
        assert (await door.who(issuer.token("a", later), later)).subject == "a"
        issuer.elliptic = former
        with pytest.raises(Problem):
            await door.who(issuer.token("a", later), later)
        assert len(served) == 2
    finally:
        await runner.cleanup()


async def test_keys_that_the_issuer_took_back_are_believed_no_longer_and_those_that_cannot_be_read_for_a_day(
    tmp_path: Path,
) -> None:
    issuer, file, day = OutsideIssuer(), tmp_path / "jwks.json", timedelta(days=1)
    door = OutsideDoor(Issuer(ISSUER, AUDIENCE), str(file))

    async def subject(at: datetime) -> str:
        try:
            return (await door.who(issuer.token("a", at), at)).subject
        except Problem as problem:
            return problem.slug

    file.write_bytes(issuer.jwks())
    assert await subject(NOON) == "a"
    file.unlink()
    assert await subject(NOON + day) == "a"
    assert await subject(NOON + 1.1 * day) == "credentials-refused"
    file.write_bytes(issuer.jwks())
    assert await subject(NOON + 2 * day) == "a"
    file.write_bytes(b'{"keys": []}')
    assert await subject(NOON + 2 * day + 61 * AT_MOST_EVERY) == "credentials-refused"


async def test_an_issuer_that_cannot_be_reached_lets_nobody_in_and_is_no_error_of_ours(
    api: Api, tmp_path: Path
) -> None:
    now = api.house.clock.machine()
    for jwks in (str(tmp_path / "none.json"), "http://127.0.0.1:1/jwks"):
        with pytest.raises(Problem) as refused:
            await OutsideDoor(Issuer(ISSUER, AUDIENCE), jwks).who(api.issuer.token("a", now), now)
        assert refused.value.slug == "credentials-refused"


def test_half_an_outside_issuer_is_a_wrong_setting() -> None:
    whole = {"SYMPHO_OIDC_ISSUER": ISSUER, "SYMPHO_OIDC_AUDIENCE": AUDIENCE, "SYMPHO_OIDC_JWKS": "/keys.json"}
    assert load(environ=whole).oidc_issuer == ISSUER
    for missing in whole:
        with pytest.raises(ConfigError):
            load(environ={name: text for name, text in whole.items() if name != missing})
    with pytest.raises(ConfigError):
        load(environ=whole | {"SYMPHO_OIDC_JWKS": "http://login.example.jp/jwks"})
