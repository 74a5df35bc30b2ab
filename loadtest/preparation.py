"""Preparation (準備), apart from every measurement: what can be asked is chosen, tried once, and written to a plan.

``python -m loadtest.preparation --url URL --credentials FILE --plan FILE``. What the invented world says must happen is
compared with what the server does; a question that ends otherwise is left out and said, because a server whose world is
another one (another size, a set clock, a story in between) cannot be measured with these expectations.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from random import Random
from uuid import uuid4

from fixtures.invented import codebook as book
from fixtures.people import addressee_number
from fixtures.world import World, invented_country
from loadtest.answers import ended_with, exchange_of
from loadtest.client import Client, NotReached
from loadtest.mix import MIX, Mix, read_mix
from loadtest.plan import Credentials, Plan, Question, write_plan
from loadtest.questions import NEWCOMERS_AT, items_of, questions_of

__all__ = ["NotPrepared", "prepare", "world_day"]

MOST_QUESTIONS = 200
"""Of each theme."""
TRIED = 8
"""How many of each theme are asked beforehand; the others are right by the same rules, and checked in the run."""
MOST_DEPOSITS = 150
"""Duplicates kept ready for each keeper."""
SESSION_POSTS = ("staff", "operator", "auditor")
DIFFERING = 0.05
"""Which share of the questions may end otherwise than the world says before the server's world is another one."""

Told = Callable[[str, int], None]


class NotPrepared(Exception):
    """The server is not one that can be measured with this world; the text says what differs."""


def silent(what: str, done: int) -> None:
    """Nobody watches."""


def world_day(client: Client) -> date:
    """The server's world date: it decides what is published and permitted."""
    return date.fromisoformat(str(client.call("GET", "/clock").data["world"])[:10])


def prepare(url: str, credentials: Credentials, mix: Mix, told: Told = silent, seed: int = 0) -> Plan:
    """A plan for the invented country as the server at ``url`` has it; raises ``NotReached`` or ``NotPrepared``."""
    world = invented_country()
    client = Client(url)
    try:
        candidates = questions_of(world, world_day(client), mix.partial, seed)
        random = Random(seed)
        chosen = [one for one in _chosen(candidates.answered, random) if one.login in credentials]
        tokens = _Tokens(client, credentials)
        told("questions", len(chosen))
        forbidden = [one for one in candidates.not_permitted if one.login in credentials][:MOST_QUESTIONS]
        tried = [*_some_of_each(chosen), *_some_of_each(forbidden)]
        differing = _tried(client, tokens, tried)
        _same_world(len(tried), list(differing.values()))
        right = [one for one in chosen if id(one) not in differing]
        told("tried", len(tried))
        keepers = {login: made for login, made in _deposits(world, right, random).items() if login in credentials}
        asked = [one for one in candidates.held if one.login in credentials]
        return Plan(
            questions=right,
            held=asked,
            not_permitted=[one for one in forbidden if id(one) not in differing],
            reviewers=_reviewers(world, asked),
            deposits=keepers,
            newcomers=_newcomers(world, credentials),
            sessions=[login for login in _posts(world, SESSION_POSTS) if login in credentials],
            foreign=_foreign(client, tokens, right),
            without_duty=[login for login in _posts(world, ("records",)) if login in credentials][:4],
            readers={str(one.code): f"{one.slug}-records" for one in (*world.agencies, world.network)},
            url=url,
            notes=[f"{times} × {what}" for what, times in Counter(differing.values()).items()],
        )
    finally:
        client.close()


class _Tokens:
    """Everybody who was needed so far, logged in once."""

    def __init__(self, client: Client, credentials: Credentials) -> None:
        self._client = client
        self._credentials = credentials
        self._known: dict[str, str] = {}

    def of(self, login: str) -> str:
        if login not in self._known:
            self._known[login] = self._client.login(self._credentials[login])
        return self._known[login]


def _chosen(questions: Sequence[Question], random: Random) -> list[Question]:
    """At most so many of each theme, drawn over the whole world."""
    chosen: list[Question] = []
    for theme in dict.fromkeys(one.theme for one in questions):
        of_theme = [one for one in questions if one.theme == theme]
        chosen.extend(random.sample(of_theme, min(len(of_theme), MOST_QUESTIONS)))
    return chosen


def _some_of_each(questions: Sequence[Question]) -> list[Question]:
    seen: Counter[str] = Counter()
    chosen = []
    for one in questions:
        seen[one.theme] += 1
        if seen[one.theme] <= TRIED:
            chosen.append(one)
    return chosen


