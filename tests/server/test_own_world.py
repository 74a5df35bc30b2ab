"""An integrator's own folder, written by hand as the page on worlds says: other work than the example's, every end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from gateway.cli import main
from tests.server.program import Program, Said, data_folder, serving, sympho

MINUTES = 10 * 60
CITY, PREFECTURE, EAST, WEST = "0220112224601700", "0220012000601700", "0220112204101700", "0220112207601700"
NETWORK = "0030099000099900"
ALLOWANCE, LONE_PARENTS = "JM90000000000171", "JM90000000000053"
OWN_TASK = "JM99000000000101"
TAX, DISABILITY, VACCINATION = "TM00000000000002", "TM90000000000007", "TM90000000000051"
YEAR, INCOME, TAXED = "TK00000200000010", "TK00000200000020", "TK00000200000110"

FILES = {
    "world.toml": f"""
format = 1
name = "鎌ケ谷市の連携試験"
name_en = "Kamagaya tries its linkages"
network = "{NETWORK}"
""",
    "agencies.csv": f"""
code,name,name_en,kinds,valid,excluded,delegated_tasks,delegated_information
{NETWORK},ネットワーク（架空の運営者）,,NETWORK_SYSTEM,2015-10-05/,,,
{PREFECTURE},千葉県,Chiba,PREFECTURE,2015-10-05/,,,
{CITY},鎌ケ谷市,Kamagaya,WELFARE_OFFICE_MUNICIPALITY,2015-10-05/,,,
{EAST},船橋市,Funabashi,WELFARE_OFFICE_MUNICIPALITY;HEALTH_CENTER_CITY,2015-10-05/,,,
{WEST},松戸市,Matsudo,WELFARE_OFFICE_MUNICIPALITY,2015-10-05/,{TAX},,
""",
    "offices.csv": f"""
agency,code,name,name_en,tasks
{NETWORK},00,運用,,
{PREFECTURE},30,障害福祉課,,
{CITY},15,こども支援課,Child support,{ALLOWANCE};{LONE_PARENTS};{OWN_TASK}
{CITY},90,総務課,,
{EAST},90,総務課,,
{WEST},90,総務課,,
""",
    "systems.csv": f"""
agency,code,name,name_en
{CITY},031,児童手当,Child allowance
{EAST},010,個人住民税,
{WEST},010,個人住民税,
{PREFECTURE},050,障害者福祉,
""",
    "assessments.csv": f"""
agency,file,published_on
{CITY},{ALLOWANCE},2024-08-30
{CITY},{LONE_PARENTS},2024-08-30
{CITY},{OWN_TASK},2025-02-01
{EAST},{TAX},2024-06-01
{WEST},{TAX},2024-06-01
{PREFECTURE},{DISABILITY},2024-06-01
""",
    "ordinances.csv": f"""
agency,task,name,name_en,mirrors,information,notified_on,published_on
{CITY},{OWN_TASK},ひとり親家庭等の医療費の助成に関する条例による助成金の支給に関する事務,,{LONE_PARENTS},{TAX},2025-01-10,2025-02-01
""",
    "staff.csv": f"""
agency,login,name,office,duties
{CITY},sato,佐藤　見本,15,inquire
{CITY},ito,伊藤　見本,90,read-records
{EAST},kato,加藤　見本,90,review;release
{EAST},saito,斎藤　見本,90,review;release
{WEST},endo,遠藤　見本,90,review;release
{WEST},goto,後藤　見本,90,review;release
{PREFECTURE},abe,安部　見本,30,inquire
{NETWORK},net-operator,運用　見本,00,operate-system
{NETWORK},net-approver-1,承認　一,00,approve-lists
{NETWORK},net-approver-2,承認　二,00,approve-lists
""",
    "numbers.csv": f"""
agency,system,number,person
{CITY},031,310001,p01
{CITY},031,310003,p03
{CITY},031,310004,p04
{CITY},031,310005,p05
{EAST},010,A0001,p01
{EAST},010,A0003,p03
{WEST},010,77,p05
{PREFECTURE},050,H0004,p04
""",
    "flags.csv": f"""
agency,person,information,no_automatic_answer,non_disclosure,note
{EAST},p03,{TAX},yes,no,確認中
""",
    f"duplicates/{TAX}.csv": f"""
agency,person,layout,published_from,published_until,{YEAR},{INCOME},{TAXED}
{EAST},p01,0001,2024-06-10,,2024,3110000,課税
{EAST},p03,0001,2024-06-10,,2024,1980000,課税
{WEST},p05,0001,2024-06-10,,2024,!NotAcceptable,課税
""",
    f"duplicates/{DISABILITY}.csv": f"""
