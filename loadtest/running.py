"""One generator's run (一つの負荷生成): when it begins, what is intended, what is in flight, when it is over.

Knows nothing of Locust but that it is called from greenlets; users ask it for arrivals and tell it how they ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from random import Random
from time import monotonic, process_time
from typing import Any

import gevent
from gevent.event import Event
from gevent.queue import SimpleQueue

from loadtest.client import Client, NotReached
from loadtest.measures import Ended, Measures
from loadtest.mix import Mix, read_mix
from loadtest.plan import Credentials, Plan, Question, read_plan
from loadtest.schedule import Arrival, Schedule
from loadtest.settings import Settings
from loadtest.shapes import arrivals, scaled
from loadtest.signatures import Sampled, records_fault, trusted_keys

__all__ = ["Done", "Run", "Tokens"]

FRESH = 8 * 60.0
"""Tokens last fifteen minutes, an authentication is recent for ten: at this age both are renewed, aside."""
LEAD = 1.0
"""Seconds between the word to begin and the first intended start."""


class Tokens:
    """Tokens of everybody in the plan, kept fresh beside the measurement."""

    def __init__(self, client: Client, credentials: Credentials) -> None:
        self._client = client
        self._credentials = credentials
        self._known: dict[str, tuple[str, float]] = {}

    def of(self, login: str) -> str:
        """The token; logs in who is not in yet."""
        if login not in self._known:
            self._known[login] = self._client.login(self._credentials[login]), monotonic()
        return self._known[login][0]

    def keep_fresh(self) -> None:
        """Everybody whose token is old shows the password again, as a release needs; who cannot logs in again."""
        for login, (token, since) in list(self._known.items()):
            if monotonic() - since < FRESH:
                continue
            account = self._credentials[login]
            answer = self._client.call("POST", "/auth/reauthentication", {"password": account.password}, token)
            fresh = str(answer.data["token"]) if answer.status == 200 else self._client.login(account)
            self._known[login] = fresh, monotonic()


class Done(Exception):
    """An arrival that did not go right; ``ended`` says how, the text what. A right one just returns."""

    def __init__(self, ended: Ended, text: str) -> None:
        super().__init__(text)
        self.ended = ended
        self.text = text


class Run:
    """The state of one process. It is made before the users, begun once they are all there, and finished once."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.settings = settings
        self.mix: Mix = read_mix(settings.mix)
        self.plan: Plan = read_plan(settings.plan)
        self.credentials = Credentials(settings.credentials)
        self.client = Client(url)
        self.tokens = Tokens(self.client, self.credentials)
        self.measures = Measures(settings.slice, settings.seconds)
        self.random = Random(settings.seed)
        self.awaiting: deque[tuple[Question, str]] = deque()
        """Inquiries about people who are held, whose answers are still to come."""
        self.staff: SimpleQueue = SimpleQueue()
        """Logins for log-ins: each is one user's at a time, so that nobody's attempts add up to a closed account."""
        self.began = 0.0
        self.over = False
        self.finished = Event()
        self._begun = Event()
        self._schedules: dict[str, Schedule] = {}
        self._flights: dict[int, tuple[str, Arrival]] = {}
        """Arrivals that a user has taken, also those whose time is still to come."""
        self._seen = 0
        self._sampled: list[Sampled] = []
        self._by_theme = _by_theme(self.plan)

    # --- before -----------------------------------------------------------------------------------------------------

    def log_in(self) -> None:
        """Everybody whom the plan needs; not a part of what is measured."""
        for login in self.plan.logins:
            self.tokens.of(login)
        for login in self.plan.sessions:
            self.staff.put(login)

    def begin(self, shares: Mapping[str, float], place: str) -> None:
        """The first intended start is a second away. ``shares``: which share of each kind's arrivals is made here."""
        self.began = monotonic() + LEAD
        for kind, share in shares.items():
            shape = scaled(self.settings.arrivals, share * self.mix.share(kind))
            seed = f"{self.settings.seed}/{place}/{kind}"
            self._schedules[kind] = Schedule(arrivals(shape, seed), self.began)
        self._begun.set()
        gevent.spawn(self._watch)
        gevent.spawn(self._keep_fresh)

    # --- users ------------------------------------------------------------------------------------------------------

    def take(self, kind: str) -> Arrival | None:
        """The next arrival of a kind for a user that is free now; waits for the beginning, answers None at the end."""
        self._begun.wait()
        schedule = self._schedules.get(kind)
        arrival = None if self.over or schedule is None else schedule.take(monotonic())
        if arrival is not None:
            self._flights[id(arrival)] = kind, arrival
        return arrival

    def starts(self, arrival: Arrival, now: float) -> None:
        """A user begins with it; whatever it is late beyond what it could help is the generator's own slowness."""
        self.measures.generator.lateness.add(max(0.0, now - arrival.due))

    def ends(self, kind: str, arrival: Arrival, times: tuple[float, float], ended: Ended, text: str) -> bool:
        """It ended, having run from and to these times; False where the run was over before and it had counted already.

        ``text`` says what was answered, or what was wrong.
        """
        if self._flights.pop(id(arrival), None) is None:
            return False
        started, answered = times
        latency, service = answered - arrival.intended, answered - started
        self.measures.record(
            kind, ended, arrival.intended - self.began, latency, service=service, waited=arrival.waited
        )
        of_kind = self.measures.kinds[kind]
        if ended is Ended.FAULT:
            of_kind.fault(text)
        else:
            of_kind.what[text] += 1
        return True

    def question(self, random: Random) -> Question:
        """A question as the mix has it; a theme that the world does not offer is left out."""
        themes = list(self._by_theme)
        theme = random.choices(themes, [self.mix.questions[one] for one in themes])[0]
        return random.choice(self._by_theme[theme])

    def saw(self, sampled: Sampled) -> None:
        """An ended exchange; every one has the same chance to have its records verified afterwards."""
        self._seen += 1
        if len(self._sampled) < self.settings.sample:
            self._sampled.append(sampled)
            return
        place = self.random.randrange(self._seen)
        if place < len(self._sampled):
            self._sampled[place] = sampled

    # --- the end ----------------------------------------------------------------------------------------------------

    @property
    def progress(self) -> dict[str, Any]:
        """How it stands, for whoever looks on."""
        ended = sum((one.ended for one in self.measures.kinds.values()), start=type(self.measures.checked)())
        right = ended[Ended.RIGHT] + ended[Ended.RACED]
        now = monotonic()
        return {
            "second": now - self.began if self.began else -1.0,
            "ended": ended.total() - ended[Ended.IDLE],
            "right": right,
            "busy": ended[Ended.BUSY],
            "wrong": ended[Ended.FAULT] + ended[Ended.UNFINISHED],
            "in_flight": sum(arrival.intended <= now for _, arrival in self._flights.values()),
        }

    def _watch(self) -> None:
        """Every second: the generator's own load, and whether all is done."""
        generator = self.measures.generator
        machine = machine_times()
        worked, at = process_time(), monotonic()
        while not self.over:
            gevent.sleep(min(1.0, self.settings.seconds / 4))
            now, used = monotonic(), process_time()
            if self.began < now < self.began + self.settings.seconds:
                generator.cpu.append((used - worked) / (now - at))
                generator.machine.append(share_of(machine, machine_times()))
            worked, at, machine = used, now, machine_times()
            if self._is_done(now):
                self.finish()

    def _is_done(self, now: float) -> bool:
        if now > self.began + self.settings.seconds + self.settings.drain:
            return True
        return all(one.exhausted for one in self._schedules.values()) and not self._flights

    def _keep_fresh(self) -> None:
        while not self.over:
            gevent.sleep(30)
            try:
                self.tokens.keep_fresh()
            except NotReached as error:
                self._note(f"tokens could not be renewed: {error}")

    def finish(self) -> None:
        """Counts what was intended and never answered, and verifies the sampled exchanges' records; once."""
        if self.over:
            return
        self.over = True
        now = monotonic()
        until = min(now, self.began + self.settings.seconds) if self.began else now
        for kind, arrival in self._flights.values():
            if arrival.intended <= now:
                self._unfinished(kind, arrival.intended, now)
        self._flights.clear()
        for kind, schedule in self._schedules.items():
            for intended in schedule.left_until(until):
                self._unfinished(kind, intended, now)
        self._verify()
        self.finished.set()

    def _unfinished(self, kind: str, intended: float, now: float) -> None:
        waited = now - intended
        self.measures.record(kind, Ended.UNFINISHED, intended - self.began, waited, waited=waited)
        self.measures.kinds[kind].what["no answer when the run ended"] += 1

    def _verify(self) -> None:
        """Each holder's record of each sampled exchange, by the keys of the signed directory."""
        if not self._sampled:
            return
        try:
            keys, network = trusted_keys(self.client)
            for one in self._sampled:
                fault = records_fault(one, keys, network, self._read)
                self.measures.checked[fault or "verified"] += 1
        except (NotReached, ValueError, KeyError) as error:
            self.measures.checked["records could not be read or the directory does not verify"] += 1
            self._note(f"verification: {type(error).__name__} {error}")

    def _read(self, agency: str, exchange: str) -> Any:
        token = self.tokens.of(self.plan.readers[agency])
        return self.client.call("GET", f"/records/{exchange}", token=token)

    def _note(self, text: str) -> None:
        if text not in self.measures.notes:
            self.measures.notes.append(text)


def machine_times() -> tuple[float, float]:
    """Busy and all ticks of the machine's cores; zeros where the system does not tell."""
    try:
        ticks = [float(one) for one in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return 0.0, 0.0
    return sum(ticks) - sum(ticks[3:5]), sum(ticks)


def share_of(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Which share of the machine was busy in between."""
    return (after[0] - before[0]) / (after[1] - before[1]) if after[1] > before[1] else 0.0


def _by_theme(plan: Plan) -> dict[str, list[Question]]:
    themes: dict[str, list[Question]] = {}
    for one in plan.questions:
        themes.setdefault(one.theme, []).append(one)
    return themes
