"""The words of an explanation (判定説明の用語): effects, checks, fields, assumptions, in Japanese and English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from authz.explain import Assumption, Field, Level
from authz.listsource import Certainty
from authz.questions import Effect

__all__ = ["ASSUMPTIONS", "CERTAINTIES", "CHECKS", "EFFECTS", "FIELDS", "LEVELS", "RECIPES", "of_check"]

Words = tuple[str, str]
"""Japanese, English."""

EFFECTS: Final[Mapping[Effect, Words]] = MappingProxyType(
    {
        Effect.PERMIT: ("許可", "permitted"),
        Effect.DENY: ("不許可", "denied"),
        Effect.REVIEW: ("保留（職員の判断）", "held for people"),
    }
)

LEVELS: Final[Mapping[Level, Words]] = MappingProxyType(
    {
        Level.AGENCIES: (
            "両機関の名簿の記載と照合リストによる",
            "by the directory's facts of both agencies and the list",
        ),
        Level.LIST: ("照合リストのみによる（種別の判定）", "by the list alone, for kinds of institutions"),
    }
)

RECIPES: Final[Mapping[str, Words]] = MappingProxyType(
    {
        "ask": ("照会者の中間サーバー", "the inquirer's server"),
        "permit": ("情報提供ネットワークシステム", "the network"),
        "provide": ("提供者の中間サーバー", "the provider's server"),
    }
)

CHECKS: Final[Mapping[str, Words]] = MappingProxyType(
    {
        "well_formed": ("形式", "form"),
        "permit_holds": ("情報提供許可証", "the permit"),
        "in_validity": ("通知の有効期間", "validity of the notice"),
        "inquirer": ("照会者の機関コード", "the inquirer's code"),
        "provider": ("提供者の機関コード", "the provider's code"),
        "assessment_of_inquirer": ("照会者の保護評価の公表（法28条）", "the inquirer's assessment (art. 28)"),
        "assessment_of_provider": ("提供者の保護評価の公表（法28条）", "the provider's assessment (art. 28)"),
        "task_allowed": ("部署・利用者の事務", "tasks of office and principal"),
        "ordinance": ("条例事務の届出と公表（法19条9号）", "notification of a local task (art. 19 no. 9)"),
        "match_list": ("照合リスト（法19条8号）", "the match list (art. 19 no. 8)"),
        "list_of_the_inquirer": (
            "照会者の持つ照合リスト（法19条8号）",
            "the inquirer's copy of the list (art. 19 no. 8)",
        ),
        "list_of_the_provider": (
            "提供者の持つ照合リスト（法19条8号）",
            "the provider's copy of the list (art. 19 no. 8)",
        ),
        "procedure": ("事務手続の所属", "the procedure belongs to the task"),
        "procedure_information": ("事務手続の情報の行", "the procedure's lines of information"),
        "consent": ("本人の同意", "consent"),
        "own_code": ("照会者の符号", "the inquirer's linkage code"),
        "codes_known": ("両者の符号", "both linkage codes"),
        "ordinance_limit": ("提供者の条例による制限", "limits of the provider's ordinance"),
        "flags": ("自動応答不可フラグ", "flags against an automatic answer"),
    }
)

FIELDS: Final[Mapping[Field, Words]] = MappingProxyType(
    {
        Field.ITEMS: ("項目", "items"),
        Field.CONSENT: ("同意", "consent"),
        Field.PROCEDURE: ("事務手続", "procedure"),
        Field.INFORMATION: ("特定個人情報", "information"),
        Field.TASK: ("事務", "task"),
        Field.PROVIDER: ("提供者", "provider"),
        Field.INQUIRER: ("照会者", "inquirer"),
        Field.DAY: ("判定日", "day"),
    }
)

ASSUMPTIONS: Final[Mapping[Assumption, Words]] = MappingProxyType(
    {
        Assumption.CODES: (
            "照会者と提供者が本人の符号を取得しているものとした",
            "both agencies are taken to hold a linkage code for the person",
        ),
        Assumption.OFFICE: (
            "照会する部署と利用者にこの事務が割り当てられているものとした",
            "the asking office and principal are taken to be charged with the task",
        ),
        Assumption.PERMIT: (
            "許可証と通知は有効で、一度も使われていないものとした",
            "permit and notice are taken to be valid and unused",
        ),
        Assumption.FLAGS: (
            "自動応答不可フラグはないものとした",
            "no flag against an automatic answer is taken to be set",
        ),
        Assumption.DIRECTORY: (
            "機関については、いま持つ名簿の記載を判定日で読んだ",
            "agencies are judged by the directory as held now, read for the day",
        ),
        Assumption.MODEL: (
            "種別で示した機関は、コードが有効で、評価を全て公表し、符号を持ち、条例事務を持たないものとした",
            "a body named by kind is taken to be in force, assessed, to hold codes, and to ask for no local task",
        ),
        Assumption.UNION: (
            "広域連合・一部事務組合に移された事務はないものとした",
            "no work is taken to have been moved to the wide-area union",
        ),
        Assumption.FLOOR: (
            "この改正の文言は別の日のもので、判定日には異なっていた可能性がある",
            "the text of this revision is of another day and may have read differently on the day judged by",
        ),
        Assumption.SCOPE: (
            "「…に限る」「…を除く」という限定は文言のまま示し、判定していない",
            "limits in words (に限る, を除く) are shown and not judged",
        ),
        Assumption.EARLIEST: (
            "その時点ではまだ照合リストを持っていなかったため、最初に持ったものによった",
            "no list was held yet at that time: the first one that was held stands for it",
        ),
        Assumption.OFFLINE: (
            "照合リストと機関はサーバーのものではなく手元のもので、通番（1 とした）と承認は確かめていない",
            "list and bodies are those at hand, not a server's: serial (shown as 1) and approvals are not known",
        ),
    }
)

CERTAINTIES: Final[Mapping[Certainty, Words]] = MappingProxyType(
    {
        Certainty.A: ("文言どおり", "plain reading"),
        Certainty.B: ("引用された法令または再構成による", "rests on a cited law, or reconstructed"),
        Certainty.C: ("対象が開いた類型で、種別の割当ては本製品の選択", "an open class: its kinds are our choice"),
    }
)


def of_check(check: str) -> Words:
    """A check's name for people; its own name where this table has none."""
    return CHECKS.get(check, (check, check))
