"""Why a match list is refused (照合リストの拒否理由): the closed table of reasons, and how a bad document comes by its name."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from authz.listrules import Fault

__all__ = ["ListFault", "ListRefused", "named"]


class ListFault(StrEnum):
    """Why a list is refused. Whatever the reason, nothing of what is held changes."""

    UNSIGNED = "unsigned"
    WRONG_KEY = "wrong-key"
    KEY_NOT_ANNOUNCED = "key-not-announced"
    MALFORMED = "malformed"
    OTHER_NETWORK = "other-network"
    ONE_APPROVAL = "one-approval"
    SAME_APPROVER = "same-approver"
    UNKNOWN_APPROVER = "unknown-approver"
    APPROVAL_INVALID = "approval-invalid"
    SERIAL_LOWER = "serial-lower"
    SERIAL_SKIPPED = "serial-skipped"
    HISTORY_FORKED = "history-forked"
    EXPIRED = "expired"
    HALF_DELIVERED = "half-delivered"
    PART_ALTERED = "part-altered"
    ROWS_MISCOUNTED = "rows-miscounted"
    DAYS_OUT_OF_ORDER = "days-out-of-order"
    UNKNOWN_KIND = "unknown-kind"
    ROW_TWICE = "row-twice"
    ROW_EMPTY = "row-empty"
    CONTENT = "content-invalid"

    @property
    def ja(self) -> str:
        return _JA[self]


_JA = {
    ListFault.UNSIGNED: "署名がありません",
    ListFault.WRONG_KEY: "署名が公布者の鍵のものではありません",
    ListFault.KEY_NOT_ANNOUNCED: "予告されていない鍵で署名されています",
    ListFault.MALFORMED: "目録の形式に合いません",
    ListFault.OTHER_NETWORK: "別のネットワークのリストです",
    ListFault.ONE_APPROVAL: "承認が二つありません",
    ListFault.SAME_APPROVER: "同じ人または同じ鍵による二つの承認です",
    ListFault.UNKNOWN_APPROVER: "承認できる人の承認ではありません",
    ListFault.APPROVAL_INVALID: "承認の署名を確かめられません",
    ListFault.SERIAL_LOWER: "通し番号が戻っています",
    ListFault.SERIAL_SKIPPED: "通し番号が飛んでいます",
    ListFault.HISTORY_FORKED: "履歴が分岐しています",
    ListFault.EXPIRED: "目録の期限が切れています",
    ListFault.HALF_DELIVERED: "届いていない部分があります",
    ListFault.PART_ALTERED: "部分の内容が目録と違います",
    ListFault.ROWS_MISCOUNTED: "行数が目録と違います",
    ListFault.DAYS_OUT_OF_ORDER: "日付の前後が合いません",
    ListFault.UNKNOWN_KIND: "定義のない機関の種別があります",
    ListFault.ROW_TWICE: "同じ行が二度あります",
    ListFault.ROW_EMPTY: "空の行があります",
    ListFault.CONTENT: "内容がリストの規則に合いません",
}


class ListRefused(Exception):
    """A list that is not accepted: the reason by name, and what exactly is wrong where there is more to say."""

    def __init__(self, fault: ListFault, faults: Sequence[Fault] = ()) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.faults = tuple(faults)


def named(document: bytes, faults: Sequence[Fault]) -> ListFault:
    """The name of what is wrong with a document: the first of its faults that has one of its own."""
    lines = document.split(b"\n")
    for fault in faults:
        known = _name_of(fault, lines)
        if known is not ListFault.CONTENT:
            return known
    return ListFault.CONTENT


def _name_of(fault: Fault, lines: Sequence[bytes]) -> ListFault:
    if fault.rule == "repeated":
        return ListFault.ROW_TWICE
    if fault.field in {"in_force_from", "in_force_until"}:
        return ListFault.DAYS_OUT_OF_ORDER
    if fault.field in {"inquirers", "providers", "counts_as"} and fault.rule.startswith("no line defines"):
        return ListFault.UNKNOWN_KIND
    empty = fault.field == "line" and 0 < fault.line <= len(lines) and not lines[fault.line - 1].strip()
    if empty or (fault.field in {"inquirers", "providers"} and fault.rule == "at least one expected"):
        return ListFault.ROW_EMPTY
    return ListFault.CONTENT
