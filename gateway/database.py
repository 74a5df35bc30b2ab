"""The databases of the parties (データベース): laid on first use, then spoken to through a pool as the runtime role.

    DatabaseTrouble                 the start cannot go on; the message says what to do
    ├── DatabaseUnreachable
    ├── DatabaseTooOld              older than PostgreSQL 15
    ├── DatabaseForbids             the given user may not create roles or schemas
    └── DatabaseOfAnotherVersion    laid by other schema files than these
    StatementFailed                 a bug: a statement that PostgreSQL refused; carries no value

asyncpg's errors quote rows and arguments. They are converted here, at the boundary of every transaction, and nothing of
their text goes on, unless it is about the statement itself.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from gateway.config import Config, Role
from gateway.keys.root import RootKey
from gateway.layout import LAID, Layout, layout_of
from gateway.log import log
from gateway.problems import Busy, Conflict, Problem

__all__ = [
    "Connection",
    "Database",
    "DatabaseForbids",
    "DatabaseOfAnotherVersion",
    "DatabaseTooOld",
    "DatabaseTrouble",
    "DatabaseUnreachable",
    "StatementFailed",
    "as_administrator",
    "create_database",
    "database_name",
    "drop_database",
    "lay",
    "layout_for",
    "open_database",
    "refuse_old",
    "url_of",
]

Connection: TypeAlias = asyncpg.Connection
"""A connection as store functions take it."""

OLDEST = 15
COMMAND_TIMEOUT = 30.0
ACQUIRE_TIMEOUT = 10.0
_AWAY_FROM_KEYS = ("bitmapscan", "hashjoin", "material", "memoize", "mergejoin", "seqscan")
BY_KEY = {f"enable_{way}": "off" for way in _AWAY_FROM_KEYS} | {"plan_cache_mode": "force_generic_plan"}
"""Every statement of a flow finds its rows by key, a few at a time, in tables that grow without end. So the plan is
always the same: loops over indexes. Left to itself the planner would plan again and again, and read a whole table that
nobody has analysed yet."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ABOUT_THE_STATEMENT = "42"
_TRY_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)
_GONE = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InternalClientError,
)
_FULL = (asyncpg.DiskFullError, asyncpg.ConfigurationLimitExceededError)  # their text names a file or a limit
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError, TimeoutError)


