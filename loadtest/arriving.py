"""Whoever arrives (到着): takes an intended start, waits for it, acts, looks at every answer, and tells how it ended.

A user takes the next intended start of its kind, waits for it, does the whole thing, and is free again. What Locust
counts is the whole arrival, from the intended start to the last answer; single requests of it are not counted apart.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import gevent
from locust import FastHttpUser, constant, task
from locust.env import Environment

from loadtest import answers
from loadtest.client import slug_of
from loadtest.measures import Ended
from loadtest.plan import Question
from loadtest.running import Done, Run
from loadtest.signatures import Sampled

__all__ = ["RUNS", "Arriving", "Reply", "wrong"]

T = TypeVar("T")

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
        run.starts(arrival, started)
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
        if ended is Ended.IDLE:
            return
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
            data = json.dumps(body)
        response = self.client.request(method, path, catch_response=True, headers=headers, data=data)
        self.answered_at = monotonic()
        if response.status_code == 0:
            raise wrong("no answer: connection refused, reset or timed out")
        content = response.content
        told: Any = response.headers or {}
        reply = Reply(response.status_code, str(told.get("Location", "")), json.loads(content) if content else {})
        if reply.status == 503 and reply.slug == "busy":
            if "Retry-After" not in told:
                raise wrong("busy without Retry-After")
            raise Done(Ended.BUSY, "busy")
        return reply

    def expect(self, fault: str) -> None:
        """Nothing is wrong, or the arrival ends here."""
        if fault:
            raise wrong(fault)

    def one_of(self, things: Collection[T]) -> T:
        """Any one of what the plan offers; where it offers none there is nothing to do."""
        if not things:
            raise Done(Ended.IDLE, "the plan has nobody for this")
        return self.random.choice(list(things))

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
