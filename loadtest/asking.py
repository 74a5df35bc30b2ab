"""Inquiries for the fast generator (照会の準備): every body made beforehand, every person asked about in turn.

The questions are the invented country's, each with the end that the world says. An answer is right if it is an end of
the right kind, of an exchange that nobody saw before, with exactly the content that was deposited.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import msgspec

from fixtures.world import invented_country
from loadtest.answers import EXCHANGE
from loadtest.client import Answer, Client, slug_of
from loadtest.driving import BUSY, LATER, RIGHT
from loadtest.plan import Credentials, Question, fingerprint
from loadtest.preparation import world_day
from loadtest.questions import questions_of
from loadtest.signatures import Sampled, records_fault, trusted_keys
from loadtest.wire import Address, header, request_head

__all__ = ["Asking", "asked_of", "verified", "with_questions"]

SAMPLE = 20
"""How many exchanges of a run have all holders' records verified."""


class _Content(msgspec.Struct):
    information: str
    items: msgspec.Raw


class _View(msgspec.Struct):
    exchange: str
    state: str
    outcome: str | None = None
    content: _Content | None = None


_decode = msgspec.json.Decoder(_View).decode


class Asking:
    """``Requests`` to ``POST /inquiries``. Remembers every exchange number that came, and samples some of them."""

    def __init__(self, address: Address, questions: Sequence[Question], tokens: dict[str, str]) -> None:
        if not questions:
            raise ValueError("no question that can be asked")
        self.questions = questions
        self.sampled: list[Sampled] = []
        self.seen: set[str] = set()
        self._random = Random(0)
        self._run = os.urandom(6).hex()
        self._number = 0
        self._known: list[bytes] = [b""] * len(questions)
        """The items of each question as they last came and were right: most often they come again byte by byte."""
        self._parts = [_parts(address, one, tokens[one.login]) for one in questions]

    def __len__(self) -> int:
        return len(self.questions)

    def wire(self, place: int) -> bytes:
        before, behind = self._parts[place]
        self._number += 1
        return b"%bIdempotency-Key: %b-%d\r\n%b" % (before, self._run.encode(), self._number, behind)

    def verdict(self, place: int, status: int, head: bytes, body: bytes) -> str:
        if status == 201:
            return self._ended(place, head, body)
        if status in (429, 503):
            return BUSY if header(head, b"retry-after") else f"{status} without Retry-After"
        if status == 202:
            return LATER
        try:
            return f"{status} {slug_of(json.loads(body))}"
        except ValueError:
            return f"{status} without a problem"

    def _ended(self, place: int, head: bytes, body: bytes) -> str:
        question = self.questions[place]
        try:
            view = _decode(body)
        except msgspec.DecodeError:
            return "an answer of another form"
        exchange = view.exchange
        if not EXCHANGE.fullmatch(exchange) or exchange in self.seen:
            return "no exchange number, or one that was there before"
        self.seen.add(exchange)
        if header(head, b"location") != b"/inquiries/" + exchange.encode():
            return "Location names another exchange"
        if (view.state, view.outcome) != ("ended", question.outcome):
            return f"{view.state} {view.outcome} instead of ended {question.outcome}"
        if question.outcome == "provided" and not self._content_is_right(place, view.content):
            return "not the content that was deposited"
        if len(self.sampled) < SAMPLE or self._random.random() < SAMPLE / len(self.seen):
            self._sample(question, exchange)
        return RIGHT

    def _content_is_right(self, place: int, content: _Content | None) -> bool:
        question = self.questions[place]
        if content is None or content.information != question.body["information"]:
            return False
        raw = bytes(content.items)
        if raw == self._known[place]:
            return True
        items = json.loads(raw)
        if items.keys() != set(question.items) or fingerprint(items) not in question.answers:
            return False
        self._known[place] = raw
        return True

    def _sample(self, question: Question, exchange: str) -> None:
        body = question.body
        made = Sampled(
            exchange, question.agency, question.provider, question.outcome, body["information"],
            tuple(body.get("items", ())),
        )  # fmt: skip
        if len(self.sampled) < SAMPLE:
            self.sampled.append(made)
            return
        self.sampled[self._random.randrange(SAMPLE)] = made


def _parts(address: Address, question: Question, token: str) -> tuple[bytes, bytes]:
    """What stands before the idempotency key's line, and what stands behind it."""
    body = json.dumps(question.body, ensure_ascii=False).encode()
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Prefer": "wait=10",
    }
    return request_head("POST", "/inquiries", address, headers), b"\r\n" + body


def asked_of(url: str, *, seed: int = 0) -> list[Question]:
    """The questions of the invented country that are answered with content, in an order that changes agencies often."""
    client = Client(url)
    try:
        day = world_day(client)
    finally:
        client.close()
    found = [one for one in questions_of(invented_country(), day, 0.0).answered if one.outcome == "provided"]
    Random(seed).shuffle(found)
    return found


def tokens_for(url: str, credentials: Path, logins: Iterable[str]) -> dict[str, str]:
    """Everybody logged in."""
    client, accounts = Client(url), Credentials(credentials)
    try:
        return {login: client.login(accounts[login]) for login in sorted(set(logins))}
    finally:
        client.close()


def with_questions(url: str, address: Address, credentials: Path, questions: Sequence[Question]) -> Asking:
    """These questions, ready to be sent, with fresh tokens."""
    return Asking(address, questions, tokens_for(url, credentials, (one.login for one in questions)))


def verified(url: str, credentials: Path, sampled: Sequence[Sampled]) -> str:
    """What is wrong with the records of these exchanges, read by their holders' own staff; empty if nothing is."""
    world = invented_country()
    readers = {str(one.code): f"{one.slug}-records" for one in (*world.agencies, world.network)}
    client, accounts = Client(url), Credentials(credentials)
    tokens: dict[str, str] = {}

    def read(agency: str, exchange: str) -> Answer:
        if agency not in tokens:
            tokens[agency] = client.login(accounts[readers[agency]])
        return client.call("GET", f"/records/{exchange}", token=tokens[agency])

    try:
        keys, network = trusted_keys(client)
        faults = [records_fault(one, keys, network, read) for one in sampled]
    finally:
        client.close()
    return next((one for one in faults if one), "")