class DatabaseTrouble(Exception):
    """The database cannot be used as it is. The message is for whoever starts the program."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.log_text = message


class DatabaseUnreachable(DatabaseTrouble):
    """Nobody answers there, or the login is refused."""


class DatabaseTooOld(DatabaseTrouble):
    """The server is older than PostgreSQL 15."""


class DatabaseForbids(DatabaseTrouble):
    """The user of the URL lacks a right that laying the schemas takes."""


class DatabaseOfAnotherVersion(DatabaseTrouble):
    """The schemas were laid by another version of the program."""


class StatementFailed(Exception):
    """PostgreSQL refused a statement for a reason that is our bug. Says the kind of error, never a value."""

    def __init__(self, error: Exception) -> None:
        state = getattr(error, "sqlstate", None) or "client"
        about = f": {error.args[0]}" if state.startswith(_ABOUT_THE_STATEMENT) and error.args else ""
        super().__init__(f"{type(error).__name__} ({state}){about}")
        self.log_text = str(self)


def _converted(error: Exception) -> Exception:
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return Conflict(getattr(error, "constraint_name", None) or getattr(error, "column_name", None) or "")
    if isinstance(error, (*_TRY_AGAIN, asyncpg.OutOfMemoryError, TimeoutError)):
        return Busy(1)
    if isinstance(error, _FULL):
        log.error("disk-full", database=error.args[0])
        return Problem("disk-full", retry_after=30)
    if isinstance(error, _GONE) or (isinstance(error, asyncpg.InterfaceError) and "closed" in str(error)):
        return Problem("database-unavailable", retry_after=1)
    return StatementFailed(error)


class Database:
    """One party's database: a pool of connections as the runtime role, whose search path is the party's schemas."""

    def __init__(self, role: Role, pool: asyncpg.Pool) -> None:
        self.role = role
        self._pool = pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection without a transaction: every statement stands alone."""
        try:
            conn = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT)
        except TimeoutError:
            raise Busy(1) from None
        except (OSError, *_FAULTS):
            raise Problem("database-unavailable", retry_after=1) from None
        try:
            yield conn
        except _FAULTS as error:
            if isinstance(error, asyncpg.InternalClientError):  # cut half-way in a call: no good to the next one
                conn.terminate()
            raise _converted(error) from None
        finally:
            await self._pool.release(conn)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction, committed at the end. A broken constraint becomes ``Conflict`` with its name."""
        async with self.connection() as conn, conn.transaction():
            yield conn

    async def ping(self) -> None:
        """Returns when the database answers a statement; raises a ``Problem`` when it does not."""
        async with self.connection() as conn:
            await conn.fetchval("SELECT 1")

    async def close(self) -> None:
        """Closes the pool; connections in use get a moment to end."""
        try:
            async with asyncio.timeout(ACQUIRE_TIMEOUT):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


# --- opening ------------------------------------------------------------------------------------------------------


async def open_database(config: Config, role: Role) -> Database:
    """The database of one party, laid if it is new."""
    url, layout = url_of(config), layout_for(config, role)
    root = RootKey.open(config.root_key_file)
    await lay(url, layout)
    try:
        pool = await _pool(url, layout, root, config.pool_size)
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        await _let_in(url, layout, root)
        pool = await _pool(url, layout, root, config.pool_size)
    return Database(role, pool)


def url_of(config: Config) -> str:
    """Where the databases are, with the user who lays them; whoever starts the embedded server puts its URL there."""
    if config.database_url is None:
        raise DatabaseUnreachable("no database: start the embedded PostgreSQL or set SYMPHO_DATABASE_URL")
    return config.database_url.reveal()


def layout_for(config: Config, role: Role) -> Layout:
    """The layout of one party where the settings place it."""
    return layout_of(role, config.database_prefix or database_name(url_of(config)))


def database_name(url: str) -> str:
    """The database that a URL names."""
    return urlsplit(url).path.strip("/")


READ_DIGEST = """
SELECT digest FROM laid_schema
"""
SET_DIGEST = """
INSERT INTO laid_schema (digest) VALUES ($1)
"""


async def lay(url: str, layout: Layout) -> None:
    """Creates the party's roles, schemas and tables when they are absent; refuses those of another version."""
    conn = await _admin(url)
    try:
        refuse_old(conn.get_server_version().major)
        async with conn.transaction():
            await conn.execute("SELECT pg_advisory_xact_lock($1)", _lock_number(layout))
            if await _stands(conn, layout):
                return
            await _create_roles(conn, layout)
            await conn.execute("\n".join(f"CREATE SCHEMA {s} AUTHORIZATION {layout.owner};" for s in layout.schemas))
            await conn.execute(f"SET LOCAL ROLE {layout.owner}")
            await conn.execute(layout.script())
            await conn.execute(f"SET LOCAL search_path = {layout.search_path}")
            await conn.execute(SET_DIGEST, layout.digest)
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseForbids(
            f"the database user may not do this: {error.args[0]}. It needs CREATEROLE and CREATE on the database, "
            f"or an administrator creates the roles {layout.owner} (NOLOGIN) and {layout.runner} (LOGIN) "
            f"and grants {layout.owner} to it"
        ) from None
    except asyncpg.DuplicateSchemaError as error:
        raise DatabaseOfAnotherVersion(f"{error.args[0]}, and it is not ours; use a database of its own") from None
    finally:
        await conn.close()


def refuse_old(major: int) -> None:
    """``DatabaseTooOld`` unless a server of this version will do."""
    if major < OLDEST:
        raise DatabaseTooOld(f"PostgreSQL {OLDEST} or newer is needed, this is {major}")


async def _stands(conn: Connection, layout: Layout) -> bool:
    if await conn.fetchval("SELECT to_regclass($1) IS NULL", f"{layout.first}.{LAID}"):
        return False
    await conn.execute(f"SET LOCAL search_path = {layout.search_path}")
    laid = await conn.fetchval(READ_DIGEST)
    if laid != layout.digest:
        raise DatabaseOfAnotherVersion(
            f"the schemas of the role {layout.role} were laid by another version of this program "
            f"({str(laid)[:8]}, this one lays {layout.digest[:8]}); use that version, or an empty database"
        )
    return True


async def _create_roles(conn: Connection, layout: Layout) -> None:
    for name, login in ((layout.owner, "NOLOGIN"), (layout.runner, "LOGIN")):
        if await conn.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name) is None:
            await conn.execute(_CREATE_ROLE.format(name=name, login=login))
    if not await conn.fetchval("SELECT pg_has_role($1, 'SET')" if _knows_set(conn) else _MEMBER, layout.owner):
        await conn.execute(f"GRANT {layout.owner} TO CURRENT_USER")


