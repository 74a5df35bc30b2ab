"""情報提供データベース管理 (DBM): duplicates deposited, listed and deleted; flags against automatic answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from msgspec import Meta, Struct

from authz.duties import Duty
from gateway.exchange.messages import Content, ItemValue
from gateway.interfaces.operation import BODY_LIMIT, AnyOperation, Call, Operation, Reply
from gateway.interfaces.provisions import ItemBody
from gateway.interfaces.words import BY_STAFF_OR_SYSTEM, OF_SERVED, Aware, Person, in_tokyo, unified
from gateway.intermediary import deposit
from gateway.intermediary.deposit import Deposit
from gateway.intermediary.party import Intermediary
from gateway.problems import Problem
from sympho.codes import InformationCode, ItemCode, UnifiedNumber

MOST = 1_000
BODY = 16 * 1_048_576
"""Bytes of a body with so many duplicates."""


class DuplicateBody(Struct, frozen=True, forbid_unknown_fields=True):
    """One person's 副本 of one information, with its layout version and days of publication."""

    person: Person
    information: InformationCode
    layout: Annotated[str, Meta(pattern="^[0-9]{4}$")]
    published_from: date
    items: dict[ItemCode, ItemBody]
    published_until: date | None = None

    def __repr__(self) -> str:
        return "<DuplicateBody>"


class DepositBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Duplicates to register or to replace: all of them, or none."""

    duplicates: Annotated[tuple[DuplicateBody, ...], Meta(min_length=1, max_length=MOST)]


class Deposited(Struct, frozen=True):
    """How many were registered."""

    registered: int


class PersonBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A look-up by person: never in a path, because paths stand in logs."""

    person: Person


class PersonInformation(Struct, frozen=True, forbid_unknown_fields=True):
    """One person's one information."""

    person: Person
    information: InformationCode


class DeletionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Duplicates to delete; those that are not there are no fault."""

    duplicates: Annotated[tuple[PersonInformation, ...], Meta(min_length=1, max_length=MOST)]


class DuplicateLine(Struct, frozen=True):
    """A duplicate without its content."""

    information: InformationCode
    layout: str
    published_from: date
    published_until: date | None
    deposited_at: Aware


class DuplicateList(Struct, frozen=True):
    """What the agency has deposited of a person."""

    person: UnifiedNumber
    duplicates: tuple[DuplicateLine, ...]


class DuplicateView(Struct, frozen=True):
    """A duplicate with its content, for its own agency."""

    person: UnifiedNumber
    published_from: date
    published_until: date | None
    deposited_at: Aware
    content: Content


class InformationFlagBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A flag of a person's one information."""

    person: Person
    information: InformationCode
    value: bool


class PersonFlagBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A flag of a person, for every information."""

    person: Person
    value: bool


class FlagLine(Struct, frozen=True):
    """Flags of a person (``information`` null), or of one information of the person."""

    information: InformationCode | None
    no_automatic_answer: bool
    non_disclosure: bool


class FlagList(Struct, frozen=True):
    """All flags of a person that were ever set."""

    person: UnifiedNumber
    flags: tuple[FlagLine, ...]


class PublicationEndBody(Struct, frozen=True, forbid_unknown_fields=True):
    """公開終了日一括設定 of one information."""

    information: InformationCode
    until: date


class Changed(Struct, frozen=True):
    """How many duplicates were changed."""

    changed: int


@dataclass(frozen=True)
class Duplicates:
    """Handlers of 副本管理."""

    server: Intermediary

    async def put(self, call: Call[DepositBody, None]) -> Reply:
        bodies = call.body.duplicates
        persons = await unified(self.server, call.agency, [one.person for one in bodies], "$.duplicates[{}].person")
        deposits = [_deposit(one, person) for one, person in zip(bodies, persons, strict=True)]
        await deposit.deposit(self.server, call.agency, deposits)
        return Reply(body=Deposited(len(deposits)))

    async def search(self, call: Call[PersonBody, None]) -> Reply:
        [person] = await unified(self.server, call.agency, [call.body.person])
        rows = await deposit.listed(self.server, call.agency, person)
        lines = tuple(
            DuplicateLine(
                content.information,
                row.layout,
                row.published_from,
                row.published_until,
                in_tokyo(row.deposited_at),
            )
            for row, content in rows
        )
        return Reply(body=DuplicateList(person, lines))

    async def show(self, call: Call[PersonInformation, None]) -> Reply:
        [person] = await unified(self.server, call.agency, [call.body.person])
        for row, content in await deposit.listed(self.server, call.agency, person):
            if row.information == call.body.information:
                until, at = row.published_until, in_tokyo(row.deposited_at)
                return Reply(body=DuplicateView(person, row.published_from, until, at, content))
        raise Problem("not-found", "no such duplicate")

    async def delete(self, call: Call[DeletionBody, None]) -> Reply:
        bodies = call.body.duplicates
        persons = await unified(self.server, call.agency, [one.person for one in bodies], "$.duplicates[{}].person")
        keys = [(person, one.information) for person, one in zip(persons, bodies, strict=True)]
        await deposit.remove(self.server, call.agency, keys)
        return Reply(204)

    async def hold_information(self, call: Call[InformationFlagBody, None]) -> Reply:
        [person] = await unified(self.server, call.agency, [call.body.person])
        await deposit.hold(self.server, call.agency, person, call.body.information, value=call.body.value)
        return Reply(204)

    async def hold_person(self, call: Call[PersonFlagBody, None]) -> Reply:
        [person] = await unified(self.server, call.agency, [call.body.person])
        await deposit.hold(self.server, call.agency, person, None, value=call.body.value)
        return Reply(204)

    async def undisclose_information(self, call: Call[InformationFlagBody, None]) -> Reply:
        [person] = await unified(self.server, call.agency, [call.body.person])
        await deposit.undisclose(self.server, call.agency, person, call.body.information, value=call.body.value)
        return Reply(204)

    async def undisclose_person(self, call: Call[PersonFlagBody, None]) -> Reply:
        [person] = await unified(self.server, call.agency, [call.body.person])
        await deposit.undisclose(self.server, call.agency, person, None, value=call.body.value)
        return Reply(204)

    async def flags(self, call: Call[PersonBody, None]) -> Reply:
        [person] = await unified(self.server, call.agency, [call.body.person])
        rows = await deposit.flags(self.server, call.agency, person)
        lines = tuple(
            FlagLine(
                InformationCode(row.information) if row.information else None,
                row.no_automatic_answer,
                row.non_disclosure,
            )
            for row in rows
            if row.no_automatic_answer or row.non_disclosure
        )
        return Reply(body=FlagList(person, lines))

    async def end_publication(self, call: Call[PublicationEndBody, None]) -> Reply:
        changed = await deposit.end_publication(self.server, call.agency, call.body.information, call.body.until)
        return Reply(body=Changed(changed))


def operations(server: Intermediary) -> list[AnyOperation]:
    """What whoever cares for duplicates may do, for the own agency alone."""
    here = Duplicates(server)
    return [
        _operation("deposit-duplicates", "PUT", "/duplicates", "IF_DBM_10111", here.put, DepositBody, Deposited,
                   "特定個人情報（副本）の更新", "Register or replace duplicates", BODY),
        _operation("search-duplicates", "POST", "/duplicates/search", "IF_DBM_30112", here.search, PersonBody,
                   DuplicateList, "特定個人情報一覧の取得", "What is deposited of a person"),
        _operation("show-duplicate", "POST", "/duplicates/detail", "IF_DBM_30212", here.show, PersonInformation,
                   DuplicateView, "特定個人情報詳細の取得", "A duplicate with its content"),
        _operation("delete-duplicates", "POST", "/duplicates/deletion", None, here.delete, DeletionBody, None,
                   "特定個人情報（副本）の削除", "Delete duplicates"),
        _operation("set-no-automatic-answer-information", "PUT", "/flags/no-automatic-answer/information",
                   "IF_DBM_40111", here.hold_information, InformationFlagBody, None, "自動応答不可フラグ（特定個人情報）の設定",
                   "Hold back one information of a person from automatic answers, or let it go"),
        _operation("set-no-automatic-answer-person", "PUT", "/flags/no-automatic-answer/person", "IF_DBM_50111",
                   here.hold_person, PersonFlagBody, None, "自動応答不可フラグ（団体内統合宛名番号）の設定",
                   "Hold back a person from automatic answers, or let the person go"),
        _operation("set-non-disclosure-information", "PUT", "/flags/non-disclosure/information", "IF_DBM_70111",
                   here.undisclose_information, InformationFlagBody, None, "不開示該当フラグ（特定個人情報）の設定",
                   "Mark this side's records of one information of a person"),
        _operation("set-non-disclosure-person", "PUT", "/flags/non-disclosure/person", "IF_DBM_80111",
                   here.undisclose_person, PersonFlagBody, None, "不開示該当フラグ（団体内統合宛名番号）の設定",
                   "Mark this side's records of a person"),
        _operation("search-flags", "POST", "/flags/search", "IF_DBM_90112", here.flags, PersonBody, FlagList,
                   "フラグ設定状況（団体内統合宛名番号）の取得", "A person's flags"),
        _operation("end-publication", "POST", "/duplicates/publication-end", "IF_DBM_90311", here.end_publication,
                   PublicationEndBody, Changed, "公開終了日の一括設定", "End the publication of an information on a day"),
    ]  # fmt: skip


def _operation(
    name: str, method: str, path: str, interface: str | None, handler: Callable[[Call[Any, None]], Awaitable[Reply]],
    request: type[Struct], response: type[Struct] | None, summary_ja: str, summary_en: str, limit: int = BODY_LIMIT,
) -> AnyOperation:  # fmt: skip
    """All of this family are 副本管理's, with a body, and about persons of the caller's agency."""
    return Operation(
        name=name, method=method, path=path, interface=interface, summary_ja=summary_ja, summary_en=summary_en,
        principals=BY_STAFF_OR_SYSTEM, duty=Duty.MANAGE_DUPLICATES, request=request,
        responses={204: None} if response is None else {200: response}, handler=handler, limit=limit,
        problems=OF_SERVED | {"not-found"},
    )  # fmt: skip


def _deposit(body: DuplicateBody, person: UnifiedNumber) -> Deposit:
    items = {code: ItemValue(item.value, item.reason_of_null) for code, item in body.items.items()}
    content = Content(body.information, body.layout, items)
    return Deposit(person, content, body.published_from, body.published_until)
