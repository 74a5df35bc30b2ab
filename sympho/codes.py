"""Every number and code of the linkage, one type each; text becomes a code here and nowhere else.

Two families. *Public* codes (機関コード, 事務, 特定個人情報名 ...) are strings and may be printed. *Personal* numbers
(個人番号, 住民票コード, 符号, 取得番号, 団体内統合宛名番号, 宛名番号 ...) hide their text: ``repr``, ``str`` and ``format`` give
the name of the kind only, and ``reveal()`` is the one way to the text, so that a leak has to be written on purpose.
Pickling and copying keep the text too: a pickle of a person is as secret as the person.

Formats: ``IF`` facts on code systems (機関コード layout, 命令5条 for the check digit of 個人番号).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import cache, lru_cache
from operator import mul
from typing import ClassVar, Self

__all__ = [
    "AcquisitionNumber",
    "AddresseeNumber",
    "AgencyCode",
    "BadCode",
    "IndividualNumber",
    "InformationCode",
    "ItemCode",
    "LinkageCode",
    "PersonKey",
    "PersonalNumber",
    "ProcedureCode",
    "ResidentCode",
    "SubstituteCode",
    "SystemCode",
    "TaskCode",
    "UnifiedNumber",
    "check_digit_of_individual",
    "check_digit_of_local_government",
    "decode_hook",
    "encode_hook",
]


class BadCode(ValueError):
    """Text that is no code of its kind. The message names the kind and the rule, never the text."""

    def __init__(self, kind: str, rule: str) -> None:
        super().__init__(f"{kind}: {rule}")
        self.kind = kind
        self.rule = rule


def _digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()


_HEXADECIMAL = re.compile(r"[0-9a-f]*")


def _hexadecimal(text: str, length: int) -> bool:
    return len(text) == length and _HEXADECIMAL.fullmatch(text) is not None


_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
"""命令5条: from the last digit before the check digit backwards 2 to 7, then from 2 again."""
_CHECK_DIGITS = "00987654321"
"""By the remainder: 11 less the remainder, and 0 where that has two digits."""


def check_digit_of_individual(first_digits: str) -> str:
    """The check digit of a 個人番号 (11 digits before it) or, as commonly quoted, a 住民票コード (10 digits); 命令5条."""
    weights, zeros = _weights(len(first_digits))
    return _CHECK_DIGITS[(sum(map(mul, weights, first_digits.encode())) - zeros) % 11]


@cache
def _weights(length: int) -> tuple[tuple[int, ...], int]:
    """The weights of so many digits, and what their characters come to when all of them are "0"."""
    weights = _WEIGHTS[-length:]
    return weights, ord("0") * sum(weights)


def check_digit_of_local_government(first_digits: str) -> str:
    """The sixth digit of a 団体コード: weights 6 to 2, the last digit of 11 minus the remainder."""
    total = sum(int(d) * w for d, w in zip(first_digits, (6, 5, 4, 3, 2), strict=True))
    return str((11 - total % 11) % 10)


# --- public codes -------------------------------------------------------------------------------------------------


class _PublicCode(str):
    kind: ClassVar[str]
    prefix: ClassVar[str]
    digits: ClassVar[int]
    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        head = len(cls.prefix)
        if not (text[:head] == cls.prefix and _digits(text[head:], cls.digits)):
            lead = f"{cls.prefix} + " if cls.prefix else ""
            raise BadCode(cls.kind, f"{lead}{cls.digits} digits expected")
        return str.__new__(cls, text)


class AgencyCode(_PublicCode):
    """機関コード, 16 digits: 府省 2, 種別 3, 団体コード 6 or an organisation number, 枝番 1, 年 2 and "00"."""

    kind = "機関コード"
    prefix = ""
    digits = 16
    __slots__ = ()

    @property
    def kind_prefix(self) -> str:
        """府省 and 種別: the first five digits."""
        return self[:5]

    @property
    def local_government(self) -> str:
        """団体コード: six digits, meaningful where ``kind_prefix`` is that of a local government."""
        return self[5:11]


class TaskCode(_PublicCode):
    """事務コード (JM)."""

    kind = "事務コード"
    prefix = "JM"
    digits = 14
    __slots__ = ()


class ProcedureCode(_PublicCode):
    """事務手続コード (JT)."""

    kind = "事務手続コード"
    prefix = "JT"
    digits = 14
    __slots__ = ()


class InformationCode(_PublicCode):
    """特定個人情報名コード (TM). Numbers that start with 9 are minted by us and mean nothing outside."""

    kind = "特定個人情報名コード"
    prefix = "TM"
    digits = 14
    __slots__ = ()

    @property
    def is_ours(self) -> bool:
        return self[2] == "9"


class ItemCode(_PublicCode):
    """項目コード (TK): the information's number in six digits, then a serial in steps of ten."""

    kind = "項目コード"
    prefix = "TK"
    digits = 14
    __slots__ = ()


class SystemCode(_PublicCode):
    """業務ID of the business system that numbers its own addressees, three digits."""

    kind = "業務ID"
    prefix = ""
    digits = 3
    __slots__ = ()


# --- personal numbers ---------------------------------------------------------------------------------------------


