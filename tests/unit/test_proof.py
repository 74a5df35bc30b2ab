"""The exhaustive proof, on a small list: complete, in order, confirmed by a second evaluation, and able to fail."""

from __future__ import annotations

import ast
import hashlib
import sys
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from authz.matchlist import ListSource, Miss, canonical, compile_list
from authz.proof import running, second, sweep
from authz.proof.agreement import Agreement, bodies
from authz.proof.naming import Naming
from authz.proof.sweep import Block, Named, Place, Statement, places
from fixtures.lists import load

ITEMS = {"13", "16", "16-2", "16-3", "25", "26", "115-2", "153", "168"}
KINDS = ("A_BOMB_CITY", "MINISTER_HEALTH", "MUNICIPALITY", "PREFECTURE", "WIDE_AREA_UNION")
LETTER = {Miss.INQUIRER_KIND: "1", Miss.TASK: "2", Miss.PROVIDER_KIND: "3", Miss.INFORMATION: "4"}


def small() -> ListSource:
    """A few items of the project's list, for a few kinds."""
    whole = load()
    rows = tuple(
        replace(row, inquirers=asking, providers=asked)
        for row in whole.rows
        if row.item in ITEMS
        and (asking := tuple(kind for kind in row.inquirers if kind in KINDS))
        and (asked := tuple(kind for kind in row.providers if kind in KINDS))
    )
    tasks = {row.task for row in rows} | {whole.tasks[0].task}
    information = {row.information for row in rows} | {whole.information[0].information}
    return ListSource(
        kinds=tuple(kind for kind in whole.kinds if kind.kind in KINDS),
        tasks=tuple(one for one in whole.tasks if one.task in tasks),
        information=tuple(one for one in whole.information if one.information in information),
        items=tuple(one for one in whole.items if one.information in information),
        revisions=whole.revisions,
        rows=rows,
        procedures=tuple(
            replace(one, information=left)
            for one in whole.procedures
            if any((row.revision, row.item) == (one.revision, one.item) for row in rows)
            and (left := tuple(named for named in one.information if named in information))
        ),
    )


SOURCE = small()
DOCUMENT = canonical(SOURCE)
LIST = compile_list(SOURCE, 1)
BLOCKS = [sweep.sweep(LIST, place) for place in places(LIST)]
NAMING = Naming(LIST, bodies(LIST))
NAMED = [NAMING.named(block) for block in BLOCKS]


def stated(blocks: list[Block], named: list[Named]) -> str:
    statement = Statement(LIST)
    for block, beside in zip(blocks, named, strict=True):
        statement.add(block, beside)
    return statement.text


STATED = stated(BLOCKS, [named for named, _, _ in NAMED])


def test_a_statement_has_a_letter_for_every_combination_in_the_documented_order() -> None:
    for revision in LIST.source.revisions:
        letters = b"".join(block.letters for block in BLOCKS if block.place.revision == revision.revision).decode()
        combinations = product(LIST.kinds, LIST.tasks, LIST.kinds, LIST.information)
        for letter, (asking, task, asked, information) in zip(letters, combinations, strict=True):
            kinds = LIST.close_kinds({asking}), LIST.close_kinds({asked})
            found = LIST.look_up(kinds[0], task, kinds[1], information, revision.in_force_from)
            assert letter == ("Y" if found.miss is None else LETTER[found.miss])
        digest = hashlib.sha256(letters.encode()).hexdigest()
        assert f"revision {revision.revision} tried {len(letters)} " in STATED
        assert f" letters {digest} " in STATED


def test_grounds_name_the_row_of_each_permitted_combination() -> None:
    lines = b"".join(block.grounds for block in BLOCKS if block.place.revision == "teikyo-2026-06-26").decode()
    last = [row for row in SOURCE.rows if row.revision == "teikyo-2026-06-26"]
    vaccinating, record = next((row.task, row.information) for row in last if (row.item, row.row) == ("25", "1.1"))
    assert f"A_BOMB_CITY {vaccinating} PREFECTURE {record} 25:1.1\n" in lines
    assert f"PREFECTURE {vaccinating} A_BOMB_CITY {record} 26:1.1\n" in lines
    assert "WIDE_AREA_UNION" not in lines
    assert lines.count("\n") == sum(block.permitted for block in BLOCKS if block.place.revision == "teikyo-2026-06-26")


LETTER_OF = {"lines": "Y", "unmapped": "U", "amended": "A", "not-carried": "-"}


def test_every_permitted_combination_has_a_letter_for_each_procedure_that_is_named() -> None:
    codes = tuple(one.procedure for one in compile_list(SOURCE, 1).source.procedures)
    seen = set()
    for block, (named, decisions, differences) in zip(BLOCKS, NAMED, strict=True):
        assert (len(named.letters), differences) == (block.permitted * len(codes), [])
        assert decisions >= len(named.letters)
        said = [line.split(" ") for line in block.grounds.decode().splitlines()]
        grounds = dict(line.rsplit(" ", 1) for line in named.grounds.decode().splitlines())
        for n, (letter, (words, code)) in enumerate(zip(named.letters.decode(), product(said, codes), strict=True)):
            combination = " ".join((*words[:4], code))
            assert (letter in "YUA") == (combination in grounds), n
            seen.add(letter)
        assert list(grounds) == [
            " ".join((*words[:4], code))
            for letter, (words, code) in zip(named.letters.decode(), product(said, codes), strict=True)
            if letter in "YUA"
        ]
    assert seen == set("YNUE-")


