"""``sympho authz explain``, ``near``, ``enumerate``, ``diff`` and ``matrix`` as typed, without a server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from authz.matchlist import canonical, compile_list
from fixtures.lists import load
from gateway import worlds
from gateway.cli import main

SOURCE = load()
LIST = compile_list(SOURCE, 1)
VACCINATING = "予防接種法による予防接種の実施に関する事務"
QUESTION = (
    "--inquirer", "市町村", "--task", VACCINATING, "--provider", "MUNICIPALITY", "--information", "地方税関係情報",
)  # fmt: skip
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module", autouse=True)
def _one_world() -> Iterator[None]:
    """The invented country is made once: it is the same for every command."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(worlds, "find", lru_cache(worlds.find))
        yield


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command of the group on a machine where no server runs: exit code, output, errors."""
    for name in ("SYMPHO_URL", "SYMPHO_LOGIN", "SYMPHO_AGENCY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SYMPHO_DATA", str(tmp_path / "nothing"))

    def typed(*arguments: str) -> tuple[int, str, str]:
        code = main(["authz", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed


def told(run: Run, *arguments: str) -> Any:
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


# --- explain and near -----------------------------------------------------------------------------------------------


def test_a_question_of_kinds_is_explained_without_a_server(run: Run) -> None:
    said = told(run, "explain", *QUESTION, "--as-of", "2026-07-01")
    assert (said["effect"], said["level"], said["stops_at"]["word"]) == ("deny", "list", "information")
    assert said["list"]["digest"] == LIST.digest
    assert "list-at-hand" in {one["word"] for one in said["assumed"]}
    _, out, _ = run("explain", *QUESTION, "--as-of", "2026-07-01")
    for words in (
        "不許可",
        "この事務で提供者にこの特定個人情報は照会できません",
        "list-information",
        "2026-06-26",
        "前提",
    ):
        assert words in out


def test_near_is_what_the_explanation_has_by_field_and_number(run: Run) -> None:
    whole = told(run, "explain", *QUESTION, "--as-of", "2026-07-01")["near"]
    some = told(run, "near", *QUESTION, "--as-of", "2026-07-01", "--field", "task", "--limit", "2")
    tasks = [one for one in whole if one["field"] == "task"]
    assert (some["near"], some["found"]) == (tasks[:2], len(tasks))
    _, out, _ = run("near", *QUESTION, "--as-of", "2026-07-01", "--field", "information")
    assert "予防接種法による予防接種の実施に関する情報" in out


def test_an_agency_at_hand_is_judged_by_the_directory_that_its_world_begins_with(run: Run) -> None:
    question = (
        "--inquirer",
        "陽炎市",
        "--task",
        VACCINATING,
        "--provider",
        "蜃気楼市",
        "--information",
        "地方税関係情報",
    )
    said = told(run, "explain", *question, "--offline", "--as-of", "2026-07-01")
    assert (said["level"], {one["recipe"] for one in said["decisions"]}) == ("agencies", {"ask", "permit", "provide"})


def test_a_list_in_a_file_is_read_and_its_faults_are_named(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "candidate.list"
    file.write_bytes(canonical(SOURCE).replace(b'"16-2","1.1"', b'"16-2","1.1.0"'))
    code, _, err = run("explain", *QUESTION, "--list", str(file))
    assert code == 2
    assert "row" in err


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (("--task", "予防接種"), "several fit"),
        (("--information", "無い情報"), "no such code"),
        (("--inquirer", "蓬莱国"), "no such code"),
        (("--as-of", "昨日"), "--as-of"),
        (("--known-at", "2026-01-01", "--offline"), "--known-at"),
    ],
)
def test_a_wrong_word_is_named_with_what_would_fit(run: Run, changed: tuple[str, ...], says: str) -> None:
    code, out, err = run("explain", *QUESTION, *changed)
    assert (code, out) == (2, "")
    assert says in err


def test_what_a_kind_may_ask_is_listed_and_narrowed(run: Run) -> None:
    said = told(run, "enumerate", "市町村", "--task", VACCINATING, "--as-of", "2024-05-26")
    assert [f"{row['item']}:{row['row']}" for row in said["rows"]] == ["16-2:1.1"]
    _, out, _ = run("enumerate", "市町村", "--information", "地方税関係情報")
    assert "28:2.1" in out


# --- diff -----------------------------------------------------------------------------------------------------------


def test_two_revisions_are_compared_as_text_as_json_and_as_a_page(run: Run, tmp_path: Path) -> None:
    said = told(run, "diff", "@2026-02-02", "@2026-06-26")
    [stretch] = said["stretches"]
    gained, lost = len(stretch["now_permitted"]), len(stretch["no_longer_permitted"])
    assert (stretch["before"]["revision"], stretch["after"]["revision"]) == ("teikyo-2026-02-02", "teikyo-2026-06-26")
    _, out, _ = run("diff", "@teikyo-2026-02-02", "@teikyo-2026-06-26", "--limit", "1")
    assert f"DENY→ALLOW {gained}   ALLOW→DENY {lost}" in out
    page = tmp_path / "diff.html"
    assert run("diff", "@2026-02-02", "@2026-06-26", "--html", str(page))[0] == 0
    text = page.read_text(encoding="utf-8")
    naming = stretch["naming"]
    assert f"DENY→ALLOW {naming['gained']:,}   ALLOW→DENY {naming['lost']:,}" in out
    rows = sum(len(item["rows"]) for item in stretch["items"])
    named = len(stretch["procedures"]) + len(naming["now_permitted"]) + len(naming["no_longer_permitted"])
    assert text.count("<tr data-filtered data-counted") == gained + lost + rows + named


def test_two_files_are_compared_over_all_days_and_equal_ones_differ_in_nothing(run: Run, tmp_path: Path) -> None:
    held, candidate = tmp_path / "held.list", tmp_path / "candidate.list"
    document = canonical(SOURCE)
    held.write_bytes(document)
    row = next(line for line in document.splitlines(keepends=True) if line.startswith(b'["row"'))
    candidate.write_bytes(document.replace(row, b"", 1))
    [stretch] = told(run, "diff", str(held), str(candidate))["stretches"]
    assert [item["item"] for item in stretch["items"]] == [json.loads(row)[2]]
    assert stretch["now_permitted"] == []
    assert told(run, "diff", str(held), str(held))["stretches"] == []


@pytest.mark.parametrize("sides", [("@2026-02-02", "no-such.list"), ("@1999-01-01", "@2026-02-02"), ("@", "@x")])
def test_what_cannot_be_compared_is_said(run: Run, sides: tuple[str, str]) -> None:
    assert run("diff", *sides)[0] == 2


# --- matrix ---------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """What a page refers to, and the tags that it leaves open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.aims: set[str] = set()
        self.outside: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "input", "br", "link", "img"}:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href" and (value or "").startswith("#"):
                self.aims.add((value or "")[1:])
            elif name in {"href", "src"}:
                self.outside.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    typed = {
        "diff": ["diff", "@2026-02-02", "@2026-06-26"],
        "inquirer": ["matrix", "--as-of", "2026-06-26"],
        "provider": ["matrix", "--as-of", "2026-06-26", "--side", "provider"],
        "empty": ["matrix", "--as-of", "1999-01-01"],
    }
    for name, arguments in typed.items():
        assert main(["authz", *arguments, "--html", str(folder / f"{name}.html")]) == 0
    return {name: (folder / f"{name}.html").read_text(encoding="utf-8") for name in typed}


