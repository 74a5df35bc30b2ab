"""Principals (利用主体): who a verified token stands for. Public callers have none; parties are known by certificates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from authz.duties import Duty, PrincipalKind
from authz.operations import Actor
from sympho.codes import AgencyCode, SystemCode, TaskCode

NEVER: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class StaffPrincipal:
    """職員: one member of staff in one session. ``tasks`` None: every task. Expires at latest with the session.

    While ``must_change`` holds (the password is the first one, or too old) ``duties`` is empty. While ``must_enrol``
    holds it lacks what the agency demands a second factor for. ``authenticated_at``: when the person last showed who
    this is.
    """

    agency: AgencyCode
    staff_id: str
    office: str
    duties: frozenset[Duty]
    tasks: frozenset[TaskCode] | None
    session: str
    terminal: str
    expires: datetime
    must_change: bool = False
    must_enrol: bool = False
    authenticated_at: datetime = NEVER

    @property
    def kind(self) -> PrincipalKind:
        return PrincipalKind.STAFF

    @property
    def actor(self) -> Actor:
        return Actor(self.agency, self.staff_id, self.session, self.terminal)

    def may_ask_for(self, task: TaskCode) -> bool:
        """Whether office and account allow this task (事務)."""
        return self.tasks is None or task in self.tasks


@dataclass(frozen=True, slots=True)
class SystemPrincipal:
    """業務システム: one client of one agency, with the operations it may call. ``tasks`` None: every task."""

    agency: AgencyCode
    client_id: str
    system: SystemCode
    tasks: frozenset[TaskCode] | None
    operations: frozenset[str]
    session: str
    expires: datetime

    @property
    def kind(self) -> PrincipalKind:
        return PrincipalKind.SYSTEM

    def actor(self, terminal: str) -> Actor:
        return Actor(self.agency, self.client_id, self.session, terminal)

    def may_ask_for(self, task: TaskCode) -> bool:
        """Whether the client allows this task (事務)."""
        return self.tasks is None or task in self.tasks


Principal: TypeAlias = StaffPrincipal | SystemPrincipal
