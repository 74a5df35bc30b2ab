"""業務システムの認証 (OAuth 2): admitting clients, and the token endpoint (RFC 6749 4.4, RFC 7523, RFC 8414).

At the token endpoint a client's own faults are told as RFC 6749 5.2 wants them, in ``application/json`` with ``error``,
because that is what every OAuth library reads. Everything else (size, media type, a database that is away) stays a
problem document, as everywhere (``docs/decisions/oauth-errors.md``).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote_plus

from msgspec import Meta, Struct

from authz import clients
from authz.assertions import LIMIT
from authz.clients import ClientCredential, ClientFault, Method, NewClient, Presented, scope_of
from authz.clients import store as kept
from authz.duties import Duty
from authz.principals import SystemPrincipal
from authz.tokens import LIFE, issue
from gateway.interfaces.house import Desk, House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.refusals import told
from gateway.interfaces.words import BY_STAFF, FOR_ANYONE, Aware, ClientId, Name, Tasks
from gateway.problems import FieldError, Problem
from sympho.codes import SystemCode, TaskCode

ENDPOINT = "/oauth/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT = "client_credentials"
FORM_FIELDS = ("grant_type", "scope", "client_id", "client_secret", "client_assertion_type", "client_assertion")
FORM_LIMIT = 65_536

OperationName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9.-]{0,63}$")]


class ClientBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A business system to be admitted to operations, by their names. ``method``: how it shows its secret."""

    name: Name
    system: SystemCode
    operations: Annotated[tuple[OperationName, ...], Meta(min_length=1)]
    tasks: Tasks | None = None
    method: Method = Method.SHOWN


class ClientView(Struct, frozen=True):
    """A client as whoever cares for accounts sees it."""

    client_id: str
    name: str
    system: SystemCode
    operations: tuple[str, ...]
    tasks: tuple[TaskCode, ...] | None
    method: Method
    generation: int
    created_at: Aware
    disabled_at: Aware | None


class ClientList(Struct, frozen=True):
    """The own agency's clients by name."""

    clients: tuple[ClientView, ...]


class ClientCredentialView(Struct, frozen=True):
    """A client's id with its secret: said once."""

    client_id: str
    secret: str

    def __repr__(self) -> str:
        return "<ClientCredentialView>"


class AccessToken(Struct, frozen=True):
    """RFC 6749 5.1."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str

    def __repr__(self) -> str:
        return "<AccessToken>"


class OAuthFault(Struct, frozen=True):
    """RFC 6749 5.2."""

    error: str
    error_description: str


class ServerMetadata(Struct, frozen=True):
    """RFC 8414 2."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: tuple[str, ...]
    response_types_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...]
    scopes_supported: tuple[str, ...]


