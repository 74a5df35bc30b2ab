"""The register (台帳) of the 83 official interfaces of the 中間サーバー, and which operation answers each.

Names of the interfaces are public and certain; the messages they carry are not, except the envelope and attachment of
IF_DBM_20113 and the inquiry and result files that client systems write and read. An id is ``IF_<family>_`` + function
number (3) + serial (1) + mode (1). Which operation answers is read from the table of operations, never written here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

from gateway.interfaces.operation import AnyOperation

__all__ = [
    "FAMILIES",
    "REGISTER",
    "Body",
    "Interface",
    "Mode",
    "RegisterRow",
    "count_by_family",
    "coverage",
    "unknown_ids",
]


class Mode(IntEnum):
    """The fifth digit of an id: how the interface is used (B: inferred, holds for all 83)."""

    REQUEST = 1
    """Online request or registration; also: have a file made."""
    GET = 2
    """Online, read."""
    UPLOAD = 3
    """A request file is handed over."""
    FETCH = 4
    """A result file is fetched."""
    SEND = 5
    """Sent towards the resident register."""


class Body(StrEnum):
    """How certain the form of the message is. The name is always certain (A)."""

    OBSERVED = "observed"
    """Element or column names come from what real client systems write and read; the rest is ours."""
    SIMULATED = "simulated"
    """Nothing but the name is public: the form is designed here."""


FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "SKI": "情報照会",
        "TKY": "情報提供",
        "TKM": "情報提供等記録管理",
        "DBM": "情報提供データベース管理",
        "SCM": "セキュリティ管理",
        "SYM": "システム管理",
        "JTK": "自己情報提供",
        "OSR": "お知らせ",
        "FGU": "符号管理",
    }
)


@dataclass(frozen=True, slots=True)
class Interface:
    """One official interface."""

    id: str
    name_ja: str
    body: Body

    @property
    def family(self) -> str:
        return self.id[3:6]

    @property
    def function(self) -> str:
        """The function number, three digits."""
        return self.id[7:10]

    @property
    def mode(self) -> Mode:
        return Mode(int(self.id[11]))


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """One interface with the names of the operations that answer it; empty: not yet."""

    interface: Interface
    answered_by: tuple[str, ...]


_NAMES: Mapping[str, Mapping[str, str]] = {
    "SKI": {
        "10111": "情報照会の登録",
        "10123": "情報照会ファイルの登録",
        "10134": "情報照会登録結果ファイルの取得",
        "10712": "情報照会状況の取得",
        "10723": "情報照会状況の取得要求ファイルの登録",
        "10734": "情報照会状況ファイルの取得",
        "10912": "情報照会内容の取得",
        "10923": "情報照会内容の取得要求ファイルの登録",
        "10934": "情報照会内容ファイルの取得",
        "11112": "情報照会結果の取得",
        "11123": "情報照会結果の取得要求ファイルの登録",
        "11134": "情報照会結果ファイルの取得",
        "50111": "情報照会の取りやめ",
        "50123": "情報照会取りやめファイルの登録",
        "50134": "情報照会取りやめの登録結果ファイルの取得",
        "50412": "情報照会取りやめ結果の取得",
        "50423": "情報照会取りやめ結果の取得要求ファイルの登録",
        "50434": "情報照会取りやめ結果ファイルの取得",
    },
    "TKY": {
        "11312": "情報提供状況の取得",
        "11321": "情報提供状況ファイルの作成要求",
        "11334": "情報提供状況ファイルの取得",
        "11512": "情報照会内容（提供側）の取得",
        "11523": "情報照会内容（提供側）の取得要求ファイルの登録",
        "11534": "情報照会内容（提供側）ファイルの取得",
        "11912": "情報提供内容の取得",
        "11923": "情報提供内容の取得要求ファイルの登録",
        "11934": "情報提供内容ファイルの取得",
        "20311": "情報提供内容の登録",
        "20323": "情報提供内容ファイルの登録",
        "20334": "情報提供内容登録結果ファイルの取得",
        "20511": "情報提供送信の許可",
        "20523": "情報提供送信許可ファイルの登録",
        "20534": "情報提供送信許可結果ファイルの取得",
    },
    "TKM": {
        "40113": "情報提供等記録の取得要求ファイルの登録",
        "40124": "情報提供等記録ファイルの取得",
        "40133": "情報提供等記録の更新ファイルの登録",
        "40144": "情報提供等記録の更新結果ファイルの取得",
    },
    "DBM": {
        "10111": "特定個人情報の更新",
        "20113": "特定個人情報ファイルの登録",
        "20314": "特定個人情報更新結果ファイルの取得",
        "30112": "特定個人情報一覧の取得",
        "30212": "特定個人情報詳細の取得",
        "30312": "情報照会条件による特定個人情報の検索",
        "40111": "自動応答不可フラグ（特定個人情報）の設定",
        "40123": "自動応答不可フラグ（特定個人情報）設定ファイルの登録",
        "40134": "自動応答不可フラグ（特定個人情報）設定結果ファイルの取得",
        "50111": "自動応答不可フラグ（団体内統合宛名番号）の設定",
        "50123": "自動応答不可フラグ（団体内統合宛名番号）設定ファイルの登録",
        "50134": "自動応答不可フラグ（団体内統合宛名番号）設定結果ファイルの取得",
        "60412": "提供先の取得",
        "60423": "提供先の抽出要求ファイルの登録",
        "60434": "提供先の抽出結果ファイルの取得",
        "70111": "不開示該当フラグ（特定個人情報）の設定",
        "70123": "不開示該当フラグ（特定個人情報）設定ファイルの登録",
        "70134": "不開示該当フラグ（特定個人情報）設定結果ファイルの取得",
        "80111": "不開示該当フラグ（団体内統合宛名番号）の設定",
        "80123": "不開示該当フラグ（団体内統合宛名番号）設定ファイルの登録",
        "80134": "不開示該当フラグ（団体内統合宛名番号）設定結果ファイルの取得",
        "90112": "フラグ設定状況（団体内統合宛名番号）の取得",
        "90123": "フラグ設定状況（団体内統合宛名番号）の取得要求ファイルの登録",
        "90134": "フラグ設定状況（団体内統合宛名番号）ファイルの取得",
        "90212": "フラグ設定状況（特定個人情報）の取得",
        "90311": "公開終了日の一括設定",
        "90321": "公開終了日一括設定の取消",
        "90332": "公開終了日一括設定結果の取得",
    },
    "SCM": {"30112": "マスター更新情報の取得"},
    "SYM": {"20212": "稼動状態の取得"},
    "JTK": {
        "10112": "自己情報提供状況の取得",
        "10121": "自己情報提供状況ファイルの作成要求",
        "10134": "自己情報提供状況ファイルの取得",
        "10212": "自己情報提供内容の取得",
        "10223": "自己情報提供内容の取得要求ファイルの登録",
        "10234": "自己情報提供内容ファイルの取得",
    },
    "OSR": {
        "10111": "お知らせの送信",
        "10123": "お知らせ送信ファイルの登録",
        "20111": "お知らせ状況の確認",
        "20123": "お知らせ状況確認ファイルの登録",
        "30111": "お知らせの取消",
        "30123": "お知らせ取消ファイルの登録",
        "40134": "お知らせ結果ファイルの取得",
    },
    "FGU": {
        "20221": "符号取得依頼ファイルの作成要求",
        "20234": "符号取得依頼ファイルの取得",
        "20215": "符号取得依頼内容の送信",
    },
}
"""Function names: family, function and mode are official facts; how a name is worded in full is ours where the list of
interfaces only gives the function and the mode."""

_OBSERVED = frozenset({"IF_SKI_10123", "IF_SKI_11134", "IF_DBM_20113"})

REGISTER: Mapping[str, Interface] = MappingProxyType(
    {
        identifier: Interface(identifier, name, Body.OBSERVED if identifier in _OBSERVED else Body.SIMULATED)
        for family, names in _NAMES.items()
        for identifier, name in ((f"IF_{family}_{number}", name) for number, name in names.items())
    }
)
"""All 83 interfaces by id, in the order of the official tables."""


def coverage(operations: Sequence[AnyOperation]) -> list[RegisterRow]:
    """Every interface with the operations that answer it, in the register's order."""
    answers: dict[str, list[str]] = {identifier: [] for identifier in REGISTER}
    for operation in operations:
        if operation.interface in answers:
            answers[operation.interface].append(operation.name)
    return [RegisterRow(REGISTER[identifier], tuple(sorted(names))) for identifier, names in answers.items()]


def unknown_ids(operations: Sequence[AnyOperation]) -> list[str]:
    """Interface ids that operations name and the register does not know: always a slip."""
    return sorted({one.interface for one in operations if one.interface is not None} - set(REGISTER))


def count_by_family() -> Mapping[str, int]:
    """How many interfaces each family has."""
    return Counter(interface.family for interface in REGISTER.values())
