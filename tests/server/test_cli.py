"""The commands of ``sympho`` against a server that runs, as somebody in another terminal would use them."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest

from fixtures.world import invented_country
from gateway.cli import main
from gateway.commands.client import Client, Refused
from gateway.running.credentials import read
from tests.server.program import SYMPHO, Program, Said, data_folder, environment, serving, sympho

CAST = invented_country().cast
Run = Callable[..., Said]


@pytest.fixture(scope="module")
def server() -> Iterator[Program]:
    with data_folder() as folder, serving(folder) as program:
        program.wait_until_ready()
        yield program


@pytest.fixture(scope="module")
def run(server: Program) -> Run:
    """A command on the server's data folder, found by the environment."""

    def on_this_data(*arguments: str, **more: str) -> Said:
        return sympho(*arguments, SYMPHO_DATA=str(server.data), **more)

    return on_this_data


def _ask(run: Run, *more: str, ask: object = CAST.tax) -> Said:
    assert isinstance(ask, type(CAST.tax))
    person = f"{ask.person.system}:{ask.person.number.reveal()}"
    question = ("--provider", ask.provider, "--task", ask.task, "--information", ask.information)
    return run("inquire", "--as", ask.login, "--person", person, *question, "--json", *more)


def test_an_inquiry_is_asked_and_answered(run: Run) -> None:
    said = _ask(run)
    assert said.code == 0, said.err
    assert said.json()["outcome"] == "provided"
    assert said.json()["content"]["items"]


def test_the_same_key_gives_the_same_exchange(run: Run) -> None:
    first, second = _ask(run, "--key", "once"), _ask(run, "--key", "once")
    assert first.json()["exchange"] == second.json()["exchange"]


def test_a_refused_inquiry_says_why_and_exits_with_one(run: Run) -> None:
    said = _ask(run, ask=CAST.not_on_the_list)
    assert said.code == 1
    assert said.json()["reasons"] == ["list-information"]


def test_a_held_inquiry_is_reviewed_by_one_and_released_by_another(run: Run) -> None:
    exchange = _ask(run, "--wait", "1", ask=CAST.protected).json()["exchange"]
    first, second = ("--as", "shinkirou-reviewer-1"), ("--as", "shinkirou-reviewer-2")
    assert exchange in run("review", "list", *first).out
    assert "TK" in run("review", "show", exchange, *first).out
    assert run("review", "prepare", exchange, "confirm", *first, "--json").json()["state"] == "prepared"
    refused = run("review", "release", exchange, *first)
    assert refused.code == 1
    assert "二人目の確認が必要です" in refused.err
    assert "four-eyes" in refused.err
    assert run("review", "release", exchange, *second, "--json").json()["outcome"] == "provided"


