"""起動できない理由: what keeps the program from starting, in words for whoever started it."""

from __future__ import annotations

__all__ = ["StartTrouble", "second_server"]


class StartTrouble(Exception):
    """The start cannot go on. ``ja`` and ``en`` say what is wrong and where, ``advice_*`` what to do."""

    def __init__(self, ja: str, en: str, advice_ja: str, advice_en: str) -> None:
        super().__init__(en)
        self.ja = ja
        self.en = en
        self.advice_ja = advice_ja
        self.advice_en = advice_en
        self.log_text = en


def second_server(what: str) -> StartTrouble:
    """Another process serves the same data."""
    return StartTrouble(
        "同じデータで別のサーバーが動いています。",
        what,
        "そのサーバーを止めるか、--data で別のフォルダーを使ってください。",
        "Stop that server, or name another folder with --data.",
    )