class _Wrong(Exception):
    """A token request that breaks RFC 6749; the words of its answer."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@dataclass(frozen=True)
class Clients:
    """Handlers of business systems and their tokens."""

    house: House
    for_systems: Callable[[], frozenset[str]]

    async def list_clients(self, call: Call[None, None]) -> Reply:
        async with self.house.desk_of(call.agency).db.connection() as conn:
            found = await kept.clients(conn, call.agency)
        return Reply(body=ClientList(tuple(_view(one) for one in found)))

    async def create(self, call: Call[ClientBody, None]) -> Reply:
        body = call.body
        _require_known(body.operations, self.for_systems())
        tasks = None if body.tasks is None else frozenset(body.tasks)
        new = NewClient(body.name, body.system, frozenset(body.operations), tasks, body.method)
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                made = await clients.create_client(conn, desk.box, call.staff.actor, new, call.at)
        call.about = made.client_id
        return Reply(201, _credential(made))

    async def disable(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["client_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                ended = await clients.disable_client(conn, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def replace_secret(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["client_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                made, ended = await clients.replace_secret(conn, desk.box, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(body=_credential(made))

    async def token(self, call: Call[bytes, None]) -> Reply:
        shown_in_header = bool(call.authorization)
        try:
            presented, scope = self._request(call)
            desk, principal = await self._client(call, presented, scope)
        except _Wrong as wrong:
            refused = wrong
        else:
            return Reply(body=_access(desk, principal, call), headers={"Pragma": "no-cache"})
        status = 401 if refused.error == ClientFault.CLIENT.value else 400
        headers = {"Pragma": "no-cache"}
        if status == 401 and shown_in_header:
            headers["WWW-Authenticate"] = 'Basic realm="sympho"'
        return Reply(status, OAuthFault(refused.error, refused.description), headers)

    def _request(self, call: Call[bytes, None]) -> tuple[Presented, str]:
        form = _form(call.raw)
        if form.get("grant_type") != GRANT:
            fault = "unsupported_grant_type" if form.get("grant_type") else "invalid_request"
            raise _Wrong(fault, f"grant_type: {GRANT} expected")
        presented = _presented(form, call.authorization)
        return replace(presented, audiences=(self.house.url, self.house.url + ENDPOINT)), form.get("scope", "")

    async def _client(self, call: Call[bytes, None], presented: Presented, scope: str) -> tuple[Desk, SystemPrincipal]:
        """The desk that knows the client, and the principal; a client's id is nobody else's at any desk."""
        for desk in self.house.desks:
            async with desk.db.transaction() as conn:
                found = await clients.authenticate(conn, desk.box, presented, scope, call.address, call.at)
            if isinstance(found, SystemPrincipal) and found.agency in desk.serves():
                return desk, found
            if found is ClientFault.SCOPE:
                raise _Wrong(found.value, "operations and tasks that the client is admitted to, separated by spaces")
            if found is not None:
                break
        raise _Wrong(ClientFault.CLIENT.value, "unknown, closed, or not shown to be the one")

    async def metadata(self, call: Call[None, None]) -> Reply:
        url = self.house.url
        return Reply(
            body=ServerMetadata(
                url,
                url + ENDPOINT,
                f"{url}/.well-known/jwks.json",
                (GRANT,),
                (),
                ("client_secret_basic", "client_secret_post", "client_secret_jwt"),
                ("HS256",),
                tuple(sorted(self.for_systems())),
            )
        )


def operations(house: House, for_systems: Callable[[], frozenset[str]]) -> list[AnyOperation]:
    """Business systems and their tokens. ``for_systems`` names the operations that systems may be admitted to."""
    here = Clients(house, for_systems)
    keeper: dict[str, Any] = {
        "principals": BY_STAFF, "duty": Duty.MANAGE_STAFF, "problems": frozenset({"wrong-agency"}),
    }  # fmt: skip
    one = {**keeper, "path_types": {"client_id": ClientId}}
    return [
        Operation(
            name="list-clients", method="GET", path="/clients",
            summary_ja="業務システムの一覧", summary_en="The own agency's business systems",
            responses={200: ClientList}, handler=here.list_clients, **keeper,
        ),
        Operation(
            name="create-client", method="POST", path="/clients",
            summary_ja="業務システムの登録", summary_en="Admit a business system",
            request=ClientBody, responses={201: ClientCredentialView}, handler=here.create, **keeper,
        ),
        Operation(
            name="disable-client", method="POST", path="/clients/{client_id}/disable",
            summary_ja="業務システムの停止", summary_en="Close a business system's client", responses={204: None},
            handler=here.disable, **one,
        ),
        Operation(
            name="replace-client-secret", method="POST", path="/clients/{client_id}/secret",
            summary_ja="業務システムの秘密の交換", summary_en="A new secret for a business system",
            responses={200: ClientCredentialView}, handler=here.replace_secret, **one,
        ),
        Operation(
            name="issue-client-token", method="POST", path=ENDPOINT,
            summary_ja="業務システムのトークン", summary_en="OAuth 2 client credentials: a token for a business system",
            principals=FOR_ANYONE, duty=None, request=bytes, form=FORM_FIELDS, limit=FORM_LIMIT,
            responses={200: AccessToken, 400: OAuthFault, 401: OAuthFault}, handler=here.token,
        ),
        Operation(
            name="show-oauth-metadata", method="GET", path="/.well-known/oauth-authorization-server",
            summary_ja="認可サーバーの情報", summary_en="What the token endpoint takes (RFC 8414)",
            principals=FOR_ANYONE, duty=None, responses={200: ServerMetadata}, handler=here.metadata,
        ),
    ]  # fmt: skip


# --- a token request ----------------------------------------------------------------------------------------------


def _form(raw: bytes) -> dict[str, str]:
    """The fields of a form; one that comes twice is refused, one that is unknown passed over, as RFC 6749 3.2 says."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        pairs = []
    fields = dict(pairs)
    if not pairs or len(fields) != len(pairs):
        raise _Wrong("invalid_request", "a form in UTF-8, each field once")
    return fields


def _presented(form: dict[str, str], authorization: str) -> Presented:
    """What shows who the client is: exactly one way of the three."""
    ways = [way for way in (authorization, form.get("client_secret"), form.get("client_assertion")) if way]
    if len(ways) > 1:
        raise _Wrong("invalid_request", "one way of client authentication")
    if authorization:
        return _basic(authorization)
    if "client_assertion" in form:
        if form.get("client_assertion_type") != ASSERTION_TYPE or len(form["client_assertion"]) > LIMIT:
            raise _Wrong("invalid_request", f"client_assertion_type: {ASSERTION_TYPE} expected")
        return Presented(form.get("client_id", ""), assertion=form["client_assertion"])
    return Presented(form.get("client_id", ""), form.get("client_secret", ""))


def _basic(authorization: str) -> Presented:
    scheme, _, text = authorization.partition(" ")
    try:
        name, _, secret = base64.b64decode(text.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        scheme = name = secret = ""
    if scheme.lower() != "basic":
        raise _Wrong(ClientFault.CLIENT.value, "Authorization: Basic expected")
    return Presented(unquote_plus(name), unquote_plus(secret))


def _access(desk: Desk, principal: SystemPrincipal, call: Call[bytes, None]) -> AccessToken:
    now = call.at.machine.replace(microsecond=0)
    expires = now + LIFE
    token = issue(replace(principal, expires=expires), desk.key, desk.audience, call.at.machine)
    return AccessToken(token, "Bearer", int(LIFE.total_seconds()), scope_of(principal.operations, principal.tasks))


# --- views --------------------------------------------------------------------------------------------------------


def _require_known(names: Sequence[str], known: frozenset[str]) -> None:
    wrong = [n for n, name in enumerate(names) if name not in known]
    if wrong:
        rule = "an operation that systems may call"
        raise Problem("invalid-field", errors=tuple(FieldError(f"$.operations[{n}]", rule) for n in wrong[:20]))


def _view(client: kept.Client) -> ClientView:
    return ClientView(
        client.client_id,
        client.name,
        client.system,
        tuple(sorted(client.operations)),
        None if client.tasks is None else tuple(sorted(client.tasks)),
        clients.method_of(client),
        client.generation,
        client.created_at,
        client.disabled_at,
    )


def _credential(made: ClientCredential) -> ClientCredentialView:
    return ClientCredentialView(made.client_id, made.secret)
