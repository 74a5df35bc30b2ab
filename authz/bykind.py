"""The list's own answer for two kinds of institution (種別どうしの判定): compiled, so that it is asked millions of times.

A matrix, a comparison of two lists or an engine beside ours ask of kinds, not of agencies. Every answer that a list can
give them is made once, when the list is compiled: one for each permitted combination, and for each revision one for
each column that can forbid. An answer is a shared immutable value with everything that it rests on; deciding is
finding it. What is permitted, and under which row, is ``MatchList.look_up``'s to say; nothing is remembered of
questions, so there is no cache that could be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from operator import itemgetter

from msgspec import Struct

from authz.grants import grants
from authz.matchlist import Certainty, Ground, MatchList, Revision
from authz.questions import Effect
from authz.reasons import Reason
from sympho.codes import InformationCode, TaskCode

__all__ = ["ByKind", "KindDecision", "compile_by_kind"]


class KindDecision(Struct, frozen=True):
    """判定結果 for two kinds: what ``authz.questions.Decision`` says, as far as the list alone says it.

    ``ground`` is the item and row (``25:1.1``); it, the certainty and the row's kinds are empty where no row permits.
    """

    effect: Effect
    reasons: tuple[Reason, ...]
    ground: str
    certainty: Certainty | None
    inquirer_kind: str
    provider_kind: str
    revision: str
    in_force: tuple[date, date | None] | None
    serial: int
    digest: str


_ByInformation = dict[InformationCode, KindDecision]
_ByProvider = dict[str, _ByInformation]
_ByTask = dict[TaskCode, _ByProvider]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Days on which the same answers hold: those of a revision, or those between two of them, when there is none."""

    permitted: dict[str, _ByTask]
    no_inquirer: KindDecision
    no_task: KindDecision
    no_provider: KindDecision
    no_information: KindDecision


@dataclass(frozen=True, slots=True, eq=False)
class ByKind:
    """Every answer of one list. Compiled by :func:`compile_by_kind`, then immutable."""

    _before: _Stretch
    _newest_first: tuple[tuple[date, _Stretch], ...]
    """With the first day of each."""

    def decide(
        self, inquirer_kind: str, task: TaskCode, provider_kind: str, information: InformationCode, day: date
    ) -> KindDecision:
        """May a body of this kind ask one of that kind, on that day?"""
        stretch = self._before
        for since, begun in self._newest_first:
            if since <= day:
                stretch = begun
                break
        by_task = stretch.permitted.get(inquirer_kind)
        if by_task is None:
            return stretch.no_inquirer
        by_provider = by_task.get(task)
        if by_provider is None:
            return stretch.no_task
        by_information = by_provider.get(provider_kind)
        if by_information is None:
            return stretch.no_provider
        return by_information.get(information, stretch.no_information)


def compile_by_kind(match_list: MatchList) -> ByKind:
    """Makes every answer of a list."""
    without = _nothing(_denied(match_list, None, Reason.LIST_DATE))
    stretches: dict[date, _Stretch] = {}
    for revision in match_list.source.revisions:
        stretches[revision.in_force_from] = _in_force(match_list, revision)
        if revision.in_force_until is not None and revision.in_force_until < date.max:
            stretches[revision.in_force_until + timedelta(days=1)] = without
    return ByKind(without, tuple(sorted(stretches.items(), key=itemgetter(0), reverse=True)))


def _nothing(denied: KindDecision) -> _Stretch:
    return _Stretch({}, denied, denied, denied, denied)


def _in_force(match_list: MatchList, revision: Revision) -> _Stretch:
    permitted: dict[str, _ByTask] = {}
    closed = {kind: match_list.close_kinds((kind,)) for kind in match_list.kinds}
    for asking, task, asked, information in grants(match_list, revision):
        found = match_list.look_up(closed[asking], task, closed[asked], information, revision.in_force_from)
        if isinstance(found, Ground):
            by_information = permitted.setdefault(asking, {}).setdefault(task, {}).setdefault(asked, {})
            by_information[information] = _permitted(match_list, revision, found)
    return _Stretch(
        permitted,
        _denied(match_list, revision, Reason.LIST_INQUIRER_KIND),
        _denied(match_list, revision, Reason.LIST_TASK),
        _denied(match_list, revision, Reason.LIST_PROVIDER_KIND),
        _denied(match_list, revision, Reason.LIST_INFORMATION),
    )


def _permitted(match_list: MatchList, revision: Revision, ground: Ground) -> KindDecision:
    return KindDecision(
        effect=Effect.PERMIT,
        reasons=(),
        ground=ground.text,
        certainty=ground.certainty,
        inquirer_kind=ground.inquirer_kind,
        provider_kind=ground.provider_kind,
        revision=revision.revision,
        in_force=(revision.in_force_from, revision.in_force_until),
        serial=match_list.serial,
        digest=match_list.digest,
    )


def _denied(match_list: MatchList, revision: Revision | None, reason: Reason) -> KindDecision:
    return KindDecision(
        effect=Effect.DENY,
        reasons=(reason,),
        ground="",
        certainty=None,
        inquirer_kind="",
        provider_kind="",
        revision=revision.revision if revision else "",
        in_force=(revision.in_force_from, revision.in_force_until) if revision else None,
        serial=match_list.serial,
        digest=match_list.digest,
    )
