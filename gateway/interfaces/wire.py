"""Below the operations (通信): what comes in that is no request at all is told so as a problem document as well.

The library that reads HTTP would quote the caller's bytes in a text of its own, and tell the log of an error that is
nobody's but the caller's. Here both are said in our own words: ``malformed-request``, and one line without a value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from gateway import problems
from gateway.interfaces.headers import HARDENING
from gateway.log import log
from gateway.problems import Problem

__all__ = ["Runner", "problem_response"]

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def problem_response(instance: str, problem: Problem) -> web.Response:
    """The document of a problem, with the headers of every answer."""
    headers = {**HARDENING, **problem.headers(), "Content-Type": problems.MEDIA_TYPE, "X-Request-Id": instance}
    return web.Response(status=problem.status, body=problems.encode(problem.body(instance)), headers=headers)


class Runner(web.AppRunner):
    """Runs an application behind a listener, and answers for whatever never reaches it."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(_answering(made.request_handler), request_factory=made.request_factory, **self._kwargs)


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """``message`` quotes what came in, so it goes nowhere. Whatever was half read cannot be read on."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of an answer is sent already")
        if status >= 500:
            instance = str(uuid4())
            log.error("bug", request=instance, operation="-", exc_info=exc)
            response = problem_response(instance, Problem("internal"))
        else:
            detail = "a line or a header is longer than 8190 bytes" if isinstance(exc, LineTooLong) else ""
            response = _told(Problem("malformed-request", detail))
        response.force_close()
        return response


def _answering(answer: Answer) -> Answer:
    """A target that is no path (``*``, ``host:port``), and an expectation that nobody knows, reach no operation."""

    async def answered(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await answer(request)
        except web.HTTPException as error:
            status = error.status
        return _told(Problem("not-found" if status == 404 else "malformed-request"))

    return answered


def _told(problem: Problem) -> web.Response:
    instance = str(uuid4())
    log.info("request", request=instance, operation="-", status=problem.status, problem=problem.slug)
    return problem_response(instance, problem)
