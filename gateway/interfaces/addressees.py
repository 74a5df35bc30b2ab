"""統合宛名 (addressees): unified numbers given to persons, and converted from and to each system's own numbers.

個人番号 travels inward here and never out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from authz.duties import Duty
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF_OR_SYSTEM, MOST_PERSONS, OF_SERVED, Persons, found
from gateway.intermediary.party import Intermediary
from sympho import addressees
from sympho.addressees import NumberingOutcome
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
    ]  # fmt: skip
