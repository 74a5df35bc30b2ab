"""Duties (権限): what a member of staff may be charged with, and what one person may not hold together (product 4.9, R5).

One declarative table and one list of pairs; everything else is read from them. 提供審査 and 提供承認 may be held by one
person: four eyes is about the act. On the same exchange the first and the second person are different accounts, and the
review compares the two accounts whatever duties they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class PrincipalKind(StrEnum):
    """Who calls (利用主体). Every operation names exactly one kind; a member of staff also needs the named duty."""

    PUBLIC = "public"
    """Anybody: health and readiness only."""
    STAFF = "staff"
    """職員: a person with an account, duties and a session."""
    SYSTEM = "system"
    """業務システム: a business system of one agency, with its own operations and tasks."""
    PARTY = "party"
    """機関・役割: another party of the network, known by the certificate of its connection."""


class Duty(StrEnum):
    """権限: what a member of staff is charged with."""

    INQUIRE = "inquire"
    REVIEW = "review"
    RELEASE = "release"
    READ_RECORDS = "read-records"
    MANAGE_DUPLICATES = "manage-duplicates"
    MANAGE_STAFF = "manage-staff"
    OPERATE_SYSTEM = "operate-system"
    AUDIT = "audit"
    EXPLAIN = "explain"
    PUBLISH_LISTS = "publish-lists"
    APPROVE_LISTS = "approve-lists"


@dataclass(frozen=True, slots=True)
class DutyText:
    """One row of the table: the name people see, and the sentence of what the duty allows."""

    name_ja: str
    name_en: str
    allows_ja: str
    allows_en: str


DUTIES: Mapping[Duty, DutyText] = MappingProxyType(
    {
        Duty.INQUIRE: DutyText(
            "照会",
            "Inquiry",
            "所属の事務について特定個人情報を照会し、進捗と結果を見て、取りやめることができる。",
            "May inquire for the tasks of the own office, follow progress, read results and withdraw.",
        ),
        Duty.REVIEW: DutyText(
            "提供審査",
            "Review of provisions",
            "保留された提供の内容を確かめ、補正し、または提供しないことを一人目として提案できる。",
            "May confirm, correct or propose to withhold a held provision, as the first person.",
        ),
        Duty.RELEASE: DutyText(
            "提供承認",
            "Release of provisions",
            "一人目が用意した提供または不提供を、二人目として承認し、または差し戻すことができる。",
            "May release or send back, as the second person, what another one prepared.",
        ),
        Duty.READ_RECORDS: DutyText(
            "記録閲覧",
            "Reading of records",
            "自団体の情報提供等記録を検索し、閲覧し、検証できる。",
            "May search, read and verify the own agency's records of inquiries and provisions.",
        ),
        Duty.MANAGE_DUPLICATES: DutyText(
            "副本管理",
            "Care of duplicates",
            "副本を登録し、更新し、削除し、自動応答不可を設定し、符号の取得を依頼できる。",
            "May deposit, change and remove duplicates, set flags against automatic answers and have codes acquired.",
        ),
        Duty.MANAGE_STAFF: DutyText(
            "権限管理",
            "Care of accounts and duties",
            "自団体の職員と業務システムの登録、権限の付与、停止、パスワードの初期化ができる。",
            "May make accounts of staff and systems of the own agency, give duties, disable, and reset passwords.",
        ),
        Duty.OPERATE_SYSTEM: DutyText(
            "システム管理",
            "Operation of the system",
            "稼働状況と一括処理を管理し、時計、一覧の配布、期限の過ぎたものの削除、役割の参加の許可を行える。",
            "May run batches, the clock, the distribution of lists, the deletion of what has expired; lets roles in.",
        ),
        Duty.AUDIT: DutyText(
            "監査",
            "Audit",
            "操作記録と判定の根拠を閲覧し、記録の照合と検証ができる。何も変更できない。",
            "May read the operations log and grounds of decisions and verify records; changes nothing.",
        ),
        Duty.EXPLAIN: DutyText(
            "判定説明",
            "Explanation of decisions",
            "任意の照会について、判定の検査と根拠、許可される近い照会を、他の日付や以前の照合リストでも見ることができる。",
            "May see every check and ground of any question and what is permitted near it, by any day and list held.",
        ),
        Duty.PUBLISH_LISTS: DutyText(
            "リスト公布",
            "Publication of lists",
            "二人が承認した照合リストに署名を求め、公布し、次の署名鍵を用意できる（ネットワークの運営者）。",
            "May have approved lists signed, publish them and prepare the next key (the network's operator).",
        ),
        Duty.APPROVE_LISTS: DutyText(
            "リスト承認",
            "Approval of lists",
            "自分の鍵を登録し、照合リストの案を二人のうちの一人として承認できる（ネットワークの運営者）。",
            "May register a key of one's own and approve lists as one of two people (the network's operator).",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Two duties that one person may not hold together (兼務の禁止), and why."""

    one: Duty
    other: Duty
    why_ja: str
    why_en: str

    @property
    def pair(self) -> frozenset[Duty]:
        return frozenset((self.one, self.other))