def test_strangers_at_the_same_address_do_not_close_the_commands_to_who_has_used_them_before(
    server: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMPHO_DATA", str(server.data))
    log = ["operations", "list", "--limit", "1", "--as", "shinkirou-auditor", "--json"]
    assert main(log) == 0
    with Client(server.url) as stranger:
        for _ in range(2):
            while _guessed(stranger) != "account-locked":
                pass
            time.sleep(1)
        while _guessed(stranger) != "account-locked":
            pass
    assert main(log) == 0
    assert (server.data / "devices.json").stat().st_mode & 0o777 == 0o600


def test_a_condition_of_an_account_stays_until_it_is_named_and_a_day_lasts_to_its_end(run: Run) -> None:
    keeper = ("--as", "kagerou-staff", "--json")

    def conditions() -> tuple[str | None, str | None]:
        [one] = [one for one in run("staff", "list", *keeper).json()["staff"] if one["login"] == "kagerou-records"]
        return one["valid_until"], one["outside_subject"]

    def named(*what: str) -> int:
        return run("staff", "conditions", "kagerou-records", *what, *keeper).code

    assert (named("--until", "2099-03-31"), named("--outside", "hanako")) == (0, 0)
    assert conditions() == ("2099-03-31T15:00:00Z", "hanako")
    assert (named("--until", "none"), conditions()) == (0, (None, "hanako"))
    assert (named("--outside", "none"), conditions()) == (0, (None, None))


def test_a_terminal_is_registered_and_its_key_lets_an_account_in_that_is_bound_to_it(run: Run) -> None:
    keeper = ("--as", "oborozuki-staff", "--json")
    made = run("staff", "register-terminal", "窓口 7", *keeper).json()
    bound = ("staff", "conditions", "oborozuki-records", "--terminal")
    assert run(*bound, made["id"], *keeper).code == 0
    reading = ("records", "list", "--as", "oborozuki-records", "--json")
    assert run(*reading).code == 4
    assert run(*reading, SYMPHO_TERMINAL_KEY=made["key"]).code == 0
    assert run("staff", "close-terminal", made["id"], *keeper).code == 0
    assert run(*reading, SYMPHO_TERMINAL_KEY=made["key"]).code == 4
    [one] = [one for one in run("staff", "terminals", *keeper).json()["terminals"] if one["id"] == made["id"]]
    assert one["closed_at"] is not None
    assert run(*bound, "none", *keeper).code == 0
    assert run(*reading).code == 0


def _guessed(client: Client) -> str:
    with pytest.raises(Refused) as why:
        client.login(CAST.protected.provider, "shinkirou-auditor", "guessed by a stranger")
    return why.value.slug


def test_records_are_listed_shown_and_verified_by_their_holders(run: Run) -> None:
    exchange = _ask(run).json()["exchange"]
    for reader in ("kagerou-records", "shinkirou-records", "network-records"):
        assert exchange in run("records", "list", "--as", reader, "--json").out
        assert run("records", "show", exchange, "--as", reader, "--json").json()["payload"]["kind"] == "provided"
        assert run("records", "verify", exchange, "--as", reader).code == 0
    assert run("records", "show", exchange, "--as", "oborozuki-records").code == 1


def test_the_clock_is_set_for_everybody_and_resumed(run: Run) -> None:
    assert run("clock", "set", "2024-04-22", "--freeze", "--json").json()["frozen_at"].startswith("2024-04-22T09:00")
    assert run("clock", "show", "--json").json()["world"].startswith("2024-04-22")
    assert run("clock", "resume", "--json").json()["frozen_at"] is None
    assert run("clock", "set", "yesterday").code == 2


def test_status_masters_interfaces_and_staff_are_shown(run: Run) -> None:
    assert run("status", "--json").json()["ready"] is True
    assert "ready" in run("status").out
    assert "予防接種" in run("masters", "tasks", "--find", "予防接種").out
    assert "IF_SKI_10111" in run("interfaces", "--answered").out
    assert len(run("interfaces", "--json").json()["interfaces"]) == 83
    listed = run("staff", "list")
    assert "shinkirou-reviewer-2" in listed.out


def test_the_staff_list_shows_no_password(run: Run, server: Program) -> None:
    file = read(server.data)
    assert file is not None
    said = run("staff", "list", "--json")
    assert not [one.login for one in file.accounts if one.password in said.out]


def test_a_password_is_reset_on_the_data_while_the_server_runs(run: Run) -> None:
    made = run("staff", "reset", "gentou-auditor", "--json").json()
    assert run("records", "list", "--as", "gentou-auditor").code == 4
    agency = next(one["agency"] for one in run("staff", "list", "--json").json() if one["login"] == made["login"])
    named = ("--as", made["login"], "--agency", agency)
    said = run("records", "list", *named, SYMPHO_PASSWORD=made["password"])
    assert said.code == 1
    assert "wrong-duty" in said.err


def test_a_password_is_reset_by_the_server_for_whoever_cares_for_accounts(run: Run) -> None:
    said = run("staff", "reset", "gentou-health", "--online", "--second-factor", "--json")
    assert said.code == 0, said.err
    assert said.json()["must_change"] is True
    assert run("staff", "reset", "nobody", "--online", "--agency", _agency(run, "gentou-staff")).code == 2


def test_a_second_factor_is_enrolled_at_the_terminal_and_then_asked_for(run: Run, server: Program) -> None:
    someone = ("--as", "oborozuki-auditor")
    telling = subprocess.Popen(
        [*SYMPHO, "staff", "enrol", *someone],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(SYMPHO_DATA=str(server.data)),
    )  # fmt: skip
    assert telling.stdin is not None
    assert telling.stdout is not None
    told = ""
    while "secret=" not in told:
        told += telling.stdout.readline()
    totp = pyotp.parse_uri("".join(told.split()))
    assert isinstance(totp, pyotp.TOTP)
    rest, _ = telling.communicate(totp.now(), timeout=30)
    assert telling.returncode == 0
    codes = re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", rest)
    assert len(codes) == 10
    refused = run("operations", "list", *someone)
    assert (refused.code, "second-factor-required" in refused.err) == (4, True)
    assert run("operations", "list", *someone, "--code", codes[0]).code == 0
    assert run("operations", "list", *someone, "--code", codes[0]).code == 4
    again = run("staff", "reset", "oborozuki-auditor", "--second-factor", "--json").json()
    agency = ("--agency", _agency(run, "oborozuki-auditor"))
    assert run("token", *someone, *agency, SYMPHO_PASSWORD=again["password"]).code == 0


def _agency(run: Run, login: str) -> str:
    return str(next(one["agency"] for one in run("staff", "list", "--json").json() if one["login"] == login))


def test_a_business_system_is_admitted_gets_a_token_and_is_closed(run: Run) -> None:
    keeper = ("--as", "kagerou-staff", "--json")
    made = run("clients", "add", "健康管理", "--system", "024", "--operation", "register-inquiry", *keeper).json()
    token = run("clients", "token", made["client_id"], "--json", SYMPHO_CLIENT_SECRET=made["secret"])
    assert token.json()["scope"] == "register-inquiry"
    assert made["client_id"] in run("clients", "list", *keeper).out
    assert run("clients", "disable", made["client_id"], *keeper).code == 0
    assert run("clients", "token", made["client_id"], SYMPHO_CLIENT_SECRET=made["secret"]).code == 1
    assert run("clients", "token", made["client_id"]).code == 2


def test_the_judge_finds_nothing_wrong_while_the_server_runs(run: Run) -> None:
    said = run("judge", "--canaries", "--json")
    assert said.code == 0, said.out[-2000:]
    assert said.json()["violations"] == []


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "run",
        "demo",
        "story",
        "judge",
        "inquire",
        "review",
        "records",
        "keys",
        "staff",
        "clients",
        "operations",
        "probe",
    ],
)
def test_the_help_of_a_command_teaches_by_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert " / " in capsys.readouterr().out