def test_a_procedure_of_the_last_revision_alone_is_amended_before_it_by_both_evaluations() -> None:
    first = SOURCE.procedures[0]
    moved = replace(first, revision="teikyo-2026-06-26")
    changed = replace(SOURCE, procedures=(moved, *SOURCE.procedures[1:]))
    match_list = compile_list(changed, 1)
    naming = Naming(match_list, bodies(match_list))
    statement = Statement(match_list)
    named = [naming.named(block)[0] for block in BLOCKS]
    for block, beside in zip(BLOCKS, named, strict=True):
        statement.add(block, beside)
    assert any(b"A" in one.letters for one in named)
    assert statement.text == second.statement(canonical(changed))
    assert statement.text.splitlines()[8:] != STATED.splitlines()[8:]


def test_the_second_evaluation_comes_to_the_same_statement() -> None:
    assert second.statement(DOCUMENT) == STATED


def test_the_second_evaluation_imports_the_standard_library_and_nothing_else() -> None:
    tree = ast.parse(Path(second.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_the_days_on_which_another_revision_comes_into_force_are_those_of_the_document() -> None:
    assert list(sweep.changes(LIST)) == [
        (date(2016, 8, 1), "-"),
        (date(2016, 8, 2), "beppyo2-2016-08-02"),
        (date(2024, 5, 27), "teikyo-2026-02-02"),
        (date(2026, 6, 26), "teikyo-2026-06-26"),
    ]


def test_a_gap_between_two_revisions_and_an_end_of_the_last_are_stated_by_both_evaluations() -> None:
    first, middle, last = SOURCE.revisions
    dated = replace(
        SOURCE,
        revisions=(
            replace(first, in_force_until=date(2024, 5, 20)),
            middle,
            replace(last, in_force_until=date(2027, 3, 31)),
        ),
    )
    said = [line for line in second.statement(canonical(dated)).splitlines() if line.startswith("from ")]
    assert said == [f"from {day} {name}" for day, name in sweep.changes(compile_list(dated, 1))]
    assert "from 2024-05-21 -" in said
    assert said[-1] == "from 2027-04-01 -"


def test_a_proof_on_two_processes_holds_and_is_the_same_as_on_one() -> None:
    seen: list[Place] = []
    alone = running.prove(DOCUMENT, 1, lambda checked: seen.append(checked.block.place))
    together = running.prove(DOCUMENT, 2, lambda _: None)
    assert alone.holds
    assert alone == together
    assert seen == list(places(LIST))
    assert alone.tried == len(SOURCE.revisions) * len(KINDS) ** 2 * len(SOURCE.tasks) * len(SOURCE.information)
    assert alone.decisions > 0
    assert alone.digest == hashlib.sha256(alone.statement.encode()).hexdigest()


def test_a_proof_does_not_hold_when_the_second_evaluation_or_a_decision_says_otherwise() -> None:
    proof = running.prove(DOCUMENT, 1, lambda _: None)
    assert not replace(proof, second=proof.second.replace("tried", "dried")).holds
    assert not replace(proof, differences=("one",)).holds


def test_blocks_out_of_order_or_missing_make_no_statement() -> None:
    with pytest.raises(ValueError, match="out of order"):
        Statement(LIST).add(BLOCKS[1], NAMED[1][0])
    with pytest.raises(ValueError, match="missing"):
        _ = Statement(LIST).text


def test_whole_decisions_agree_with_every_block_and_a_forged_letter_is_told() -> None:
    agreement = Agreement(LIST, bodies(LIST))
    block = next(one for one in BLOCKS if one.place == Place("teikyo-2026-06-26", "MUNICIPALITY"))
    decisions, differences = agreement.differences(block)
    assert decisions > 4 * block.permitted
    assert differences == []
    forged = block.letters.replace(b"Y", b"4", 1)
    _, differences = agreement.differences(Block(block.place, forged, block.grounds))
    assert len(differences) == 4
    assert all("MUNICIPALITY" in text and "4, but" in text for text in differences)


def test_the_figures_of_the_page_on_authorization_are_those_of_the_list_that_is_carried() -> None:
    page = (Path(__file__).parents[2] / "docs" / "authorization.md").read_text(encoding="utf-8")
    statement = second.statement(canonical(load()))
    assert f"`{running.digest_of(statement)}`" in page
    for line in statement.splitlines():
        words = line.split(" ")
        if words[0] == "list":
            assert f"`{words[1][:16]}…`" in page
        if words[0] in ("revision", "procedures"):
            figures = [words[1], f"{int(words[3]):,}", f"{int(words[5]):,}", *(f"`{words[n][:16]}…`" for n in (7, 9))]
            assert f"| {' | '.join(figures)} |" in page