agency,person,layout,published_from,published_until
{PREFECTURE},p04,0001,2024-06-10,
""",
}
"""The integrator's own words. Fifty invented persons with their residences are left as ``world new`` made them."""


def write(folder: Path) -> None:
    """The example of the integrator's own bodies, and then every file of it that is about work or staff anew."""
    made = sympho("world", "new", str(folder), "--city", "12224", "--neighbour", "12204", "--neighbour", "12207",
                  "--persons", "50")  # fmt: skip
    assert made.code == 0, made.err
    assert {CITY, PREFECTURE, EAST, WEST, NETWORK} <= set(made.out.split())
    for left in (folder / "duplicates").iterdir():
        left.unlink()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")


Type = Callable[..., Said]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Type:
    """A command that needs no process of its own, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")

    def type_(*words: str) -> Said:
        capsys.readouterr()
        code = main(words)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return type_


@dataclass(frozen=True)
class Made:
    """The integrator's installation, and since when it is being made."""

    program: Program
    began: float


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    began = time.monotonic()
    with data_folder() as data:
        folder = data.with_name("kamagaya")
        write(folder)
        checked = sympho("world", "check", str(folder))
        assert "住民 residents 50, 宛名番号 numbers 8, 副本 duplicates 4" in checked.out, checked.err
        with serving(data, "--world", str(folder)) as program:
            program.wait_until_ready()
            yield Made(program, began)


@pytest.fixture
def here(made: Made, typed: Type) -> Type:
    """A command about this installation."""
    return partial(_with_data, typed, str(made.program.data))


def _with_data(typed: Type, data: str, *words: str) -> Said:
    return typed(*words, "--data", data)


@pytest.fixture
def ask(here: Type) -> Type:
    """An inquiry of the child support office."""

    def about(number: str, provider: str, task: str, information: str, *more: str) -> Said:
        words = ("--person", f"031:{number}", "--provider", provider, "--task", task, "--information", information)
        return here("inquire", "--as", "sato", "--json", *words, *more)

    return about


def test_every_code_of_a_folder_is_found_without_a_server(typed: Type) -> None:
    assert ALLOWANCE in typed("masters", "tasks", "--offline", "--find", "児童手当").out
    assert "合計所得金額" in typed("masters", "items", "--offline", "--find", TAX).out
    assert "WELFARE_OFFICE_MUNICIPALITY" in typed("masters", "kinds", "--offline", "--find", "福祉事務所").out
    assert "地方税関係情報" in typed("authz", "enumerate", "市町村", "--task", ALLOWANCE).out


def test_from_nothing_to_a_permitted_a_refused_and_a_held_inquiry_within_ten_minutes(
    made: Made, here: Type, ask: Type
) -> None:
    permitted = ask("310001", EAST, ALLOWANCE, TAX).json()
    assert permitted["outcome"] == "provided"
    assert permitted["content"]["items"][INCOME]["value"] == "3110000"
    refused = ask("310001", EAST, ALLOWANCE, VACCINATION)
    assert (refused.code, refused.json()["reason"]) == (1, "not-permitted")
    held = ask("310003", EAST, ALLOWANCE, TAX, "--wait", "1").json()
    assert held["state"] == "in-progress"
    assert time.monotonic() - made.began < MINUTES

    assert here("review", "prepare", held["exchange"], "confirm", "--as", "kato").code == 0
    assert "four-eyes" in here("review", "release", held["exchange"], "--as", "kato").err
    assert here("review", "release", held["exchange"], "--as", "saito").code == 0
    assert "provided" in here("records", "show", held["exchange"], "--as", "ito").out


def test_the_own_ordinance_task_is_answered_with_consent_and_held_where_an_ordinance_limits_it(ask: Type) -> None:
    assert "consent-missing" in ask("310001", EAST, OWN_TASK, TAX).json()["reasons"]
    assert ask("310001", EAST, OWN_TASK, TAX, "--consent").json()["outcome"] == "provided"
    assert ask("310005", WEST, OWN_TASK, TAX, "--consent", "--wait", "1").json()["state"] == "in-progress"
    answered = ask("310005", WEST, ALLOWANCE, TAX).json()["content"]["items"]
    assert answered[INCOME]["reason_of_null"] == "NotAcceptable"


def test_the_prefecture_answers_what_the_city_may_ask_it(ask: Type) -> None:
    assert ask("310004", PREFECTURE, LONE_PARENTS, DISABILITY).json()["outcome"] == "provided"
    assert ask("310004", PREFECTURE, ALLOWANCE, DISABILITY).code == 1


def test_the_installation_keeps_every_promise(made: Made) -> None:
    judged = sympho("judge", "--data", str(made.program.data))
    assert "every invariant holds" in judged.out
