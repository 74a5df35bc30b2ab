"""Where a message goes between processes: the path of each, and the name by which a party's certificate must know it.

The names are no addresses: a client dials an address and asks TLS for a name, so that it talks to the role or the
agency that it means, on whatever machine that stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.exchange.messages import VERSION
from sympho.codes import AgencyCode

_DOMAIN = "sympho.internal"
_AGENCY = "agency-"


def role_host(role: str) -> str:
    """The name of whoever has this role."""
    return f"{role}.{_DOMAIN}"


def agency_host(agency: AgencyCode) -> str:
    """The name of whoever speaks for this agency."""
    return f"{_AGENCY}{agency}.{_DOMAIN}"


def agency_at(host: str | None) -> str:
    """The agency's code in such a name, unchecked; empty where it is none."""
    text = (host or "").removesuffix(f".{_DOMAIN}")
    return text.removeprefix(_AGENCY) if text.startswith(_AGENCY) else ""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another party: where it listens, and the name that its certificate must have."""

    url: str
    host: str


class PartyPath(StrEnum):
    """Where each message goes; the number is the messages' version."""

    PERMIT = f"/party/{VERSION}/permits"
    INQUIRE = f"/party/{VERSION}/inquiries"
    WITHDRAW = f"/party/{VERSION}/withdrawals"
    ANSWER = f"/party/{VERSION}/answers"
    PULSE = f"/party/{VERSION}/pulse"
    DIRECTORY = f"/party/{VERSION}/directory"
    LIST_MANIFEST = f"/party/{VERSION}/list-manifest"
    LIST_PART = f"/party/{VERSION}/list-part"
    ENROL = f"/party/{VERSION}/enrolments"
    JOIN = f"/party/{VERSION}/join"
    RENEW = f"/party/{VERSION}/certificates"
    ISSUE = f"/party/{VERSION}/codes"
    CHANGE_RESIDENT_CODE = f"/party/{VERSION}/resident-codes"
    NOTICE = f"/party/{VERSION}/agencies/{{agency}}/notices"
    AGENCY_WITHDRAW = f"/party/{VERSION}/agencies/{{agency}}/withdrawals"
    AGENCY_ANSWER = f"/party/{VERSION}/agencies/{{agency}}/answers"
    BIND_CODES = f"/party/{VERSION}/agencies/{{agency}}/codes"
    REQUEST_CODES = f"/party/{VERSION}/code-requests"

    def of(self, agency: AgencyCode) -> str:
        """The path for one agency: its code is public."""
        return self.value.replace("{agency}", agency)
