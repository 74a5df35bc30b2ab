"""A server with named weaknesses (弱点のある代役): enough of the interface for the probe to find each, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web

from gateway.running.credentials import StaffCredential

Handler = Callable[[web.Request, dict[str, Any]], Awaitable[web.Response]]


class Weakness(StrEnum):
    """What it can do wrong; without any it does everything right, as far as it goes."""

    ALG_NONE = "takes alg none"
    SIGNATURE = "looks at no signature"
    LOGOUT = "forgets no session"
    DUTY = "asks for no duty"
    OBJECTS = "shows everybody's exchanges"
    EYES = "releases for whoever prepared"
    ROLLBACK = "publishes older lists"
    KEYS = "mistakes another content for the same"
    BODIES = "falls over deep bodies"
    NAMES = "tells who has an account"
    QUERY = "takes tokens from the query"
    LOCKOUT = "never stops guessing"


CITY, TOWN, VILLAGE = (digit * 16 for digit in "123")
SECRET = b"stand-in"
PEOPLE = (
    (CITY, "city-health", ("inquire",)),
    (CITY, "city-staff", ("manage-staff",)),
    (TOWN, "town-1", ("review", "release")),
    (TOWN, "town-2", ("review", "release")),
    (VILLAGE, "village-health", ("inquire",)),
    (VILLAGE, "village-publisher", ("publish-lists",)),
)


@dataclass
class StandIn:
    """The state of one stand-in."""

    weak: frozenset[Weakness] = frozenset()
    gone: set[str] = field(default_factory=set)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    exchanges: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, tuple[Any, str]] = field(default_factory=dict)
    serial: int = 2
    failures: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for agency, login, duties in PEOPLE:
            self.hire(agency, login, duties, f"password of {login}")
        self.ask("city-health", {"provider": TOWN})

    def credentials(self) -> list[StaffCredential]:
        return [StaffCredential(a, a, login, f"password of {login}", login, "1", d) for a, login, d in PEOPLE]

    def hire(self, agency: str, login: str, duties: tuple[str, ...], password: str) -> str:
        staff_id = "stf_" + hashlib.sha256(login.encode()).hexdigest()[:26].translate(str.maketrans("0189", "abcd"))
        self.accounts[login] = {"id": staff_id, "agc": agency, "dut": list(duties), "password": password}
        return staff_id

    def ask(self, login: str, asked: dict[str, Any]) -> str:
        exchange = str(UUID(int=uuid4().int & ~(0xF << 76) | (7 << 76)))
        self.exchanges[exchange] = {
            "exchange": exchange, "by": login, "inquirer": self.accounts[login]["agc"], "provider": asked["provider"],
            "state": "held", "held_for": ["held-person"], "prepared_by": "",
        }  # fmt: skip
        return exchange

    def is_weak(self, weakness: Weakness) -> bool:
        return weakness in self.weak

    # --- tokens -----------------------------------------------------------------------------------------------------

    def token(self, login: str) -> str:
        account = self.accounts[login]
        claims = {"sub": account["id"], "login": login, "sid": str(uuid4()), "exp": 4_000_000_000, "aud": "stand-in"}
        head = _part({"alg": "HS256", "kid": "stand-in/1", "typ": "at+jwt"})
        return self.signed(f"{head}.{_part({**claims, 'agc': account['agc'], 'dut': account['dut']})}")

    def signed(self, text: str) -> str:
        return f"{text}.{_text(hmac.new(SECRET, text.encode(), hashlib.sha256).digest())}"

    def claims(self, request: web.Request) -> dict[str, Any] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            token = request.query.get("access_token", "") if self.is_weak(Weakness.QUERY) else ""
        head, _, rest = token.partition(".")
        payload, _, signature = rest.partition(".")
        genuine = bool(signature) and hmac.compare_digest(self.signed(f"{head}.{payload}").encode(), token.encode())
        header, claims = _object(head), _object(payload)
        none = str(header.get("alg")).lower() == "none" and self.is_weak(Weakness.ALG_NONE)
        if not (genuine or none or (self.is_weak(Weakness.SIGNATURE) and claims.get("login") in self.accounts)):
            return None
        return None if claims.get("sid") in self.gone else claims


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _part(value: Any) -> str:
    return _text(json.dumps(value).encode())


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _problem(status: int, slug: str) -> web.Response:
    body = {"type": f"urn:sympho:problem:{slug}", "status": status, "instance": str(uuid4())}
    return web.json_response(body, status=status, content_type="application/problem+json")


# --- operations -----------------------------------------------------------------------------------------------------

ID = {"name": "exchange", "in": "path", "required": True, "schema": {"type": "string"}}
OPERATIONS: dict[tuple[str, str], tuple[str, str, list[Any]]] = {
    ("GET", "/auth/me"): ("show-me", "", []),
    ("POST", "/auth/logout"): ("log-out", "", []),
    ("GET", "/operations"): ("read-operations", "audit", []),
    ("GET", "/inquiries"): ("list-inquiries", "inquire", []),
    ("POST", "/inquiries"): ("register-inquiry", "inquire", []),
    ("GET", "/inquiries/{exchange}"): ("show-inquiry", "inquire", [ID]),
    ("GET", "/inquiries/{exchange}/result"): ("show-inquiry-result", "inquire", [ID]),
    ("GET", "/inquiries/{exchange}/withdrawal"): ("show-withdrawal", "inquire", [ID]),
    ("GET", "/inquiries/{exchange}/request"): ("show-inquiry-request", "inquire", [ID]),
    ("POST", "/inquiries/{exchange}/withdrawal"): ("withdraw-inquiry", "inquire", [ID]),
    ("GET", "/provisions"): ("list-provisions", "review", []),
    ("GET", "/provisions/{exchange}"): ("show-provision", "review", [ID]),
    ("POST", "/provisions/{exchange}/preparation"): ("prepare-provision", "review", [ID]),
    ("POST", "/provisions/{exchange}/return"): ("return-provision", "release", [ID]),
    ("POST", "/provisions/{exchange}/release"): ("release-provision", "release", [ID]),
    ("GET", "/lists"): ("list-lists", "publish-lists", []),
    ("GET", "/lists/document"): ("show-list", "publish-lists", []),
    ("POST", "/lists"): ("publish-list", "publish-lists", []),
    ("POST", "/staff"): ("create-staff", "manage-staff", []),
}


def document() -> dict[str, Any]:
    """The OpenAPI document of the stand-in, in the words of ours."""
    paths: dict[str, dict[str, Any]] = {"/auth/login": {"post": {"operationId": "log-in"}}}
    paths["/auth/login"]["post"]["x-sympho-principal"] = ["public"]
    for (method, path), (name, duty, parameters) in OPERATIONS.items():
        said: dict[str, Any] = {"operationId": name, "x-sympho-principal": ["staff"], "parameters": parameters}
        if duty:
            said["x-sympho-duty"] = duty
        paths.setdefault(path, {})[method.lower()] = said
    return {"openapi": "3.1.0", "info": {"version": "0"}, "paths": paths, "components": {"schemas": {}}}


@dataclass
class _Handlers:
    at: StandIn

    async def log_in(self, request: web.Request) -> web.Response:
        if (request.content_length or 0) > 1_000_000:
            return _problem(413, "too-large")
        try:
            body = json.loads(await request.read())
        except RecursionError:
            return _problem(500 if self.at.is_weak(Weakness.BODIES) else 400, "malformed-body")
        except ValueError:
            return _problem(400, "malformed-body")
        if request.content_type != "application/json" or not isinstance(body, dict):
            return _problem(415, "unsupported-media-type")
        login = str(body.get("login"))
        account = self.at.accounts.get(login)
        if account is None:
            return _problem(404 if self.at.is_weak(Weakness.NAMES) else 401, "credentials-refused")
        known = body.get("device") == f"device of {login}"
        if self.at.failures.get(login, 0) > 5 and not known and not self.at.is_weak(Weakness.LOCKOUT):
            return _problem(429, "account-locked")
        if body.get("password") != account["password"] or body.get("agency") != account["agc"]:
            self.at.failures[login] = self.at.failures.get(login, 0) + 1
            return _problem(401, "credentials-refused")
        staff = {"id": account["id"], "agency": account["agc"], "office": "1", "duties": account["dut"]}
        token = self.at.token(login)
        return web.json_response({"token": token, "staff": staff, "device": f"device of {login}"})

    async def serve(self, request: web.Request) -> web.Response:
        """Whatever needs a token: known, let in, then done."""
        resource = request.match_info.route.resource
        assert resource is not None
        name, duty, _ = OPERATIONS[request.method, resource.canonical]
        claims = self.at.claims(request)
        if claims is None:
            return _problem(401, "token-invalid")
        if duty and duty not in claims.get("dut", ()) and not self.at.is_weak(Weakness.DUTY):
            return _problem(403, "wrong-duty")
        handler: Handler = getattr(self, name.replace("-", "_"))
        return await handler(request, claims)

    async def show_me(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        return web.json_response(claims)

    async def log_out(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        if await request.read():
            return _problem(400, "malformed-body")
        if not self.at.is_weak(Weakness.LOGOUT):
            self.at.gone.add(claims["sid"])
        return web.Response(status=204)

    async def read_operations(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        return web.json_response({"operations": []})

    # --- exchanges --------------------------------------------------------------------------------------------------

    def _of(self, request: web.Request, claims: dict[str, Any], side: str) -> dict[str, Any] | None:
        found = self.at.exchanges.get(request.match_info["exchange"])
        if found is None or (found[side] != claims["agc"] and not self.at.is_weak(Weakness.OBJECTS)):
            return None
        return found

    async def list_inquiries(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        mine = [one for one in self.at.exchanges.values() if one["inquirer"] == claims["agc"]]
        return web.json_response({"inquiries": mine, "next": ""})

    async def register_inquiry(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key or len(key) > 255 or not key.isascii() or not key.isprintable() or " " in key:
            return _problem(400, "idempotency-key-missing")
        try:
            body = await request.json()
        except ValueError:
            return _problem(400, "malformed-body")
        if not isinstance(body, dict) or "provider" not in body:
            return _problem(422, "invalid-field")
        place = f"{claims['login']} {key}"
        said, exchange = self.at.keys.get(place, (body, ""))
        if said != body and not self.at.is_weak(Weakness.KEYS):
            return _problem(409, "idempotency-conflict")
        exchange = exchange or self.at.ask(claims["login"], body)
        self.at.keys[place] = (said, exchange)
        return web.json_response({"exchange": exchange}, status=202)

    async def show_inquiry_request(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        found = self._of(request, claims, "inquirer")
        if found is None:
            return _problem(404, "not-found")
        what: dict[str, Any] = {"task": "JM", "information": "TM", "items": [], "procedure": None, "consent": False}
        return web.json_response({"person": "0" * 15, "provider": found["provider"], **what})

    async def show_inquiry(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        found = self._of(request, claims, "inquirer")
        return _problem(404, "not-found") if found is None else web.json_response(found)

    show_inquiry_result = show_withdrawal = show_inquiry

    async def withdraw_inquiry(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        found = self._of(request, claims, "inquirer")
        if found is None:
            return _problem(404, "not-found")
        found["state"] = "ended"
        return web.json_response({"state": "ended"}, status=202)

    async def list_provisions(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        mine = [one for one in self.at.exchanges.values() if one["provider"] == claims["agc"]]
        return web.json_response({"provisions": mine, "next": ""})

    async def show_provision(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        found = self._of(request, claims, "provider")
        return _problem(404, "not-found") if found is None else web.json_response(found)

    async def prepare_provision(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        found = self._of(request, claims, "provider")
        if found is None:
            return _problem(404, "not-found")
        if found["state"] != "held":
            return _problem(409, "wrong-state")
        found |= {"state": "prepared", "prepared_by": claims["sub"]}
        return web.json_response(found)

    async def return_provision(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        return self._second(request, claims, "held")

    async def release_provision(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        return self._second(request, claims, "ended")

    def _second(self, request: web.Request, claims: dict[str, Any], state: str) -> web.Response:
        found = self._of(request, claims, "provider")
        if found is None:
            return _problem(404, "not-found")
        if found["state"] != "prepared":
            return _problem(409, "wrong-state")
        if found["prepared_by"] == claims["sub"] and not self.at.is_weak(Weakness.EYES):
            return _problem(403, "four-eyes")
        found |= {"state": state}
        return web.json_response(found)

    # --- lists, accounts --------------------------------------------------------------------------------------------

    async def list_lists(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        lists = [{"serial": n, "digest": str(n), "manifest": _manifest(n)} for n in range(1, self.at.serial + 1)]
        return web.json_response({"lists": lists})

    async def show_list(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        return web.Response(text="one\ntwo\n")

    async def publish_list(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        try:
            manifest = str((await request.json())["manifest"])
        except (ValueError, KeyError, TypeError):
            return _problem(400, "malformed-body")
        former = manifest in {_manifest(n) for n in range(1, self.at.serial)}
        if former and self.at.is_weak(Weakness.ROLLBACK):
            return web.json_response({"serial": 1})
        return _problem(422, "list-refused")

    async def create_staff(self, request: web.Request, claims: dict[str, Any]) -> web.Response:
        try:
            body = await request.json()
        except ValueError:
            return _problem(400, "malformed-body")
        if not isinstance(body, dict) or "login" not in body:
            return _problem(422, "invalid-field")
        if len(body["duties"]) > 1:
            return _problem(409, "duties-conflict")
        staff_id = self.at.hire(claims["agc"], body["login"], tuple(body["duties"]), "made")
        return web.json_response({"id": staff_id, "login": body["login"], "password": "made"}, status=201)


def _manifest(serial: int) -> str:
    return (
        f"{_part({'alg': 'ES256', 'kid': 'x'})}.{_part({'v': 1, 'candidate': {'serial': serial}})}.{_text(bytes(64))}"
    )


@asynccontextmanager
async def standing_in(weak: frozenset[Weakness] = frozenset()) -> AsyncIterator[tuple[str, StandIn]]:
    """The stand-in on a port of its own: its address and its state."""
    at = StandIn(weak)
    handlers = _Handlers(at)
    app = web.Application(client_max_size=1_000_000)

    async def told(request: web.Request) -> web.Response:
        return web.json_response(document())

    async def alive(request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    app.router.add_get("/openapi.json", told)
    app.router.add_get("/health/live", alive)
    app.router.add_post("/auth/login", handlers.log_in)
    for method, path in OPERATIONS:
        app.router.add_route(method, path, handlers.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", at
    finally:
        await runner.cleanup()
