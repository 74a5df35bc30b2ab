"""Why a decision fell as it did (判定理由): the closed table of reasons, and what a counterpart may learn of each.

The full reason is for one's own staff with the duty to see it. The counterpart gets the coarse one; a reason to hold
has none at all, because a held person must look like a slow answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["HOLDS", "MALFORMED", "PERMIT_REASONS", "REASONS", "Coarse", "Reason", "ReasonText"]


class Coarse(StrEnum):
    """All that a counterpart may learn; the same values as ``CoarseReason`` of the messages between parties."""

    NONE = "none"
    NOT_PERMITTED = "not-permitted"
    NO_CODE_AT_PROVIDER = "no-code-at-provider"
    NO_CODE_AT_INQUIRER = "no-code-at-inquirer"
    ASSESSMENT = "assessment"
    AGENCY = "agency-unknown-or-not-in-force"
    BUSY = "busy"
    LAPSED = "lapsed"
    NOT_PROVIDED = "not-provided"
    WITHDRAWN = "withdrawn"


class Reason(StrEnum):
    """判定理由: one failing check. The order is that of the checks."""

    MALFORMED_DATE = "malformed-date"
    MALFORMED_INQUIRER = "malformed-inquirer"
    MALFORMED_PROVIDER = "malformed-provider"
    MALFORMED_TASK = "malformed-task"
    MALFORMED_PROCEDURE = "malformed-procedure"
    MALFORMED_INFORMATION = "malformed-information"
    MALFORMED_ITEMS = "malformed-items"
    MALFORMED_CONSENT = "malformed-consent"
    SAME_AGENCY = "same-agency"
    ITEM_TWICE = "item-twice"
    ITEM_UNKNOWN = "item-unknown"
    FACTS_MISSING = "facts-missing"
    NOT_JUDGED = "not-judged"

    PERMIT_SIGNATURE = "permit-signature"
    PERMIT_AUDIENCE = "permit-audience"
    PERMIT_MISMATCH = "permit-mismatch"
    PERMIT_USED = "permit-used"
    PERMIT_INVALID = "permit-invalid"
    NOTICE_LAPSED = "notice-lapsed"

    INQUIRER_UNKNOWN = "inquirer-unknown"
    INQUIRER_NOT_IN_FORCE = "inquirer-not-in-force"
    PROVIDER_UNKNOWN = "provider-unknown"
    PROVIDER_NOT_IN_FORCE = "provider-not-in-force"
    ASSESSMENT_INQUIRER_MISSING = "assessment-inquirer-missing"
    ASSESSMENT_INQUIRER_LATER = "assessment-inquirer-later"
    ASSESSMENT_PROVIDER_MISSING = "assessment-provider-missing"
    ASSESSMENT_PROVIDER_LATER = "assessment-provider-later"
    TASK_NOT_ALLOWED = "task-not-allowed"

    ORDINANCE_NOT_NOTIFIED = "ordinance-not-notified"
    ORDINANCE_NOT_PUBLISHED = "ordinance-not-published"
    ORDINANCE_INFORMATION = "ordinance-information"
    LIST_OLDER = "list-older"
    LIST_DATE = "list-date"
    LIST_INQUIRER_KIND = "list-inquirer-kind"
    LIST_TASK = "list-task"
    PROCEDURE_UNKNOWN = "procedure-unknown"
    PROCEDURE_ELSEWHERE = "procedure-elsewhere"
    LIST_PROVIDER_KIND = "list-provider-kind"
    LIST_INFORMATION = "list-information"
    PROCEDURE_INFORMATION = "procedure-information"
    CONSENT_MISSING = "consent-missing"

    NO_CODE_AT_INQUIRER = "no-code-at-inquirer"
    NO_CODE_AT_PROVIDER = "no-code-at-provider"

    ORDINANCE_LIMIT = "ordinance-limit"
    HELD_PERSON = "held-person"
    HELD_INFORMATION = "held-information"


MALFORMED = frozenset(reason for reason in Reason if reason.startswith("malformed-"))
"""After one of these no other check can be judged."""

HOLDS = frozenset({Reason.LIST_OLDER, Reason.ORDINANCE_LIMIT, Reason.HELD_PERSON, Reason.HELD_INFORMATION})
"""Reasons that hold an answer back for people (or for a newer list) and forbid nothing."""

PERMIT_REASONS = frozenset(
    {
        Reason.PERMIT_SIGNATURE,
        Reason.PERMIT_AUDIENCE,
        Reason.PERMIT_MISMATCH,
        Reason.PERMIT_USED,
        Reason.PERMIT_INVALID,
    }
)
"""What can be wrong with a permit itself."""


class ReasonText(NamedTuple):
    """A reason for people, and what of it the counterpart learns."""

    coarse: Coarse
    ja: str
    en: str


_NOT = Coarse.NOT_PERMITTED

REASONS: Mapping[Reason, ReasonText] = MappingProxyType(
    {
        Reason.MALFORMED_DATE: ReasonText(_NOT, "判定日が正しくありません", "The day to judge by is not a day"),
        Reason.MALFORMED_INQUIRER: ReasonText(
            _NOT, "照会者の機関コードが正しくありません", "The inquirer's agency code is malformed"
        ),
        Reason.MALFORMED_PROVIDER: ReasonText(
            _NOT, "提供者の機関コードが正しくありません", "The provider's agency code is malformed"
        ),
        Reason.MALFORMED_TASK: ReasonText(_NOT, "事務コードが正しくありません", "The task code is malformed"),
        Reason.MALFORMED_PROCEDURE: ReasonText(
            _NOT, "事務手続コードが正しくありません", "The procedure code is malformed"
        ),
        Reason.MALFORMED_INFORMATION: ReasonText(
            _NOT, "特定個人情報名コードが正しくありません", "The information code is malformed"
        ),
        Reason.MALFORMED_ITEMS: ReasonText(_NOT, "項目コードが正しくありません", "The item codes are malformed"),
        Reason.MALFORMED_CONSENT: ReasonText(
            _NOT, "同意の有無が正しくありません", "Consent is stated neither as given nor as not given"
        ),
        Reason.SAME_AGENCY: ReasonText(_NOT, "自機関への照会です", "The agency asks itself"),
        Reason.ITEM_TWICE: ReasonText(_NOT, "同じ項目が二度あります", "An item is asked twice"),
        Reason.ITEM_UNKNOWN: ReasonText(
            _NOT, "この特定個人情報の項目ではありません", "An item does not belong to the information"
        ),
        Reason.FACTS_MISSING: ReasonText(
            _NOT, "判定に必要な事実がありません", "A fact that the decision needs is missing"
        ),
        Reason.NOT_JUDGED: ReasonText(_NOT, "判定できない検査があります", "A check could not be judged"),
        Reason.PERMIT_SIGNATURE: ReasonText(
            _NOT, "情報提供許可証の署名が確認できません", "The permit's signature does not verify"
        ),
        Reason.PERMIT_AUDIENCE: ReasonText(_NOT, "情報提供許可証の宛先が異なります", "The permit is for another party"),
        Reason.PERMIT_MISMATCH: ReasonText(
            _NOT, "情報提供許可証と照会の内容が異なります", "The permit and the inquiry differ"
        ),
        Reason.PERMIT_USED: ReasonText(_NOT, "情報提供許可証は使用済みです", "The permit has been used"),
        Reason.PERMIT_INVALID: ReasonText(_NOT, "情報提供許可証が有効でありません", "The permit is not valid"),
        Reason.NOTICE_LAPSED: ReasonText(
            Coarse.LAPSED, "通知の有効期間が過ぎました", "The validity of the notice has passed"
        ),
        Reason.INQUIRER_UNKNOWN: ReasonText(Coarse.AGENCY, "照会者が登録されていません", "The inquirer is not known"),
        Reason.INQUIRER_NOT_IN_FORCE: ReasonText(
            Coarse.AGENCY, "照会者の機関コードが有効期間外です", "The inquirer's code is not in force"
        ),
        Reason.PROVIDER_UNKNOWN: ReasonText(Coarse.AGENCY, "提供者が登録されていません", "The provider is not known"),
        Reason.PROVIDER_NOT_IN_FORCE: ReasonText(
            Coarse.AGENCY, "提供者の機関コードが有効期間外です", "The provider's code is not in force"
        ),
        Reason.ASSESSMENT_INQUIRER_MISSING: ReasonText(
            Coarse.ASSESSMENT,
            "照会者の特定個人情報保護評価が公表されていません（法28条）",
            "The inquirer has published no assessment of this task (Act, art. 28)",
        ),
        Reason.ASSESSMENT_INQUIRER_LATER: ReasonText(
            Coarse.ASSESSMENT,
            "照会者の特定個人情報保護評価の公表日前です（法28条）",
            "The inquirer's assessment is published only later (Act, art. 28)",
        ),
        Reason.ASSESSMENT_PROVIDER_MISSING: ReasonText(
            Coarse.ASSESSMENT,
            "提供者の特定個人情報保護評価が公表されていません（法28条）",
            "The provider has published no assessment of this information (Act, art. 28)",
        ),
        Reason.ASSESSMENT_PROVIDER_LATER: ReasonText(
            Coarse.ASSESSMENT,
            "提供者の特定個人情報保護評価の公表日前です（法28条）",
            "The provider's assessment is published only later (Act, art. 28)",
        ),
        Reason.TASK_NOT_ALLOWED: ReasonText(
            _NOT,
            "この部署・利用者にはこの事務の照会権限がありません",
            "This office or principal may not ask for this task",
        ),
        Reason.ORDINANCE_NOT_NOTIFIED: ReasonText(
            _NOT, "条例事務の届出がされていません（法19条9号）", "The local task is not notified (Act, art. 19 no. 9)"
        ),
        Reason.ORDINANCE_NOT_PUBLISHED: ReasonText(
            _NOT, "条例事務が公表されていません（法19条9号）", "The local task is not published (Act, art. 19 no. 9)"
        ),
        Reason.ORDINANCE_INFORMATION: ReasonText(
            _NOT, "届け出た条例事務にない特定個人情報です", "The local task was not notified for this information"
        ),
        Reason.LIST_OLDER: ReasonText(
            Coarse.NONE, "許可証より古い照合リストです", "The list held is older than the permit's"
        ),
        Reason.LIST_DATE: ReasonText(_NOT, "この日に有効な照合リストがありません", "No list was in force on that day"),
        Reason.LIST_INQUIRER_KIND: ReasonText(
            _NOT, "この種別の機関は照会できません", "A body of this kind may ask for nothing"
        ),
        Reason.LIST_TASK: ReasonText(
            _NOT, "照会者はこの事務で照会できません", "The inquirer may not ask for this task"
        ),
        Reason.PROCEDURE_UNKNOWN: ReasonText(_NOT, "照合リストにない事務手続です", "The list knows no such procedure"),
        Reason.PROCEDURE_ELSEWHERE: ReasonText(
            _NOT,
            "この事務手続は照会者のこの事務の項のものではありません",
            "The procedure belongs to another item than those of this task",
        ),
        Reason.LIST_PROVIDER_KIND: ReasonText(
            _NOT, "この事務でこの種別の提供者には照会できません", "For this task a body of this kind may not be asked"
        ),
        Reason.LIST_INFORMATION: ReasonText(
            _NOT,
            "この事務で提供者にこの特定個人情報は照会できません",
            "For this task the provider may not be asked for this",
        ),
        Reason.PROCEDURE_INFORMATION: ReasonText(
            _NOT,
            "項では照会できますが、この事務手続ではこの特定個人情報は照会できません",
            "The item would permit it, but no line of the procedure has this information",
        ),
        Reason.CONSENT_MISSING: ReasonText(
            _NOT,
            "条例事務で地方税関係情報を照会するには本人の同意が必要です",
            "Local tax information for a local task needs the person's consent",
        ),
        Reason.NO_CODE_AT_INQUIRER: ReasonText(
            Coarse.NO_CODE_AT_INQUIRER, "照会者が符号を取得していません", "The inquirer holds no code for the person"
        ),
        Reason.NO_CODE_AT_PROVIDER: ReasonText(
            Coarse.NO_CODE_AT_PROVIDER, "提供者が符号を取得していません", "The provider holds no code for the person"
        ),
        Reason.ORDINANCE_LIMIT: ReasonText(
            Coarse.NONE, "提供者が条例で提供を制限しています", "The provider's ordinance limits this provision"
        ),
        Reason.HELD_PERSON: ReasonText(
            Coarse.NONE, "自動応答不可フラグ（個人）があります", "No automatic answer for this person"
        ),
        Reason.HELD_INFORMATION: ReasonText(
            Coarse.NONE,
            "自動応答不可フラグ（特定個人情報）があります",
            "No automatic answer for this information of the person",
        ),
    }
)
