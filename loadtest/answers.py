"""Is the answer right? (回答の検査): status, state, identity, and exactly the items asked. Pure; an empty text means yes.

No text quotes a content or a person: what is wrong is named, and a value is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from loadtest.plan import Question, fingerprint

__all__ = ["collected", "ended_with", "exchange_of", "polled", "problem", "registered"]

EXCHANGE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
UNDER_WAY = frozenset({"in-progress", "overdue"})


def exchange_of(view: Any) -> str:
    """The exchange number of a view, or an empty string where it is none."""
    text = view.get("exchange") if isinstance(view, dict) else None
    return text if isinstance(text, str) and EXCHANGE.fullmatch(text) else ""


def registered(question: Question, status: int, location: str, view: Any) -> str:
    """What is wrong with the answer to a registration, ended or under way."""
    exchange = exchange_of(view)
    if status not in (201, 202):
        return f"status {status}"
    if not exchange:
        return "no exchange number"
    if location != f"/inquiries/{exchange}":
        return "Location names another exchange"
    if (status == 201) != (view.get("state") == "ended"):
        return f"status {status} with state {view.get('state')}"
    if status == 202:
        return _under_way(view)
    if question.outcome == "held":
        return "answered although the person is held"
    return ended_with(question, view)


def _under_way(view: Mapping[str, Any]) -> str:
    if view.get("state") not in UNDER_WAY:
        return f"state {view.get('state')}"
    told = {"outcome", "reason", "content", "ended_at"} & view.keys()
    return f"under way, and says {', '.join(sorted(told))}" if told else ""


def polled(exchange: str, status: int, view: Any) -> str:
    """What is wrong with the progress or the result of an inquiry, whatever has become of it."""
    if status != 200:
        return f"status {status}"
    if exchange_of(view) != exchange:
        return "another exchange's answer"
    return "" if view.get("state") == "ended" else _under_way(view)


def ended_with(question: Question, view: Mapping[str, Any]) -> str:
    """What is wrong with an end: outcome, reason, information, items, contents."""
    if view.get("outcome") != question.outcome:
        return f"outcome {view.get('outcome')} instead of {question.outcome}"
    if (view.get("reason") or "") != question.reason:
        return f"reason {view.get('reason')} instead of {question.reason or 'none'}"
    if question.outcome != "provided":
        return "content without provision" if "content" in view else ""
    return _content(question, view.get("content"))


def _content(question: Question, content: Any) -> str:
    if not isinstance(content, dict) or content.get("information") != question.body["information"]:
        return "content of another information"
    items = content.get("items")
    if not isinstance(items, dict) or items.keys() != set(question.items):
        return "not exactly the items asked"
    if question.answers and fingerprint(items) not in question.answers:
        return "contents differ from what was deposited"
    return ""


def collected(question: Question, exchange: str, status: int, view: Any) -> str:
    """What is wrong with the result of an inquiry about somebody who was held: reviewers decide how it ends."""
    wrong = polled(exchange, status, view)
    if wrong or view.get("state") != "ended":
        return wrong
    match view.get("outcome"):
        case "not-provided":
            return "content without provision" if "content" in view else ""
        case "provided" if question.items:
            return _content(question, view.get("content"))
        case outcome:
            return f"outcome {outcome} of somebody held"


def problem(wanted: Iterable[tuple[int, str]], status: int, slug: str) -> str:
    """What is wrong with a refusal: it is one of these (status, slug), or it is wrong."""
    expected = list(wanted)
    if (status, slug) in expected:
        return ""
    return f"{status} {slug or 'no problem'} instead of " + " or ".join(f"{code} {name}" for code, name in expected)
