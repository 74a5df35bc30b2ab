"""漏えい検査: whether any of the texts that may stand nowhere stands somewhere. Also used on logs and problems by tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from gateway.exchange.jws import JwsRefused, unverified_payload
from gateway.exchange.messages import MESSAGE_LIMIT
from gateway.judge.export import Export
from gateway.judge.violation import Violation

SHORTEST = 4
"""A text of fewer characters would be found by chance, and is not looked for."""


class Canaries:
    """Many texts to be looked for at once; which one was found is never told. Thousands may begin alike, as numbers do:
    then only their few lengths are tried."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = frozenset(text for text in texts if len(text) >= SHORTEST)
        self._lengths: defaultdict[str, set[int]] = defaultdict(set)
        for text in self._texts:
            self._lengths[text[:SHORTEST]].add(len(text))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def sing(self, text: str) -> bool:
        """Whether any canary stands in the text."""
        lengths = self._lengths
        for place in range(len(text) - SHORTEST + 1):
            found = lengths.get(text[place : place + SHORTEST])
            if found is not None and any(text[place : place + length] in self._texts for length in found):
                return True
        return False


def no_canary(export: Export, canaries: Canaries) -> Iterator[Violation]:
    """No number and no content of a person in records, annexes, permits, alarms and the operations log."""
    for row in export.records:
        if canaries.sing(_spoken(row.jws)) or canaries.sing(row.annex.decode(errors="replace")):
            yield Violation("no-canary", "in-a-record", row.txn, row.holder)
    for exchange in export.exchanges:
        if exchange.permit is not None and canaries.sing(_spoken(exchange.permit)):
            yield Violation("no-canary", "in-a-permit", exchange.txn, "network")
        if exchange.ended is not None and canaries.sing(exchange.ended.payload.decode(errors="replace")):
            yield Violation("no-canary", "in-a-payload", exchange.txn, "network")
    for alarm in export.alarms:
        if canaries.sing(f"{alarm.caller} {alarm.message} {alarm.fault}"):
            yield Violation("no-canary", "in-an-alarm", alarm.txn, alarm.party)
    for line in export.operations:
        if canaries.sing(line):
            yield Violation("no-canary", "in-the-operations-log", None)


def _spoken(token: str) -> str:
    """What a token says, decoded; a text that is no token speaks for itself."""
    try:
        return unverified_payload(token, MESSAGE_LIMIT).decode(errors="replace")
    except JwsRefused:
        return token
