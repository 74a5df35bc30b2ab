"""The first passwords of the staff (初期パスワード): in one file of mode 0600, written before any account exists.

The database keeps hashes only, so the file comes first: passwords are chosen and durable in the file, then the accounts
are made with them. A start that was killed in between finds the file and goes on with the same passwords. The file is
written once; a password that is changed or reset afterwards is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from authz import passwords
from authz.staff import NewAccount, normal_login
from gateway.running.credentials import FILE, NOTE, CredentialFile, StaffCredential, read
from gateway.running.folder import write_whole
from gateway.worlds import WorldAccount
from sympho.codes import AgencyCode, encode_hook

__all__ = ["chosen"]


def chosen(data: Path, accounts: Sequence[WorldAccount]) -> list[tuple[AgencyCode, NewAccount]]:
    """The accounts with their first passwords, which are durable in the file when this returns."""
    before = read(data)
    known = {(one.agency, one.login): one.password for one in before.accounts} if before is not None else {}
    made = [_with_password(one, known) for one in accounts]
    listed = {(one.agency, one.login): one for one in before.accounts} if before is not None else {}
    listed |= {(one.agency, one.login): one for one in map(_listed, made)}
    if listed.keys() > known.keys():
        file = CredentialFile(NOTE, tuple(listed.values()))
        write_whole(data / FILE, msgspec.json.format(msgspec.json.encode(file, enc_hook=encode_hook), indent=1))
    return [(one.agency, one.account) for one in made]


def _with_password(one: WorldAccount, known: dict[tuple[str, str], str]) -> WorldAccount:
    login = normal_login(one.account.login)
    word = known.get((one.agency, login)) or passwords.generate()
    new = one.account
    account = NewAccount(new.login, new.name, new.office, new.duties, new.tasks, word, must_change=False)
    return WorldAccount(one.agency, one.agency_name, account)


def _listed(one: WorldAccount) -> StaffCredential:
    new = one.account
    return StaffCredential(
        agency=one.agency,
        agency_name=one.agency_name,
        login=normal_login(new.login),
        password=new.password or "",
        name=new.name,
        office=new.office,
        duties=tuple(sorted(new.duties)),
    )