def test_the_help_is_in_both_languages_japanese_first_and_names_the_exit_codes(run: Run) -> None:
    said = run("--help")
    assert said.code == 0
    assert said.out.index("情報照会を行う") < said.out.index("ask another body")
    assert "終了コード / exit codes" in said.out


def test_without_a_server_the_client_says_where_it_looked(tmp_path: Path) -> None:
    said = sympho("status", "--data", str(tmp_path))
    assert said.code == 4
    assert str(tmp_path) in said.err
    assert sympho("status", "--url", "http://127.0.0.1:1").code == 4


def test_a_wrong_command_line_exits_with_two(run: Run) -> None:
    assert run("inquire").code == 2
    assert _ask(run, "--person", "nobody").code == 2
    assert run("serve", "--port", "high").code == 2


def test_the_root_key_is_replaced_while_nobody_serves_and_the_data_stay(run: Run, server: Program) -> None:
    before = (server.data / "root.key").read_bytes()
    assert run("keys", "rewrap").code == 3
    assert server.end(signal.SIGTERM) == 0
    said = run("keys", "rewrap")
    assert said.code == 0, said.err
    assert (server.data / "root.key").read_bytes() != before
    with serving(server.data) as again:
        again.wait_until_ready()
        assert _ask(run).json()["outcome"] == "provided"
        assert again.end(signal.SIGINT) == 0
