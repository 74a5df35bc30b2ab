"""Structured logs (ログ): one JSON line an event on stderr, or readable lines on a terminal; set up here and only here.

What is printed is decided by type. A personal number prints its kind, bytes their length, a secret nothing, an object
that we do not know its type. As a net below that, runs of digits that look like a person's number are masked in text.
The text of a foreign exception is not printed, because it may quote a value: only its type, and where it happened.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast
from uuid import UUID

import msgspec
import structlog

from gateway.config import Secret
from sympho.codes import PersonalNumber

__all__ = ["configure", "log", "redacted"]

EventDict = MutableMapping[str, Any]
ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("sympho")
"""The logger of the whole program: ``log.info("listening", port=8443)``."""

_DEEPEST = 4
_LONGEST = 2000
_LIKE_A_PERSON = re.compile(r"(?<![0-9A-Za-z-])(?:[0-9]{11,12}|[0-9]{15}|[0-9]{20}|[0-9a-f]{32})(?![0-9A-Za-z-])")
_SHORTEST_NUMBER = 11
_MASK = "＊＊＊"
_OUR_OWN_WORDS = (TypeError, AttributeError, NameError, ImportError)
"""Exceptions whose text names code, not data."""
_PLAIN = frozenset({type(None), bool, int, float})
_KEPT_AS_THEY_ARE = frozenset({"event", "level", "timestamp", "logger", "exception"})


def redacted(value: object, depth: int = 0) -> Any:
    """What of a value may be printed, by its type; the rule for every value of every log line."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is str:
        return _without_persons(cast("str", value))
    if kind is dict and depth < _DEEPEST:
        items = cast("dict[object, object]", value).items()
        return {str(redacted(key, _DEEPEST)): redacted(item, depth + 1) for key, item in items}
    if isinstance(value, Enum):
        return redacted(value.value, depth)
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(redacted(key, _DEEPEST)): redacted(item, depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [redacted(item, depth + 1) for item in value]
    return _printable(value)


def _printable(value: object) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _without_persons(str.__str__(value))
        case PersonalNumber() | Secret():
            return repr(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case date() | timedelta() | UUID() | Path():
            return str(value)
        case BaseException():
            return wording(value)
    return f"<{type(value).__name__}>"


def _without_persons(text: str) -> str:
    """Masks runs that look like a person's number; a text that is too short for one, or has no digit, is left alone."""
    if len(text) < _SHORTEST_NUMBER or text.isalpha():
        return text
    return _LIKE_A_PERSON.sub(_MASK, text[:_LONGEST])


def wording(error: BaseException) -> str:
    """An exception in a log: its type, and its text only where that cannot quote a value."""
    name = type(error).__name__
    spoken = getattr(error, "log_text", None)
    if isinstance(spoken, str):
        return f"{name}: {redacted(spoken)}"
    slug = getattr(error, "slug", None)
    if isinstance(slug, str):
        return f"{name}: {slug}"
    return f"{name}: {redacted(str(error))}" if type(error) in _OUR_OWN_WORDS else name


def _story(error: BaseException, trace: TracebackType | None) -> list[str]:
    """From the exception inwards: what it is, and the lines of code that led there, without any value."""
    told = [wording(error)]
    frames = traceback.extract_tb(trace)[-12:]
    told.extend(f"  {'/'.join(Path(f.filename).parts[-3:])}:{f.lineno} {f.name}" for f in frames)
    inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if inner is not None and len(told) < 40:
        told.extend(["after", *_story(inner, inner.__traceback__)])
    return told


def _exception(_: object, __: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    elif info is True:
        info = sys.exc_info()
    if info and info[1] is not None:
        event["exception"] = _story(info[1], info[2])
    return event


def _redact(_: object, __: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if key not in _KEPT_AS_THEY_ARE:
            event[key] = redacted(value)
    event["event"] = redacted(str(event.get("event", "")).partition("\n")[0])
    return event


def _json(event: EventDict, **_: object) -> str:
    return msgspec.json.encode(event).decode()


def _bare_exceptions(console: bool) -> list[Any]:
    if not console:
        return [structlog.processors.JSONRenderer(serializer=_json)]

    def lines(_: object, __: str, event: EventDict) -> EventDict:
        if "exception" in event:
            event["exception"] = "\n".join(event["exception"])
        return event

    return [lines, structlog.dev.ConsoleRenderer(pad_event_to=0)]


def configure(level: str = "info", stream: TextIO | None = None, console: bool | None = None) -> None:
    """Sets up logging for the process. ``console`` None: readable lines when ``stream`` is a terminal."""
    target = sys.stderr if stream is None else stream
    readable = target.isatty() if console is None else console
    steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending = [_exception, _redact, *_bare_exceptions(readable)]
    _ours(logging.NOTSET, [*steps, *ending], target)
    handler = logging.StreamHandler(target)
    last_steps = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=steps, processors=last_steps))
    logging.raiseExceptions = False  # what cannot be written is not told elsewhere, unmasked
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    log.warning(
        "simulator",
        ja="これは中間サーバーのシミュレーターです。実在の人・団体のデータを入れないでください。",
        en="This is a simulator: invented people only. Never enter data of real people or bodies.",
    )
    _ours(logging.getLevelNamesMapping()[level.upper()], [*steps, *ending], target)


class _Forgiving:
    """The stream of our lines. One that cannot be written (a full disk, a reader that has gone) stops nobody's work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _ours(level: int, processors: list[Any], target: TextIO) -> None:
    """Our own lines go straight to the stream; only other libraries' come by way of ``logging``."""
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Forgiving(target))),
        cache_logger_on_first_use=False,
    )
