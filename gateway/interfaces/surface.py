"""The one place that authenticates, authorizes, decodes and answers: all operations pass here, and nothing else.

In order: turn, size, request id, who calls, kind of principal, duty, media types, query, path, headers, body, handler,
reply, operations log, log line. A wrong call ends as a problem document; anything unforeseen is ``internal`` with an
instance id; the log tells its exception's type and place only, because exception texts quote people.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol
from uuid import uuid4

import msgspec
from aiohttp import web

from authz.duties import PrincipalKind
from authz.operations import Actor, Moment, OperationOutcome
from authz.operations import Operation as Entry
from authz.principals import StaffPrincipal, SystemPrincipal
from authz.sessions import RECENT
from gateway.interfaces.decoding import body_decoder, path_decoder, query_decoder
from gateway.interfaces.headers import (
    HARDENING,
    bearer,
    check_accept,
    check_content,
    idempotency_key,
    identities,
    named_by_caller,
    read_body,
    sent_at,
    waiting,
)
from gateway.interfaces.operation import AnyOperation, Call, Reply, body_types
from gateway.interfaces.principals import ANYONE, Authenticate, Credentials, Principal, actor_of, pseudonym_of
from gateway.interfaces.wire import problem_response
from gateway.intermediary.turns import Turn
from gateway.log import log
from gateway.problems import Busy, Conflict, FieldError, Problem
from gateway.stages import Stages, mark, measure
from sympho.codes import encode_hook

__all__ = ["RecordOperation", "build", "undeclared"]

_encoder = msgspec.json.Encoder(enc_hook=encode_hook)
_BUSY = Busy(1)


class RecordOperation(Protocol):
    """Writes the operations log. The answer leaves only after this has returned; if it fails, nothing is shown."""

    def __call__(self, entry: Entry) -> Awaitable[None]: ...


class Observe(Protocol):
    """Counts an answered request: its operation, status, seconds, and milliseconds by stage."""

    def __call__(self, operation: str, status: int, seconds: float, stages: Mapping[str, float], /) -> None: ...


@dataclass(slots=True)
class _Visit:
    """What is known so far of one request, for the log and the operations log."""

    at: Moment
    address: str
    began: float = field(default_factory=perf_counter)
    request_id: str = field(default_factory=lambda: str(uuid4()))
    principal: Principal = ANYONE
    actor: Actor | None = None
    stages: Stages = field(default_factory=Stages)
    turn: Turn | None = None
    call: Call[Any, Any] | None = None
    problem: Problem | None = None


class TakeTurn(Protocol):
    """The turn of who sends this Authorization header; None: not known yet. ``Busy``: no room. Grants nothing else."""

    def __call__(self, authorization: str, /) -> Awaitable[Turn | None]: ...


@dataclass(frozen=True, slots=True)
class _Wiring:
    authenticate: Authenticate
    record_operation: RecordOperation
    moment: Callable[[], Moment]
    observe: Observe | None
    turn: TakeTurn | None


def build(
    app: web.Application,
    operations: Sequence[AnyOperation],
    authenticate: Authenticate,
    record_operation: RecordOperation,
    *,
    moment: Callable[[], Moment],
    observe: Observe | None = None,
    turn: TakeTurn | None = None,
) -> None:
    """Adds a route for each operation, and answers for everything that is none. ``moment`` reads the clock."""
    _check_table(operations)
    wiring = _Wiring(authenticate, record_operation, moment, observe, turn)
    for operation in operations:
        door = _Door(operation, wiring)
        app.router.add_route(operation.method, operation.path, door.answer)
        if operation.method == "GET":
            app.router.add_route("HEAD", operation.path, door.answer)
    app.router.add_route("*", "/{elsewhere:.*}", _Elsewhere(app, moment).answer)


def undeclared(app: web.Application, operations: Sequence[AnyOperation]) -> list[str]:
    """The routes of the application that no operation of the table declares: a test holds that there are none."""
    declared = {id(operation) for operation in operations}
    found = []
    for route in app.router.routes():
        owner = getattr(route.handler, "__self__", None)
        known = isinstance(owner, _Elsewhere) or (isinstance(owner, _Door) and id(owner.operation) in declared)
        if not known:
            place = route.resource.canonical if route.resource is not None else "?"
            found.append(f"{route.method} {place}")
    return sorted(found)


def _check_table(operations: Sequence[AnyOperation]) -> None:
    """Two operations never share a name, or a method and a path."""
    seen: set[str] = set()
    for operation in operations:
        shape = operation.path
        for name in operation.parameters:
            shape = shape.replace("{" + name + "}", "{}")
        for taken in (operation.name, f"{operation.method} {shape}"):
            if taken in seen:
                raise ValueError(f"declared twice: {taken}")
            seen.add(taken)


class _Door:
    """The entrance of one operation: all that can be prepared is prepared when it is made."""

    def __init__(self, operation: AnyOperation, wiring: _Wiring) -> None:
        self.operation = operation
        self._wiring = wiring
        self._body = _body_reader(operation)
        self._query = query_decoder(operation.query) if operation.query is not None else None
        self._no_query = _emptiest(operation.query)
        self._path = path_decoder({name: operation.path_types.get(name, str) for name in operation.parameters})
        self._kinds = {status: body_types(kind) for status, kind in operation.responses.items()}

    async def answer(self, request: web.Request) -> web.Response:
        wanted = self._wiring.turn if self.operation.in_turn else None
        if wanted is None or not request.content.is_eof():  # a body that is still on its way holds no turn
            return await self._answered(request, _Visit(self._wiring.moment(), request.remote or ""))
        began = perf_counter()
        try:
            turn = await wanted(request.headers.get("Authorization", ""))
        except Busy:
            return self._turned_away()
        with turn or nullcontext():
            stages = Stages("turn", began)
            visit = _Visit(self._wiring.moment(), request.remote or "", began=began, stages=stages, turn=turn)
            return await self._answered(request, visit)

    async def _answered(self, request: web.Request, visit: _Visit) -> web.Response:
        measure(visit.stages)
        try:
            response = self._response(visit, await self._serve(request, visit))
        except Problem as problem:
            response = _refusal(visit, problem)
        except Exception as bug:
            response = _bug(visit, bug, self.operation.name)
        if not self.operation.is_public:
            response = await self._recorded(visit, response)
        mark("log")
        if self.operation.foreign:
            response.headers["X-Request-Id"] = named_by_caller(request.headers) or visit.request_id
        _log_line(visit, response.status, self.operation)
        if self._wiring.observe is not None:
            spent = perf_counter() - visit.began
            self._wiring.observe(self.operation.name, response.status, spent, visit.stages.milliseconds)
        return response

    def _turned_away(self) -> web.Response:
        """``busy`` at once, before anything else is done: under a flood, whatever is done for a refusal is not done for
        others. It is counted, and neither logged nor entered in the operations log: nothing was asked of us yet."""
        if self._wiring.observe is not None:
            self._wiring.observe(self.operation.name, _BUSY.status, 0.0, {})
        return problem_response(str(uuid4()), _BUSY)

    async def _serve(self, request: web.Request, visit: _Visit) -> Reply:
        operation = self.operation
        length = request.content_length
        if length is not None and length > operation.limit:
            raise Problem("too-large")
        if not operation.is_public:
            mark("authenticate")
            visit.principal = await self._wiring.authenticate(_credentials(request, visit.address, operation))
            visit.actor = actor_of(visit.principal, visit.address)
            _authorize(operation, visit.principal, visit.at)
        mark("http")
        headers = request.headers
        check_accept(headers, operation.media)
        query = self._asked(request)
        path = self._path(request.match_info)
        key = idempotency_key(headers) if operation.idempotent else ""
        if operation.request is not None:
            check_content(headers, raw=operation.request is bytes, form=bool(operation.form))
        raw = await read_body(request, operation.limit)
        visit.call = call = Call(
            operation=operation.name,
            principal=visit.principal,
            body=self._body(raw),
            query=query,
            path=path,
            raw=raw,
            idempotency_key=key,
            wait=waiting(headers) if operation.waits else 0,
            request_id=visit.request_id,
            at=visit.at,
            address=visit.address,
            stages=visit.stages,
            interface=operation.interface or "",
            actor=visit.actor,
            turn=visit.turn,
            sent_at=sent_at(headers) if visit.principal.kind is PrincipalKind.PARTY else None,
            authorization=headers.get("Authorization", "") if operation.form else "",
        )
        return await operation.handler(call)

    def _asked(self, request: web.Request) -> object:
        if not request.rel_url.raw_query_string:
            if self._query is not None and self._no_query is None:
                return self._query(request.query)
            return self._no_query
        if self._query is None:
            raise Problem("invalid-field", errors=(FieldError("query", "nothing is expected here"),))
        return self._query(request.query)

    def _response(self, visit: _Visit, reply: Reply) -> web.Response:
        mark("reply")
        kinds = self._kinds.get(reply.status)
        streamed = isinstance(reply.body, AsyncIterator) and kinds == (bytes,)
        if kinds is None or not (streamed or isinstance(reply.body, kinds)):
            raise TypeError(f"{self.operation.name} answers {reply.status} with what it does not declare")
        headers = {**HARDENING, **reply.headers, "Cache-Control": "no-store", "X-Request-Id": visit.request_id}
        if reply.body is None:
            return web.Response(status=reply.status, headers=headers)
        if isinstance(reply.body, bytes | AsyncIterator):
            headers.setdefault("Content-Type", self.operation.media)
            return web.Response(status=reply.status, body=reply.body, headers=headers)
        headers["Content-Type"] = "application/json"
        return web.Response(status=reply.status, body=_encoder.encode(reply.body), headers=headers)

    async def _recorded(self, visit: _Visit, response: web.Response) -> web.Response:
        """``response`` once the operations log has it; a problem instead if it cannot be written."""
        try:
            mark("operations-log")
            entry = _entry(visit, response.status, self.operation)
            if entry is not None:
                await self._wiring.record_operation(entry)
        except Problem as problem:
            return _refusal(visit, problem)
        except Exception as bug:
            return _bug(visit, bug, self.operation.name)
        return response


class _Elsewhere:
    """Everything that is no operation: 404, 405 with what is allowed, and OPTIONS."""

    def __init__(self, app: web.Application, moment: Callable[[], Moment]) -> None:
        self._app = app
        self._moment = moment

    async def answer(self, request: web.Request) -> web.Response:
        visit = _Visit(self._moment(), request.remote or "")
        methods = await self._methods(request)
        if methods and request.method == "OPTIONS":
            headers = {**HARDENING, "Allow": ", ".join(methods), "X-Request-Id": visit.request_id}
            response = web.Response(status=204, headers=headers)
        elif methods:
            response = _refusal(visit, Problem("method-not-allowed", allow=methods))
        else:
            response = _refusal(visit, Problem("not-found"))
        _log_line(visit, response.status, None)
        return response

    async def _methods(self, request: web.Request) -> tuple[str, ...]:
        found: set[str] = set()
        for resource in self._app.router.resources():
            if any(isinstance(getattr(route.handler, "__self__", None), _Elsewhere) for route in resource):
                continue
            _, methods = await resource.resolve(request)
            found |= methods
        return (*sorted(found), "OPTIONS") if found else ()


def _body_reader(operation: AnyOperation) -> Callable[[bytes], Any]:
    if operation.request is None:
        return _nothing
    if operation.request is bytes:
        return bytes
    return body_decoder(operation.request, broken="malformed-body" if operation.foreign else "invalid-field")


def _nothing(raw: bytes) -> None:
    if raw:
        raise Problem("malformed-body", "this operation takes no body")


def _emptiest(kind: type[Any] | None) -> object:
    """The query struct without a parameter; None where there is no query, or where a parameter is required."""
    if kind is None or any(entry.required for entry in msgspec.structs.fields(kind)):
        return None
    return kind()


def _credentials(request: web.Request, address: str, operation: AnyOperation) -> Credentials:
    token = bearer(request.headers)
    names = identities(request)
    if not token and not names:
        raise Problem("unauthenticated")
    return Credentials(token, names, address, operation.expired_token)


def _authorize(operation: AnyOperation, principal: Principal, at: Moment) -> None:
    if principal.kind not in operation.principals:
        raise Problem("wrong-principal")
    if not operation.self_service:
        _require_duty(operation, principal)
    if operation.recent and isinstance(principal, StaffPrincipal) and principal.authenticated_at + RECENT < at.machine:
        raise Problem("reauthentication-required")


def _require_duty(operation: AnyOperation, principal: Principal) -> None:
    if isinstance(principal, StaffPrincipal) and not operation.duties & principal.duties:
        raise Problem("wrong-duty", "duty " + " or ".join(sorted(operation.duties)))
    if isinstance(principal, SystemPrincipal) and operation.name not in principal.operations:
        raise Problem("wrong-duty", f"operation {operation.name}")


def _refusal(visit: _Visit, problem: Problem) -> web.Response:
    visit.problem = problem
    return problem_response(visit.request_id, problem)


def _bug(visit: _Visit, bug: Exception, operation: str) -> web.Response:
    log.error("bug", request=visit.request_id, operation=operation, exc_info=bug)
    return _refusal(visit, Problem("internal"))


def _entry(visit: _Visit, status: int, operation: AnyOperation) -> Entry | None:
    """操作記録 of this call; None where no account and no client acted, or where what was done has logged itself."""
    if visit.actor is None or (visit.problem is None and visit.call is not None and visit.call.logged):
        return None
    outcome = OperationOutcome.DONE
    if visit.problem is not None:
        outcome = OperationOutcome.FAILED if status >= 500 else OperationOutcome.REFUSED
    return Entry(
        actor=visit.actor,
        at=visit.at,
        name=operation.name,
        outcome=outcome,
        interface=operation.interface or "",
        reason="" if visit.problem is None else visit.problem.slug,
        exchange=None if visit.call is None else visit.call.exchange,
        about="" if visit.call is None else visit.call.about,
    )


def _log_line(visit: _Visit, status: int, operation: AnyOperation | None) -> None:
    """One wide line per request. Neither path nor query nor body stands in it: a caller could put anything there."""
    problem = visit.problem
    call = visit.call
    seen: dict[str, object] = {
        "interface": None if operation is None else operation.interface,
        "problem": None if problem is None else problem.slug,
        "constraint": problem.constraint if isinstance(problem, Conflict) else None,
        "agency": visit.principal.agency,
        "terminal": None if visit.actor is None else visit.actor.terminal,
        "exchange": None if call is None else call.exchange,
        "stages": visit.stages.rounded(),
    }
    log.info(
        "request",
        request=visit.request_id,
        operation="-" if operation is None else operation.name,
        status=status,
        principal=pseudonym_of(visit.principal),
        ms=round((perf_counter() - visit.began) * 1000, 3),
        **{name: value for name, value in seen.items() if value is not None},
    )
