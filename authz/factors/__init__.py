"""二要素認証: one-time passwords (TOTP, RFC 6238) and recovery codes, beside the password (product 4.9).

The secret is sealed at rest and shown once, when it is enrolled; it counts only after a code of it was shown. A code is
good for its step of 30 seconds and the one before and after, and every step once: whoever overheard a code cannot use
it again. Ten recovery codes stand in for a lost device; each works once and is kept as a digest.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest

import pyotp

from authz.boxes import Box
from authz.factors import store
from authz.operations import Actor, Moment
from authz.operations.store import record
from authz.staff import StaffFault, StaffRefused, another, done, locked_account
from authz.store import Connection
from authz.store.sessions import revoke_sessions_of
from sympho.codes import AgencyCode

STEP_SECONDS = 30
WINDOW = 1
"""Steps before and after the present one whose code is taken: clocks of telephones differ."""
SECRET_BYTES = 20
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
ISSUER = "sympho"

SECOND_FACTOR = "second-factor"


@dataclass(frozen=True, slots=True, repr=False)
class Enrolment:
    """What a person puts into an authenticator, once: the secret as text and as the URI of a QR code."""

    secret: str
    uri: str

    def __repr__(self) -> str:
        return "<Enrolment>"


async def enrolled(conn: Connection, agency: AgencyCode, staff_id: str) -> bool:
    """Whether the account has a second factor that was confirmed."""
    factor = await store.factor(conn, agency, staff_id)
    return factor is not None and factor.confirmed_at is not None


async def enrol(conn: Connection, box: Box, by: Actor, now: Moment) -> Enrolment:
    """A new secret for oneself, to be confirmed by a code of it. A confirmed one must be removed by others first."""
    account = await locked_account(conn, by.agency, by.person)
    if await enrolled(conn, by.agency, by.person):
        raise StaffRefused(StaffFault.FACTOR_STANDS)
    secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    sealed = box.seal(_name(by.agency, by.person), secret.encode())
    await store.put_factor(conn, by.agency, by.person, sealed)
    await record(conn, [done("factor.enrol", by, now, by.person)])
    uri = pyotp.TOTP(secret).provisioning_uri(name=f"{account.login}@{by.agency}", issuer_name=ISSUER)
    return Enrolment(secret, uri)


async def confirm(conn: Connection, box: Box, by: Actor, code: str, now: Moment) -> tuple[str, ...]:
    """The enrolled secret counts from now on; the recovery codes, to be handed over once."""
    await locked_account(conn, by.agency, by.person)
    factor = await store.factor(conn, by.agency, by.person)
    if factor is None or factor.confirmed_at is not None:
        raise StaffRefused(StaffFault.FACTOR_STANDS)
    step = matching_step(_secret(box, by.agency, by.person, factor.sealed), code, factor.last_step, now.machine)
    if step is None:
        raise StaffRefused(StaffFault.CODE_WRONG)
    codes = tuple(recovery_code() for _ in range(RECOVERY_CODES))
    await store.confirm_factor(conn, by.agency, by.person, step, now.machine)
    await store.put_recovery_codes(conn, by.agency, by.person, [digest(one) for one in codes])
    await record(conn, [done("factor.confirm", by, now, by.person)])
    return codes


async def shown(
    conn: Connection, box: Box, agency: AgencyCode, staff_id: str, code: str, machine_now: datetime
) -> bool:
    """Whether the code is good for this locked account, and used now: a one-time password or a recovery code."""
    factor = await store.factor(conn, agency, staff_id)
    if factor is None:
        return False
    if len(code) > 6:
        return await store.use_recovery_code(conn, agency, staff_id, digest(code))
    step = matching_step(_secret(box, agency, staff_id, factor.sealed), code, factor.last_step, machine_now)
    if step is None:
        return False
    await store.use_step(conn, agency, staff_id, step)
    return True


async def remove(conn: Connection, by: Actor, staff_id: str, now: Moment) -> tuple[str, ...]:
    """Somebody else's lost second factor; ends the person's sessions, the ids that are revoked now."""
    await another(conn, by, staff_id)
    await store.remove_factor(conn, by.agency, staff_id)
    await record(conn, [done("factor.remove", by, now, staff_id)])
    return await revoke_sessions_of(conn, by.agency, staff_id, "revoked", now.machine)


# --- parts --------------------------------------------------------------------------------------------------------


def matching_step(secret: str, code: str, last_step: int, machine_now: datetime) -> int | None:
    """The step whose code this is: near now, and after the last one that was used."""
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        return None
    totp, at = pyotp.TOTP(secret), int(machine_now.timestamp()) // STEP_SECONDS
    steps = (step for step in range(at - WINDOW, at + WINDOW + 1) if step > last_step)
    return next((step for step in steps if compare_digest(totp.at(step * STEP_SECONDS), code)), None)


def recovery_code() -> str:
    """16 letters and digits in groups of four, 80 bits."""
    text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[n : n + 4] for n in range(0, len(text), 4))


def digest(code: str) -> bytes:
    """What is kept of a recovery code, however it was typed."""
    letters = "".join(one for one in code[:64].lower() if one.isalnum())
    return sha256(letters.encode("utf-8", "replace")).digest()


def _secret(box: Box, agency: AgencyCode, staff_id: str, sealed: bytes) -> str:
    return box.open(_name(agency, staff_id), sealed).decode()


def _name(agency: AgencyCode, staff_id: str) -> str:
    return f"{SECOND_FACTOR}/{agency}/{staff_id}"
