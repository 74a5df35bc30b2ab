"""Users (利用者) of the load test, one class for each kind of arrival of the mix. Every answer is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtest import answers
from loadtest.arriving import Arriving, Reply, wrong
from loadtest.client import TERMINAL
from loadtest.measures import Ended
from loadtest.mix import draw
from loadtest.questions import corrected
from loadtest.running import Done

__all__ = ["BY_KIND"]


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
        question = self.one_of(self.run_.plan.held)
        exchange, _ = self.ask(question)
        self.run_.awaiting.append((question, exchange))
        return "in-progress"


class CollectHeld(Arriving):
    """The inquirer looks whether an answer has come that took its time."""

    kind = "collect-held"

    def act(self) -> str:
        if not self.run_.awaiting:
            raise Done(Ended.IDLE, "nothing to collect")
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
        login, _ = self.one_of(self.run_.plan.reviewers)
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
        _, login = self.one_of(self.run_.plan.reviewers)
        prepared = self.waiting(login, "prepared")
        if prepared is None:
            return "nothing to release"
        exchange = str(prepared["exchange"])
        reply = self.call("POST", f"/provisions/{exchange}/release", login)
        self.decided(reply, exchange, "ended")
        return str(reply.data["outcome"])


class Deposit(Arriving):
    """副本の登録: some duplicates at a time, as they stand, so that no answer changes while questions are asked."""

    kind = "deposit"

    def act(self) -> str:
        login = self.one_of(self.run_.plan.deposits)
        known = self.run_.plan.deposits[login]
        duplicates = self.random.sample(known, min(len(known), self.run_.mix.deposit_batch))
        reply = self.call("PUT", "/duplicates", login, {"duplicates": duplicates})
        if reply.status != 200:
            raise wrong(f"{reply.status} {reply.slug}")
        if reply.data != {"registered": len(duplicates)}:
            raise wrong("not as many registered as sent")
        return "registered"


class Acquisition(Arriving):
    """符号の取得: a newcomer is numbered, and the linkage code acquired through the residents' network."""

    kind = "acquisition"

    def act(self) -> str:
        login = self.one_of(self.run_.plan.newcomers)
        person = self.one_of(self.run_.plan.newcomers[login])
        numbered = self.call("POST", "/addressees", login, {"persons": [person]})
        if numbered.status != 200:
            raise wrong(f"{numbered.status} {numbered.slug}")
        [made] = numbered.data["persons"]
        if made["outcome"] not in ("numbered", "known") or len(made["unified"]) != 15:
            raise wrong(f"numbering: {made['outcome']}")
        known = {"system": person["system"], "number": person["number"]}
        acquired = self.call("POST", "/codes/acquisition", login, {"persons": [known]})
        if acquired.status != 200:
            raise wrong(f"{acquired.status} {acquired.slug}")
        [code] = acquired.data["persons"]
        if code["status"] not in ("held", "asked"):
            raise wrong(f"code {code['status']}")
        return f"{made['outcome']}, {code['status']}"


class _AtTheDoor(Arriving):
    """Whoever logs in with an account of its own."""

    abstract = True

    def log_in(self, login: str, password: str) -> Reply:
        account = self.run_.credentials[login]
        body = {"agency": account.agency, "login": login, "password": password, "terminal": TERMINAL}
        return self.call("POST", "/auth/login", body=body)

    def token(self, login: str) -> str:
        """A token of that very account, or the arrival ends here."""
        account = self.run_.credentials[login]
        reply = self.log_in(login, account.password)
        if reply.status != 200:
            raise wrong(f"{reply.status} {reply.slug}")
        if reply.data["staff"]["agency"] != account.agency:
            raise wrong("logged in at another agency")
        return str(reply.data["token"])

    def log_out(self, token: str) -> None:
        reply = self.call("POST", "/auth/logout", token=token)
        if reply.status != 204:
            raise wrong(f"{reply.status} {reply.slug}")


class Session(_AtTheDoor):
    """職員のログイン、更新、ログアウト."""

    kind = "session"

    def act(self) -> str:
        login = self.run_.staff.get()
        try:
            return self.in_and_out(login)
        finally:
            self.run_.staff.put(login)

    def in_and_out(self, login: str) -> str:
        token = self.token(login)
        renewed = self.call("POST", "/auth/renew", token=token)
        if renewed.status != 200:
            raise wrong(f"{renewed.status} {renewed.slug}")
        if renewed.data["staff"]["agency"] != self.run_.credentials[login].agency:
            raise wrong("renewed at another agency")
        self.log_out(str(renewed.data["token"]))
        return "in and out"


class Refused(_AtTheDoor):
    """What must be refused, each by its own name."""

    kind = "refused"

    def act(self) -> str:
        what = draw(self.run_.mix.refusals, self.random)
        match what:
            case "wrong-password":
                self.wrong_password()
            case "wrong-duty":
                self.wrong_duty()
            case "foreign-exchange":
                self.foreign_exchange()
            case "not-permitted":
                self.not_permitted()
            case _:
                reply = self.call("GET", "/inquiries")
                self.expect(answers.problem([(401, "unauthenticated")], reply.status, reply.slug))
        return what

    def wrong_password(self) -> None:
        """One wrong attempt, and then the right one, which forgives it: nobody stays locked out."""
        login = self.run_.staff.get()
        try:
            reply = self.log_in(login, "not the password of anybody")
            self.expect(answers.problem([(401, "credentials-refused")], reply.status, reply.slug))
            self.log_out(self.token(login))
        finally:
            self.run_.staff.put(login)

    def wrong_duty(self) -> None:
        """Somebody who reads records may not inquire."""
        question = self.run_.question(self.random)
        reply = self.call("POST", "/inquiries", self.one_of(self.run_.plan.without_duty), question.body)
        self.expect(answers.problem([(403, "wrong-duty")], reply.status, reply.slug))

    def foreign_exchange(self) -> None:
        """Another agency's exchange is not there."""
        login, exchange = self.one_of(self.run_.plan.foreign)
        reply = self.call("GET", f"/inquiries/{exchange}/result", login)
        self.expect(answers.problem([(404, "not-found")], reply.status, reply.slug))

    def not_permitted(self) -> None:
        """What is on no row of the list ends as refused, and the record says so."""
        question = self.one_of(self.run_.plan.not_permitted)
        _, view = self.ask(question, self.run_.mix.wait)
        if view["state"] != "ended":
            raise wrong("not refused at once")
        self.saw(question, view)


BY_KIND: Mapping[str, type[Arriving]] = {
    one.kind: one
    for one in (
        QueryOnline,
        QueryPolled,
        QueryHeld,
        CollectHeld,
        ReviewFirst,
        ReviewSecond,
        Deposit,
        Acquisition,
        Session,
        Refused,
    )
}
"""The user class of every kind of the mix."""
