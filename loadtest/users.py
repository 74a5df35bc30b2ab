"""Users (利用者) of the load test, one class for each kind of arrival of the mix. Every answer is looked at.

A user takes the next intended start of its kind, waits for it, does the whole thing, and is free again. What Locust
counts is the whole arrival, from the intended start to the last answer; single requests of it are not counted apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any, ClassVar
from uuid import uuid4

import gevent
from locust import FastHttpUser, constant, task
from locust.env import Environment

from loadtest import answers
from loadtest.client import slug_of
from loadtest.measures import Ended
from loadtest.plan import Question
from loadtest.questions import corrected
from loadtest.running import Done, Run
from loadtest.signatures import Sampled

__all__ = ["BY_KIND", "RUNS", "Arriving"]

RUNS: dict[int, Run] = {}
"""The run of each Locust environment of this process."""

PATIENCE = 30.0
"""Seconds for which a user polls for the end of an inquiry."""
FIRST_POLL = 0.05
SLOWEST_POLL = 1.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as users look at it."""

    status: int
    location: str
    data: Any

    @property
    def slug(self) -> str:
        return slug_of(self.data)


def wrong(text: str) -> Done:
    return Done(Ended.FAULT, text)


class Arriving(FastHttpUser):
    """Whoever arrives as scheduled. A subclass says what it does in ``act``, which returns what was answered."""

    abstract = True
    kind: ClassVar[str] = ""
    wait_time = constant(0)
    network_timeout = PATIENCE + 30.0
    connection_timeout = 10.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.run_ = RUNS[id(environment)]
        self.random = Random(self.run_.random.random())
        self.answered_at = 0.0

    @task
    def arrive(self) -> None:
        run = self.run_
        arrival = run.take(self.kind)
        if arrival is None:
            run.finished.wait()
            gevent.sleep(1.0)
            return
        delay = arrival.intended - monotonic()
        if delay > 0:
            gevent.sleep(delay)
        started = self.answered_at = monotonic()
        run.starts(self.kind, arrival, started)
        ended, text = self._acted()
        if run.ends(self.kind, arrival, (started, self.answered_at), ended, text):
            self._tell_locust(self.answered_at - arrival.intended, ended, text)

    def _acted(self) -> tuple[Ended, str]:
        try:
            return Ended.RIGHT, self.act()
        except Done as done:
            return done.ended, done.text
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return Ended.FAULT, f"an answer of another form: {type(error).__name__}"

    def _tell_locust(self, latency: float, ended: Ended, text: str) -> None:
        failed = ended not in (Ended.RIGHT, Ended.RACED)
        self.environment.events.request.fire(
            request_type="arrival",
            name=self.kind,
            response_time=latency * 1000,
            response_length=0,
            exception=Done(ended, text) if failed else None,
            context={},
        )

    def act(self) -> str:
        """The whole arrival; what was answered. ``Done`` where it went otherwise."""
        raise wrong("nothing to do")

    # --- speaking ---------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, login: str = "", body: Any = None, token: str = "", wait: int = 0) -> Reply:
        """One request, as a member of staff or with a token; ``Done`` where the server is busy or does not answer."""
        bearer = token or (self.run_.tokens.of(login) if login else "")
        headers = {"Accept": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if wait:
            headers["Prefer"] = f"wait={wait}"
        if path == "/inquiries" and method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, ensure_ascii=False).encode()
        response = self.client.request(method, path, catch_response=True, headers=headers, data=data)
        self.answered_at = monotonic()
        if response.status_code == 0:
            raise wrong(f"no answer: {type(response.error).__name__}")
        content = response.content
        reply = Reply(
            response.status_code, str(response.headers.get("Location", "")), json.loads(content) if content else {}
        )
        if reply.status == 503 and reply.slug == "busy":
            if "Retry-After" not in response.headers:
                raise wrong("busy without Retry-After")
            raise Done(Ended.BUSY, "busy")
        return reply

    def expect(self, fault: str) -> None:
        """Nothing is wrong, or the arrival ends here."""
        if fault:
            raise wrong(fault)

    # --- asking -----------------------------------------------------------------------------------------------------

    def ask(self, question: Question, wait: int = 0) -> tuple[str, Mapping[str, Any]]:
        """Registers an inquiry: its exchange number, and the view as it was answered."""
        reply = self.call("POST", "/inquiries", question.login, question.body, wait=wait)
        if reply.slug:
            raise wrong(f"{reply.status} {reply.slug}")
        self.expect(answers.registered(question, reply.status, reply.location, reply.data))
        return answers.exchange_of(reply.data), reply.data

    def result(self, question: Question, exchange: str) -> Mapping[str, Any]:
        """The result once it has ended, polled for ever less often; it must be the one that belongs to the question."""
        deadline, pause = monotonic() + PATIENCE, FIRST_POLL
        while True:
            reply = self.call("GET", f"/inquiries/{exchange}", question.login)
            self.expect(answers.polled(exchange, reply.status, reply.data))
            if reply.data["state"] == "ended":
                break
            if monotonic() > deadline:
                raise wrong("no end within the time that a user waits")
            gevent.sleep(pause)
            pause = min(SLOWEST_POLL, pause * 1.5)
        reply = self.call("GET", f"/inquiries/{exchange}/result", question.login)
        self.expect(answers.polled(exchange, reply.status, reply.data))
        self.expect(answers.ended_with(question, reply.data))
        view: Mapping[str, Any] = reply.data
        return view

    def saw(self, question: Question, view: Mapping[str, Any]) -> str:
        """An ended exchange, which may be sampled; what it ended with."""
        body = question.body
        self.run_.saw(
            Sampled(
                exchange=view["exchange"],
                inquirer=question.agency,
                provider=question.provider,
                outcome=view["outcome"],
                information=body["information"],
                items=tuple(body.get("items", ())),
            )
        )
        return str(view["outcome"])