DOING = (
    Duty.INQUIRE,
    Duty.REVIEW,
    Duty.RELEASE,
    Duty.MANAGE_DUPLICATES,
    Duty.MANAGE_STAFF,
    Duty.OPERATE_SYSTEM,
    Duty.PUBLISH_LISTS,
    Duty.APPROVE_LISTS,
)
"""Duties that change something. Reading records and explaining decisions are none: they may go with the audit."""

_HANDLING = (Duty.INQUIRE, Duty.REVIEW, Duty.RELEASE, Duty.MANAGE_DUPLICATES)
_LISTING = (Duty.PUBLISH_LISTS, Duty.APPROVE_LISTS)
_EXCHANGING = (Duty.INQUIRE, Duty.REVIEW, Duty.RELEASE)

FORBIDDEN: tuple[Forbidden, ...] = (
    *(
        Forbidden(
            Duty.AUDIT,
            doing,
            "監査する者は、監査の対象となる操作を行わない。",
            "Whoever audits takes no part in what is audited.",
        )
        for doing in DOING
    ),
    *(
        Forbidden(
            Duty.MANAGE_STAFF,
            handling,
            "権限を付与する者は、その権限で特定個人情報を扱わない。",
            "Whoever gives duties handles no specific personal information with them.",
        )
        for handling in _HANDLING
    ),
    *(
        Forbidden(
            Duty.OPERATE_SYSTEM,
            exchanging,
            "時計と期限を動かせる者は、期限で判断される照会と提供に加わらない。",
            "Whoever moves the clock takes no part in exchanges that time limits decide.",
        )
        for exchanging in _EXCHANGING
    ),
    *(
        Forbidden(
            Duty.MANAGE_STAFF,
            listing,
            "権限を付与する者は、照合リストの公布にも承認にも加わらない。",
            "Whoever gives duties neither publishes nor approves lists.",
        )
        for listing in _LISTING
    ),
    Forbidden(
        Duty.PUBLISH_LISTS,
        Duty.APPROVE_LISTS,
        "照合リストを公布する者は、その承認をしない。",
        "Whoever publishes lists does not approve them: a list takes three people.",
    ),
    Forbidden(
        Duty.EXPLAIN,
        Duty.INQUIRE,
        "照会する者は、どう変えれば許可されるかを判定に尋ねない。",
        "Whoever inquires does not ask the rules how to word an inquiry so that it is permitted.",
    ),
)
"""Every pair that one person may not hold."""


def conflicts(duties: Iterable[Duty]) -> tuple[Forbidden, ...]:
    """The forbidden pairs within these duties, in the table's order; empty when one person may hold them all."""
    held = frozenset(duties)
    return tuple(row for row in FORBIDDEN if row.pair <= held)
