"""統合宛名 (addressees): unified numbers given to persons, and converted from and to each system's own numbers; their
names and addresses kept, for the own agency.

個人番号 travels inward here and never out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from authz.duties import Duty
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import (
    BY_STAFF_OR_SYSTEM,
    MOST_PERSONS,
    OF_SERVED,
    Person,
    Persons,
    found,
    nobody,
    unified,
)
from gateway.intermediary.party import Intermediary
from sympho import addressees
from sympho.addressees import BasicItems, NumberingOutcome, Sex
from sympho.codes import AddresseeNumber, IndividualNumber, SystemCode, UnifiedNumber


class NumberingBody(Struct, frozen=True, forbid_unknown_fields=True):
    """付番依頼: a person's 個人番号, with the asking system and its own number for the person."""

    individual_number: IndividualNumber
    system: SystemCode
    number: AddresseeNumber


class NumberingsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Persons to be numbered; a bad one does not spoil the others."""

    persons: Annotated[tuple[NumberingBody, ...], Meta(min_length=1, max_length=MOST_PERSONS)]


class NumberingView(Struct, frozen=True):
    """What became of one request; ``unified`` is null where the system's number is somebody else's."""

    unified: UnifiedNumber | None
    outcome: NumberingOutcome


class NumberingsView(Struct, frozen=True):
    """In the order asked."""

    persons: tuple[NumberingView, ...]


class ConversionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Persons whose numbers are wanted."""

    persons: Persons


class LinkView(Struct, frozen=True):
    """A business system's own number for a person."""

    system: SystemCode
    number: AddresseeNumber


class ConvertedView(Struct, frozen=True):
    """One person's numbers; ``unified`` is null where the given number is linked to nobody."""

    unified: UnifiedNumber | None
    links: tuple[LinkView, ...]


class ConversionView(Struct, frozen=True):
    """In the order asked."""

    persons: tuple[ConvertedView, ...]


_LINE = r"^(?=.*\S)[^\x00-\x1f\x7f]"
"""One line of text that is not blank."""


class BasicBody(Struct, frozen=True, forbid_unknown_fields=True):
    """宛名項目: 基本4情報 of one person. It does not print itself."""

    person: Person
    name: Annotated[str, Meta(pattern=_LINE + "{1,100}$")]
    born_on: date
    sex: Sex
    address: Annotated[str, Meta(pattern=_LINE + "{1,200}$")]

    def __repr__(self) -> str:
        return "<BasicBody>"


class BasicsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be kept, in place of what was kept of each person."""

    persons: Annotated[tuple[BasicBody, ...], Meta(min_length=1, max_length=MOST_PERSONS)]


class KeptView(Struct, frozen=True):
    """Of how many persons it was kept: of all, or of none."""

    kept: int


class BasicView(Struct, frozen=True):
    """One person's items; null where none are kept, or the number is linked to nobody."""

    items: BasicItems | None


class BasicsView(Struct, frozen=True):
    """In the order asked."""

    persons: tuple[BasicView, ...]


@dataclass(frozen=True)
class Addressees:
    """Handlers of 統合宛名."""

    server: Intermediary

    async def number(self, call: Call[NumberingsBody, None]) -> Reply:
        agency = self.server.serve(call.agency)
        asked = [(one.individual_number, one.system, one.number) for one in call.body.persons]
        async with self.server.db.transaction() as conn:
            made = await addressees.number(conn, self.server.ring, agency, asked, self.server.clock.now())
        return Reply(body=NumberingsView(tuple(NumberingView(one.unified, one.outcome) for one in made)))

    async def convert(self, call: Call[ConversionBody, None]) -> Reply:
        agency = call.agency
        numbers = await found(self.server, agency, call.body.persons)
        known = [one for one in numbers if one is not None]
        async with self.server.db.connection() as conn:
            links = dict(zip(known, await addressees.links_of(conn, agency, known), strict=True))
        views = (
            ConvertedView(one, tuple(LinkView(*link) for link in links[one]) if one is not None else ())
            for one in numbers
        )
        return Reply(body=ConversionView(tuple(views)))

    async def keep(self, call: Call[BasicsBody, None]) -> Reply:
        agency, said = call.agency, call.body.persons
        place = "$.persons[{}].person"
        numbers = await unified(self.server, agency, [one.person for one in said], place)
        items = [BasicItems(one.name, one.born_on, one.sex, one.address) for one in said]
        async with self.server.db.transaction() as conn:
            pairs = list(zip(numbers, items, strict=True))
            kept = await addressees.keep_basic_items(conn, self.server.ring, agency, pairs)
            if not all(kept):
                raise nobody(*[place.format(n) for n, known in enumerate(kept) if not known][:20])
        return Reply(body=KeptView(len(kept)))

    async def show(self, call: Call[ConversionBody, None]) -> Reply:
        agency = call.agency
        numbers = await found(self.server, agency, call.body.persons)
        known = [one for one in numbers if one is not None]
        async with self.server.db.connection() as conn:
            items = iter(await addressees.basic_items(conn, self.server.ring, agency, known))
        views = (BasicView(None if one is None else next(items)) for one in numbers)
        return Reply(body=BasicsView(tuple(views)))


def operations(server: Intermediary) -> list[AnyOperation]:
    """What addressee systems and whoever cares for duplicates may do, for the own agency alone."""
    here = Addressees(server)
    return [
        Operation(
            name="number-addressees", method="POST", path="/addressees",
            summary_ja="団体内統合宛名番号の付番", summary_en="Give unified addressee numbers",
            principals=BY_STAFF_OR_SYSTEM, duty=Duty.MANAGE_DUPLICATES, request=NumberingsBody,
            responses={200: NumberingsView}, handler=here.number, problems=OF_SERVED,
        ),
        Operation(
            name="convert-addressees", method="POST", path="/addressees/conversion",
            summary_ja="宛名番号の変換", summary_en="Convert addressee numbers both ways",
            principals=BY_STAFF_OR_SYSTEM, duty=Duty.MANAGE_DUPLICATES, request=ConversionBody,
            responses={200: ConversionView}, handler=here.convert, problems=OF_SERVED,
        ),
        Operation(
            name="keep-basic-items", method="PUT", path="/addressees/basic-items",
            summary_ja="宛名項目（氏名・生年月日・性別・住所）の登録", summary_en="Keep name, birth, sex and address of persons",
            principals=BY_STAFF_OR_SYSTEM, duty=Duty.MANAGE_DUPLICATES, request=BasicsBody,
            responses={200: KeptView}, handler=here.keep, problems=OF_SERVED | {"not-found"},
        ),
        Operation(
            name="show-basic-items", method="POST", path="/addressees/basic-items/search",
            summary_ja="宛名項目の取得", summary_en="Show name, birth, sex and address of persons",
            principals=BY_STAFF_OR_SYSTEM, duty=Duty.MANAGE_DUPLICATES, request=ConversionBody,
            responses={200: BasicsView}, handler=here.show, problems=OF_SERVED,
        ),
    ]  # fmt: skip
