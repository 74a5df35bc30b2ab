"""A reviewer's cases: read strictly, judged by effect and reasons, and true of the project's own list."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from authz.cases.judging import judge
from authz.cases.reading import BadCases, Case, read
from authz.matchlist import compile_list
from authz.questions import Snapshot
from fixtures import seed
from fixtures.lists import load
from fixtures.world import invented_country
from gateway.exchange.directory import agency_facts

LIST = compile_list(load(), 1)
WORLD = {one.code: agency_facts(one, LIST.close_kinds) for one in seed.entries(invented_country())}
SNAPSHOT = Snapshot(LIST, WORLD, LIST.items)
CARRIED = sorted((Path(__file__).parents[2] / "fixtures" / "cases").glob("*.yaml"))

CASE = """
cases:
  - case: records
    as_of: [2024-05-26]
    inquirers: [MUNICIPALITY, PREFECTURE]
    tasks: [予防接種法による予防接種の実施に関する事務]
    providers: [MUNICIPALITY, PREFECTURE]
    information: [予防接種法による予防接種の実施に関する情報]
    effect: permit
    reasons: ["16-2:1.1", "16-3:1.1"]
"""


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(BadCases) as bad:
        read(text, SNAPSHOT)
    return [(fault.line, fault.rule.partition(":")[0]) for fault in bad.value.faults]


def only(text: str) -> Case:
    (case,) = read(text, SNAPSHOT)
    return case


@pytest.mark.parametrize("file", CARRIED, ids=lambda file: file.name)
def test_the_projects_own_cases_are_decided_as_they_say(file: Path) -> None:
    verdicts = [judge(case, SNAPSHOT) for case in read(file.read_text(encoding="utf-8"), SNAPSHOT)]
    assert verdicts
    assert [verdict.case.name for verdict in verdicts if not verdict.holds] == []


def test_the_items_that_the_seed_document_cites_and_their_successors_are_all_grounds_of_cases() -> None:
    cases = [case for file in CARRIED for case in read(file.read_text(encoding="utf-8"), SNAPSHOT)]
    items = {reason.partition(":")[0] for case in cases for reason in case.reasons if case.effect == "permit"}
    assert {"16-2", "16-3", "17", "18", "19", "115-2", "25", "26", "27", "28", "29", "153"} <= items


def test_a_case_asks_every_party_task_information_and_day_with_every_other() -> None:
    case = only(CASE.replace("[2024-05-26]", "[2020-01-01, 2024-05-26]"))
    assert len(case.questions) == 2 * 2 * 2
    assert len(set(case.questions)) == len(case.questions)
    assert judge(case, SNAPSHOT).holds


def test_a_permitted_case_fails_for_a_ground_that_it_does_not_name() -> None:
    verdict = judge(only(CASE.replace(', "16-3:1.1"', "")), SNAPSHOT)
    assert not verdict.holds
    assert {(one.asked.inquirer, one.reasons) for one in verdict.unexpected} == {("PREFECTURE", ("16-3:1.1",))}


def test_a_permitted_case_fails_for_a_ground_that_no_question_has() -> None:
    verdict = judge(only(CASE.replace('"16-2:1.1"', '"16-2:1.1", "17:1.1"')), SNAPSHOT)
    assert (verdict.unexpected, verdict.unused) == ((), ("17:1.1",))
    assert not verdict.holds


@pytest.mark.parametrize(
    ("reasons", "holds"),
    [("[list-date]", True), ("[list-task]", False), ("[list-date, list-task]", False)],
)
def test_a_denied_case_wants_exactly_its_reasons(reasons: str, holds: bool) -> None:
    denied = CASE.replace("2024-05-26", "2016-08-01").replace("effect: permit", "effect: deny")
    verdict = judge(only(denied.replace('["16-2:1.1", "16-3:1.1"]', reasons)), SNAPSHOT)
    assert verdict.holds is holds


def test_the_right_effect_for_a_wrong_reason_is_not_enough_nor_the_right_reason_for_a_wrong_effect() -> None:
    permitted = only(CASE.replace("2024-05-26", "2016-08-01"))
    assert len(judge(permitted, SNAPSHOT).unexpected) == 4
    denied = CASE.replace("effect: permit", "effect: deny").replace('["16-2:1.1", "16-3:1.1"]', "[list-date]")
    assert len(judge(only(denied), SNAPSHOT).unexpected) == 4


def test_an_agency_is_named_by_its_name_or_code_and_judged_with_its_own_facts() -> None:
    named = CASE.replace("MUNICIPALITY, PREFECTURE]\n    tasks", "架空県陽炎市]\n    tasks")
    named = named.replace("providers: [MUNICIPALITY, PREFECTURE]", "providers: [架空県蜃気楼市]").replace(
        ', "16-3:1.1"', ""
    )
    assert judge(only(named), SNAPSHOT).holds
    itself = named.replace("架空県蜃気楼市", "0220199201101700")
    assert judge(only(itself), SNAPSHOT).unexpected[0].reasons == ("same-agency",)


def test_a_case_without_reasons_is_a_fault() -> None:
    assert faults(CASE.replace('    reasons: ["16-2:1.1", "16-3:1.1"]\n', "")) == [(3, "reasons")]
    assert faults(CASE.replace('["16-2:1.1", "16-3:1.1"]', "[]")) == [(10, "reasons")]
    assert faults(CASE.replace('["16-2:1.1", "16-3:1.1"]', "")) == [(10, "reasons")]


@pytest.mark.parametrize("text", ["", "# nothing\n", "cases: []\n", "cases:\n", "[]\n", "--- {}\n", "cases: 3\n"])
def test_a_file_without_cases_is_a_fault(text: str) -> None:
    assert faults(text)


def test_every_fault_of_a_file_is_told_at_once_with_its_line() -> None:
    text = dedent(
        """\
        cases:
          - case: first
            as_of: [2024-02-30]
            inquirers: [MUNICIPALTY]
            tasks: [予防接種法]
            providers: [MUNICIPALITY, MUNICIPALITY]
            information: []
            effect: allow
            reasons: [because]
            colour: red
          - case: first
            case: again
            as_of: yesterday
        other: 1
        """
    )
    assert faults(text) == [
        (3, "as_of"),
        (4, "inquirers"),
        (5, "tasks"),
        (6, "providers"),
        (7, "information"),
        (8, "effect"),
        (9, "reasons"),
        (10, "unknown key colour; known"),
        (11, "case"),
        *((11, name) for name in ("effect", "information", "inquirers", "providers", "reasons", "tasks")),
        (12, "case"),
        (13, "as_of"),
        (14, "unknown key other; known"),
    ]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("cases: [", 1),
        ("cases:\n  - case: a\n   b: c\n", 3),
        ("cases: &a [*b]", 1),
        ("cases: " + "[" * 1_200, 1),
        ("cases: {? [1] : 2}", 1),
        ("a: 1\n---\nb: 2\n", 2),
    ],
)
def test_what_is_no_yaml_of_cases_is_a_fault_and_not_a_crash(wrong: str, line: int) -> None:
    assert faults(wrong)[0][0] == line


def test_words_of_yaml_are_taken_as_they_are_written() -> None:
    assert faults(CASE.replace("effect: permit", "effect: yes")) == [(9, "effect")]
    assert faults(CASE + "    consent: yes\n") == [(11, "consent")]


def test_a_case_of_more_questions_than_anybody_reads_is_a_fault() -> None:
    many = f"[{', '.join(LIST.kinds)}]"
    tasks, information = (f"[{', '.join(codes)}]" for codes in (LIST.tasks, LIST.information))
    text = CASE.replace("[MUNICIPALITY, PREFECTURE]", many).replace(
        "[予防接種法による予防接種の実施に関する事務]", tasks
    )
    text = text.replace("[予防接種法による予防接種の実施に関する情報]", information)
    assert faults(text) == [(5, "at most 100000 questions expected")]