class QueryOnline(Arriving):
    """情報照会, waited for on the connection; if it takes longer than that, polled for."""

    kind = "query-online"

    def act(self) -> str:
        question = self.run_.question(self.random)
        exchange, view = self.ask(question, self.run_.mix.wait)
        if view["state"] != "ended":
            view = self.result(question, exchange)
        return self.saw(question, view)


class QueryPolled(Arriving):
    """情報照会, registered and polled."""

    kind = "query-polled"

    def act(self) -> str:
        question = self.run_.question(self.random)
        exchange, _ = self.ask(question)
        return self.saw(question, self.result(question, exchange))


class QueryHeld(Arriving):
    """情報照会 about somebody who is not answered automatically: it must look like one that takes its time."""

    kind = "query-held"

    def act(self) -> str:
        if not self.run_.plan.held:
            return "nobody is held"
        question = self.random.choice(self.run_.plan.held)
        exchange, _ = self.ask(question)
        self.run_.awaiting.append((question, exchange))
        return "in-progress"


class CollectHeld(Arriving):
    """The inquirer looks whether an answer has come that took its time."""

    kind = "collect-held"

    def act(self) -> str:
        if not self.run_.awaiting:
            return "nothing to collect"
        question, exchange = self.run_.awaiting.popleft()
        reply = self.call("GET", f"/inquiries/{exchange}/result", question.login)
        self.expect(answers.collected(question, exchange, reply.status, reply.data))
        if reply.data["state"] != "ended":
            self.run_.awaiting.append((question, exchange))
            return "in-progress"
        return self.saw(question, reply.data)


class _Reviewing(Arriving):
    """Reviewers of one provider."""

    abstract = True

    def waiting(self, login: str, state: str) -> Mapping[str, Any] | None:
        """One of the oldest provisions in that state."""
        reply = self.call("GET", f"/provisions?state={state}&limit=20", login)
        if reply.status != 200:
            raise wrong(f"{reply.status} {reply.slug}")
        listed = reply.data["provisions"]
        if any(one["state"] != state for one in listed):
            raise wrong("listed in another state")
        chosen: Mapping[str, Any] | None = self.random.choice(listed) if listed else None
        return chosen

    def decided(self, reply: Reply, exchange: str, state: str) -> None:
        """Somebody else may have been faster; anything else must be the state that follows."""
        if reply.status == 409 and reply.slug in ("wrong-state", "changed-since-prepared"):
            raise Done(Ended.RACED, reply.slug)
        if reply.status != 200:
            raise wrong(f"{reply.status} {reply.slug}")
        if reply.data.get("exchange") != exchange or reply.data.get("state") != state:
            raise wrong(f"state {reply.data.get('state')} instead of {state}")


class ReviewFirst(_Reviewing):
    """審査の一人目: sees what would be sent, and confirms, corrects or withholds."""

    kind = "review-first"

    def act(self) -> str:
        from loadtest.mix import draw

        login, _ = self.random.choice(self.run_.plan.reviewers)
        held = self.waiting(login, "held")
        if held is None:
            return "nothing to review"
        exchange = str(held["exchange"])
        shown = self.call("GET", f"/provisions/{exchange}/content", login)
        if shown.status != 200:
            raise wrong(f"{shown.status} {shown.slug}")
        content, choice = shown.data["content"], draw(self.run_.mix.review, self.random)
        body: dict[str, Any] = {"choice": choice}
        if choice == "correct" and content is None:
            body["choice"] = choice = "confirm"
        if choice == "correct":
            body["content"] = {**content, "items": corrected(content["items"])}
        if choice == "withhold":
            body["reason"] = "duplicate-under-correction"
        self.decided(self.call("POST", f"/provisions/{exchange}/preparation", login, body), exchange, "prepared")
        return choice


class ReviewSecond(_Reviewing):
    """審査の二人目: releases what another person prepared."""

    kind = "review-second"

    def act(self) -> str:
        _, login = self.random.choice(self.run_.plan.reviewers)
        prepared = self.waiting(login, "prepared")
        if prepared is None:
            return "nothing to release"
        exchange = str(prepared["exchange"])
        reply = self.call("POST", f"/provisions/{exchange}/release", login)
        self.decided(reply, exchange, "ended")
        return str(reply.data["outcome"])
