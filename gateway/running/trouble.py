"""起動できない理由: what keeps the program from starting, in words for whoever started it."""

from __future__ import annotations

__all__ = ["StartTrouble", "port_taken", "second_server"]


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


def port_taken(host: str, port: int, error: OSError) -> StartTrouble:
    """Nobody can listen there."""
    return StartTrouble(
        "待ち受けるアドレスまたはポートを使えません。",
        f"cannot listen on {host}:{port} ({error.strerror})",
        "--port（--party-port、--join-port）で別の番号（0 なら空いている番号）、--host でこの機械のアドレスを指定してください。",
        "Name another port with --port (--party-port, --join-port; 0 takes a free one), or an address of this machine "
        "with --host.",
    )
