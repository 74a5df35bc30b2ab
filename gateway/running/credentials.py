"""The file of the first passwords (初期パスワード), of mode 0600: as whoever reads it sees it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

__all__ = ["FILE", "NOTE", "CredentialFile", "StaffCredential", "read"]

FILE = "credentials.json"
NOTE = (
    "架空の職員の初期パスワードです。変更・初期化したものは反映されません（sympho staff reset）。 / "
    "First passwords of invented staff. Passwords changed or reset later are not in here (sympho staff reset)."
)


class StaffCredential(Struct, frozen=True):
    """One account with its first password; it does not print itself."""

    agency: str
    agency_name: str
    login: str
    password: str
    name: str
    office: str
    duties: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<StaffCredential {self.login}>"


class CredentialFile(Struct, frozen=True):
    """The whole file."""

    note: str
    accounts: tuple[StaffCredential, ...]

    def find(self, login: str, agency: str = "") -> StaffCredential | None:
        """The account of that name; where two agencies have one of the same name, of that agency."""
        return next((a for a in self.accounts if a.login == login and agency in ("", a.agency)), None)

    def holding(self, duty: str, agency: str = "") -> StaffCredential | None:
        """The first account with that duty, of that agency where one is named."""
        return next((a for a in self.accounts if duty in a.duties and agency in ("", a.agency)), None)


def read(data: Path) -> CredentialFile | None:
    """The file of a data folder; None where there is none (any more)."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=CredentialFile)
    except FileNotFoundError:
        return None