_CREATE_ROLE = """
DO $$
BEGIN
    CREATE ROLE {name} {login} NOINHERIT;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$
"""
_MEMBER = "SELECT pg_has_role($1, 'MEMBER')"


def _knows_set(conn: Connection) -> bool:
    return bool(conn.get_server_version().major >= 16)


async def _let_in(url: str, layout: Layout, root: RootKey) -> None:
    """Gives the runtime role the password that the root key implies: the first start, or the root key has changed."""
    conn = await _admin(url)
    try:
        await conn.execute(f"ALTER ROLE {layout.runner} PASSWORD '{root.verifier(layout.runner)}'")
    except asyncpg.InsufficientPrivilegeError:
        raise DatabaseForbids(f"the database user may not set the password of {layout.runner}") from None
    finally:
        await conn.close()


def _lock_number(layout: Layout) -> int:
    return zlib.crc32(f"sympho {layout.first}".encode())


async def _admin(url: str) -> Connection:
    try:
        return await asyncpg.connect(url, timeout=ACQUIRE_TIMEOUT, command_timeout=120)
    except asyncpg.InvalidCatalogNameError:
        raise DatabaseUnreachable(f"there is no database {database_name(url)!r}; create it first") from None
    except (OSError, TimeoutError, *_FAULTS) as error:
        raise DatabaseUnreachable(f"the database does not let us in ({type(error).__name__})") from None


@asynccontextmanager
async def as_administrator(url: str) -> AsyncIterator[Connection]:
    """A connection as the user of the URL, for work on a whole installation: its backup."""
    conn = await _admin(url)
    try:
        yield conn
    except _FAULTS as error:
        raise _converted(error) from None
    finally:
        await conn.close()


async def _pool(url: str, layout: Layout, root: RootKey, size: int) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        url,
        user=layout.runner,
        password=root.password(layout.runner),
        min_size=min(2, size),
        max_size=size,
        command_timeout=COMMAND_TIMEOUT,
        init=_prepare,
        reset=_keep_as_it_is,
        server_settings={
            "search_path": layout.search_path,
            "timezone": "UTC",
            "application_name": f"sympho {layout.role}",
            "jit": "off",
            **BY_KEY,
            "lock_timeout": "10s",
            "idle_in_transaction_session_timeout": "60s",
        },
    )


async def _keep_as_it_is(conn: Connection) -> None:
    """Nothing to reset: no flow changes a session's settings, and a round trip for each release would cost as much as
    the statement that was run."""


async def _prepare(conn: Connection) -> None:
    await conn.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=_from_moment, decoder=_to_moment, format="tuple"
    )


@lru_cache(maxsize=256)
def _from_moment(moment: datetime) -> tuple[int]:
    """asyncpg would read a naive datetime as local time without a word; here it is refused. All rows of a batch have
    the same moment: it is reckoned once."""
    if moment.utcoffset() is None:
        raise ValueError("a moment without a time zone")
    return ((moment - _EPOCH) // _MICROSECOND,)


def _to_moment(stored: tuple[int]) -> datetime:
    return _EPOCH + timedelta(microseconds=stored[0])


# --- whole databases ----------------------------------------------------------------------------------------------


def sibling(url: str, name: str) -> str:
    """The same server's database of another name."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def create_database(url: str, name: str, template: str = "template1") -> str:
    """Makes a database on the server of ``url`` if it is not there yet; answers its URL."""
    conn = await _admin(url)
    try:
        await conn.execute(f'CREATE DATABASE "{_plain(name)}" TEMPLATE "{_plain(template)}"')
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return sibling(url, name)
    except asyncpg.InsufficientPrivilegeError:
        raise DatabaseForbids("the database user may not create databases") from None
    finally:
        await conn.close()
    return sibling(url, name)


async def drop_database(url: str, name: str) -> None:
    """Removes a database with everything in it, even while somebody is connected."""
    conn = await _admin(url)
    try:
        await conn.execute(f'DROP DATABASE IF EXISTS "{_plain(name)}" WITH (FORCE)')
    finally:
        await conn.close()


def _plain(name: str) -> str:
    if not name.replace("_", "a").isalnum():
        raise ValueError("a database's name is letters, digits and _")
    return name
