"""The one place where what ``authz`` refuses about accounts becomes a problem."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from authz.sessions import LoginRefused
from authz.staff import StaffFault, StaffRefused
from gateway.problems import FieldError, Problem

__all__ = ["login_problem", "told"]


@contextmanager
def told() -> Iterator[None]:
    """Around a transaction about accounts: a ``StaffRefused`` that undoes it leaves as a problem."""
    try:
        yield
    except StaffRefused as refused:
        problem = _problem(refused)
    else:
        return
    raise problem


def login_problem(refused: LoginRefused) -> Problem:
    """All that somebody at the door learns."""
    return Problem(refused.fault.slug, retry_after=refused.retry_after or None)


def _problem(refused: StaffRefused) -> Problem:
    match refused.fault:
        case StaffFault.FIELD_MALFORMED:
            return Problem("invalid-field", errors=(FieldError(f"$.{refused.detail}", "breaks a rule of its kind"),))
        case StaffFault.LOCKED:
            return Problem(refused.fault.slug, retry_after=refused.retry_after)
        case StaffFault.RULE_BROKEN | StaffFault.DUTIES_CONFLICT:
            return Problem(refused.fault.slug, refused.detail)
        case StaffFault.OWN_ACCOUNT:
            return Problem(refused.fault.slug, "nobody changes the own account")
        case StaffFault.FACTOR_STANDS:
            return Problem(refused.fault.slug, "a second factor is confirmed already, or none was enrolled")
        case _:
            return Problem(refused.fault.slug)