class PersonalNumber(ABC):
    """A number that points at a person. It never prints itself; ``reveal()`` is deliberate."""

    kind: ClassVar[str]
    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        rule = self.broken_rule(text)
        if rule:
            raise BadCode(self.kind, rule)
        object.__setattr__(self, "_text", text)

    @classmethod
    @abstractmethod
    def broken_rule(cls, text: str) -> str:
        """The rule that the text breaks, or an empty string. The rule never quotes the text."""

    def reveal(self) -> str:
        """The text itself: for the database's sealed columns, the wire, and the person's own agency."""
        return self._text

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self.kind} does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self.kind} does not change")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._text == other._text

    def __hash__(self) -> int:
        return hash((type(self), self._text))

    def __repr__(self) -> str:
        return f"<{self.kind}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return (type(self), (self._text,))


class _Checked:
    kind: ClassVar[str]
    digits: ClassVar[int]
    __slots__ = ()

    @classmethod
    def broken_rule(cls, text: str) -> str:
        if not _digits(text, cls.digits):
            return f"{cls.digits} digits expected"
        return "" if check_digit_of_individual(text[:-1]) == text[-1] else "the check digit does not fit"

    @classmethod
    def completed(cls, first_digits: str) -> Self:
        """The number that begins with these digits: they and their check digit, which is not checked once more."""
        if not _digits(first_digits, cls.digits - 1):
            raise BadCode(cls.kind, f"{cls.digits - 1} digits expected before the check digit")
        number = cls.__new__(cls)
        object.__setattr__(number, "_text", first_digits + check_digit_of_individual(first_digits))
        return number


class IndividualNumber(_Checked, PersonalNumber):
    """個人番号: 12 digits, the last one a check digit (命令5条)."""

    kind = "個人番号"
    digits = 12
    __slots__ = ()


class ResidentCode(_Checked, PersonalNumber):
    """住民票コード: 11 digits, the last one a check digit (its rule is our reading)."""

    kind = "住民票コード"
    digits = 11
    __slots__ = ()


class LinkageCode(PersonalNumber):
    """符号 (情報提供用個人識別符号): one agency's code for one person; ours is 32 lower-case hexadecimal digits."""

    kind = "符号"
    __slots__ = ()

    @classmethod
    def broken_rule(cls, text: str) -> str:
        return "" if _hexadecimal(text, 32) else "32 hexadecimal digits expected"


class PersonKey(PersonalNumber):
    """IDコード: what the network itself knows a person by; it never leaves the network. 32 hexadecimal digits."""

    kind = "IDコード"
    __slots__ = ()

    @classmethod
    def broken_rule(cls, text: str) -> str:
        return "" if _hexadecimal(text, 32) else "32 hexadecimal digits expected"


class SubstituteCode(PersonalNumber):
    """提供等記録用の代替符号 (命令47条3項): stands for the person in the network's own records. 32 hexadecimal digits."""

    kind = "代替符号"
    __slots__ = ()

    @classmethod
    def broken_rule(cls, text: str) -> str:
        return "" if _hexadecimal(text, 32) else "32 hexadecimal digits expected"


class AcquisitionNumber(PersonalNumber):
    """取得番号: ties one code acquisition together, forgotten when the code is bound; ours is 20 digits, random."""

    kind = "取得番号"
    __slots__ = ()

    @classmethod
    def broken_rule(cls, text: str) -> str:
        return "" if _digits(text, 20) else "20 digits expected"


class UnifiedNumber(PersonalNumber):
    """団体内統合宛名番号: 15 digits, one person inside one agency."""

    kind = "団体内統合宛名番号"
    __slots__ = ()

    @classmethod
    def broken_rule(cls, text: str) -> str:
        return "" if _digits(text, 15) else "15 digits expected"


class AddresseeNumber(PersonalNumber):
    """宛名番号: one person inside one business system, 1 to 15 half-width letters and digits."""

    kind = "宛名番号"
    __slots__ = ()

    @classmethod
    def broken_rule(cls, text: str) -> str:
        fits = 1 <= len(text) <= 15 and text.isascii() and text.isalnum()
        return "" if fits else "1 to 15 half-width letters or digits expected"


# --- on the wire --------------------------------------------------------------------------------------------------


def encode_hook(value: object) -> object:
    """msgspec's ``enc_hook``: the text of a code. A personal number is revealed here, on its way over a sealed door."""
    if isinstance(value, _PublicCode):
        return str.__str__(value)
    if isinstance(value, PersonalNumber):
        return value.reveal()
    raise RuntimeError(f"no wire form for {type(value).__name__}")


@lru_cache(maxsize=65_536)
def _public(kind: type[_PublicCode], text: str) -> _PublicCode:
    """A public code from its text: there are few, and they come again and again. Personal numbers are never kept."""
    return kind(text)


def decode_hook(kind: type, value: object) -> object:
    """msgspec's ``dec_hook``: text into a code, or ``ValueError`` that does not quote the text."""
    if kind in _PUBLIC_KINDS and isinstance(value, str):
        return _public(kind, value)
    if kind in _PUBLIC_KINDS or issubclass(kind, PersonalNumber):
        if not isinstance(value, str):
            raise BadCode(kind.kind, "a string expected")
        return kind(value)
    # Not a TypeError: msgspec would blame the sender, and this is a type that we have forgotten here.
    raise RuntimeError(f"no wire form for {kind.__name__}")


_PUBLIC_KINDS = frozenset(_PublicCode.__subclasses__())