@pytest.mark.parametrize("name", ["diff", "inquirer", "provider", "empty"])
def test_a_page_needs_nothing_from_outside_and_every_link_in_it_leads_somewhere(
    pages: dict[str, str], name: str
) -> None:
    page = Reader(pages[name])
    assert page.open == []
    assert page.outside == []
    assert not re.search(r"https?://|@import|url\(", pages[name])
    assert page.aims <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert '<html lang="ja">' in pages[name]


def test_every_cell_of_the_matrix_leads_to_rows_with_item_and_task(pages: dict[str, str], run: Run) -> None:
    said = told(run, "matrix", "--as-of", "2026-06-26")
    assert said["cells"]
    for cell in said["cells"][::40]:
        anchor = f"{cell['kind']}.{cell['information']}"
        assert f'<a href="#{anchor}"' in pages["inquirer"]
        section = pages["inquirer"].split(f'id="{anchor}"')[1].split("</section>")[0]
        for n in cell["rows"]:
            row = said["rows"][n]
            assert f"{row['item']}:{row['row']}" in section
            assert row["task"]["code"] in section


def test_the_matrix_is_summed_up_on_the_terminal(run: Run) -> None:
    _, out, _ = run("matrix", "--as-of", "2026-06-26")
    assert "MUNICIPALITY" in out
