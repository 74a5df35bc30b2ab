"""Work on the data themselves (オフライン), whether a server is up or not: the judge, new passwords."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from authz import factors, staff, store
from authz.operations import Moment, at_the_machine
from authz.staff import Credential, normal_login
from gateway import embedded
from gateway.assembly import Opened, open_party
from gateway.clock import Clock
from gateway.config import Config, ConfigError, Role
from gateway.judge.verdict import Verdict, judge_configs
from gateway.running.editions import world_of
from gateway.running.starting import database
from gateway.running.wording import worded
from gateway.worlds import NoSuchWorld, World
from sympho.codes import AgencyCode, BadCode

__all__ = ["judged", "located", "reset_password"]


@asynccontextmanager
async def located(config: Config) -> AsyncIterator[Config]:
    """The settings with the URL of the data's database: of the server that is up, or of one started for this alone."""
    if config.database_url is None and not config.data.is_dir():
        raise ConfigError(f"--data: {config.data} はありません / is not there")
    found = config.database_url or embedded.address(config.data)
    if found is not None:
        yield replace(config, database_url=found)
        return
    with worded():
        async with database(config) as placed:
            yield placed


@asynccontextmanager
async def _opened(config: Config, role: Role) -> AsyncIterator[Opened]:
    """One party's database and keys."""
    async with located(config) as placed:
        with worded():
            opened = await open_party(placed, role)
        try:
            yield opened
        finally:
            await opened.db.close()


def _world(config: Config) -> World:
    """The world that the data were filled with."""
    try:
        return world_of(config)
    except NoSuchWorld as none:
        raise ConfigError(str(none)) from None


# --- the judge ---------------------------------------------------------------------------------------------------


async def judged(config: Config, servers: Sequence[Config], *, canaries: bool) -> Verdict:
    """What the judge finds in the network's data and those of intermediary servers apart, if any."""
    async with AsyncExitStack() as held:
        network = await held.enter_async_context(located(config))
        others = [await held.enter_async_context(located(one)) for one in servers] or [network]
        known = _world(config).canaries() if canaries else ()
        try:
            with worded():
                return await judge_configs(network, others, known)
        except LookupError:
            raise ConfigError(
                f"--data: {config.data} にネットワークのデータがありません / holds no network's data; "
                "the network's folder goes to --data, intermediary servers' to --server"
            ) from None


# --- passwords ---------------------------------------------------------------------------------------------------


async def reset_password(config: Config, login: str, agency: str, *, second_factor: bool = False) -> Credential:
    """On the databases of the data folder, whether a server is up or not; sessions of the account end.

    ``second_factor``: a lost one is removed, too.
    """
    try:
        code = AgencyCode(agency)
    except BadCode:
        raise ConfigError(f"--agency: {agency!r} is no agency code") from None
    role = Role.NETWORK if code == _world(config).network else Role.INTERMEDIARY
    clock = Clock()
    async with _opened(config, role) as opened, opened.db.transaction() as conn:
        account = await store.account_by_login(conn, code, normal_login(login))
        if account is None:
            raise ConfigError(f"{login}: その団体にその利用者はいません / no such account in {code}")
        now = Moment(clock.now(), clock.machine())
        made, _ = await staff.reset_password(conn, at_the_machine(code), account.staff_id, now)
        if second_factor:
            await factors.remove(conn, at_the_machine(code), account.staff_id, now)
    return made