def _tried(client: Client, tokens: _Tokens, questions: Sequence[Question]) -> dict[int, str]:
    """What was wrong with those that do not end as they must."""
    differing = {}
    for one in questions:
        answer = client.call(
            "POST", "/inquiries", one.body, tokens.of(one.login), Prefer="wait=10", Idempotency_Key=str(uuid4())
        )
        wrong = ended_with(one, answer.data) if answer.status == 201 else f"{answer.status} {answer.slug}"
        if wrong:
            differing[id(one)] = f"{one.theme}: {wrong}"
    return differing


def _same_world(asked: int, differing: Sequence[str]) -> None:
    if len(differing) > asked * DIFFERING:
        worst = "; ".join(f"{times} × {what}" for what, times in Counter(differing).most_common(5))
        raise NotPrepared(
            f"{len(differing)} of {asked} questions end otherwise than the invented country says: {worst}"
        )


def _reviewers(world: World, held: Sequence[Question]) -> list[tuple[str, str]]:
    slugs = {str(one.code): one.slug for one in world.agencies}
    providers = dict.fromkeys(one.provider for one in held)
    return [(f"{slugs[code]}-reviewer-1", f"{slugs[code]}-reviewer-2") for code in providers]


def _posts(world: World, posts: Sequence[str]) -> list[str]:
    return [f"{one.slug}-{post}" for post in posts for one in world.agencies]


def _deposits(world: World, questions: Sequence[Question], random: Random) -> dict[str, list[Mapping[str, object]]]:
    """Duplicates of municipalities as they stand; those of flagged people stay as they are."""
    flagged = {(flag.person.agency, flag.person.resident) for flag in world.flags}
    numbers = {(one.agency, one.resident): one for one in world.numberings() if one.system == book.RESIDENTS_SYSTEM}
    slugs = {one.code: one.slug for one in world.municipalities}
    made: dict[str, list[Mapping[str, object]]] = {}
    for one in world.duplicates():
        number = numbers.get((one.agency, one.resident))
        if number is None or one.agency not in slugs or (one.agency, one.resident) in flagged:
            continue
        body: dict[str, object] = {
            "person": {"system": str(number.system), "number": number.number.reveal()},
            "information": str(one.information),
            "layout": one.version,
            "published_from": one.published_from.isoformat(),
            "items": items_of(one),
        }
        if one.published_until is not None:
            body["published_until"] = one.published_until.isoformat()
        made.setdefault(f"{slugs[one.agency]}-duplicates", []).append(body)
    return {login: random.sample(all_, min(len(all_), MOST_DEPOSITS)) for login, all_ in made.items()}


def _newcomers(world: World, credentials: Credentials) -> dict[str, list[Mapping[str, str]]]:
    """People who never lived in the town and move in: the town numbers them and acquires their codes."""
    town = next(one for one in world.municipalities if one.slug == NEWCOMERS_AT)
    keeper = f"{town.slug}-duplicates"
    if keeper not in credentials:
        return {}
    coming = [one for one in world.residents() if one.is_alive and all(s.agency != town.code for s in one.residences)]
    system = book.RESIDENTS_SYSTEM
    return {
        keeper: [
            {
                "individual_number": one.individual.reveal(),
                "system": str(system),
                "number": addressee_number(world.seed, town.code, system, one.serial).reveal(),
            }
            for one in coming
        ]
    }


def _foreign(client: Client, tokens: _Tokens, questions: Sequence[Question]) -> list[tuple[str, str]]:
    """Exchanges of one agency, and somebody of another agency who must not find them."""
    made: list[tuple[str, str]] = []
    by_agency = {one.agency: one for one in questions}
    asked = list(by_agency.values())
    for one, other in zip(asked, asked[1:] + asked[:1], strict=True):
        if one.agency == other.agency:
            continue
        answer = client.call("POST", "/inquiries", one.body, tokens.of(one.login), Idempotency_Key=str(uuid4()))
        exchange = exchange_of(answer.data)
        if exchange:
            made.append((other.login, exchange))
            tokens.of(other.login)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="choose what can be asked of a running server, and write the plan")
    parser.add_argument("--url", required=True)
    parser.add_argument("--credentials", required=True, type=Path, help="credentials.json of the server's data folder")
    parser.add_argument("--plan", required=True, type=Path, help="file to write (0600)")
    parser.add_argument("--mix", type=Path, default=MIX)
    given = parser.parse_args()
    try:
        plan = prepare(given.url, Credentials(given.credentials), read_mix(given.mix))
    except (NotReached, NotPrepared) as trouble:
        raise SystemExit(str(trouble)) from None
    write_plan(plan, given.plan)
    print(f"{len(plan.questions)} questions, {len(plan.held)} held, {len(plan.deposits)} keepers -> {given.plan}")
    for note in plan.notes:
        print(f"  {note}")


if __name__ == "__main__":
    main()
