"""``sympho probe`` (攻撃の試行): attacks from outside against a running server, each named, with what came back."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway.commands import caller
from gateway.commands.authorization.pages import write_page
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.probing.findings import Family
from gateway.commands.probing.forging import claims_of
from gateway.commands.probing.parties import Doors, anywhere, stranger
from gateway.commands.probing.reporting import FAMILIES, page_of, plain, show, show_matrix
from gateway.commands.probing.running import open_target, probe
from gateway.commands.probing.target import Options, Target
from gateway.commands.probing.wire import Wire
from gateway.commands.screen import err, say, show_json
from gateway.config import ConfigError, load
from gateway.running.credentials import FILE, CredentialFile, StaffCredential
from gateway.running.lending import lent

__all__ = ["COMMANDS"]


def _for_probe(parser: Parser) -> None:
    parser.add_argument("url", nargs="?", metavar="URL", help="攻撃するサーバー / the server (default: of --data)")
    parser.add_argument("--data", metavar="DIR", help="サーバーのデータフォルダー / the server's data folder")
    parser.add_argument("--credentials", metavar="FILE", help=f"職員の資格情報 / accounts, like {FILE} (of --data)")
    parser.add_argument("--as", dest="login", metavar="LOGIN", help="加える職員（SYMPHO_PASSWORD） / one more account")
    parser.add_argument("--agency", metavar="CODE", help="その機関コード / its agency")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="サーバーの認証局（PEM） / the authority of https")
    group = parser.add_argument_group("何を / what")
    names = ", ".join(family.value for family in Family)
    group.add_argument("--only", action="append", metavar="KIND", help=f"この攻撃だけ（複数可） / only these: {names}")
    group.add_argument("--matrix", action="store_true", help="権限の一覧表だけ / the staff matrix alone")
    group.add_argument("--every", action="store_true", help="一覧表を全ての職員で / every account in the matrix")
    group.add_argument(
        "--gentle", action="store_true", help="記録以外に何も残さない / nothing that leaves more than logs"
    )
    group.add_argument(
        "--expired-token", metavar="TOKEN", default="", help="期限切れのトークン / a token that has expired"
    )
    group.add_argument(
        "--wait-for-expiry", action="store_true", help="トークンの期限切れを待つ（15 分） / wait for one"
    )
    party = parser.add_argument_group("機関間 / between parties")
    party.add_argument(
        "--party-data",
        metavar="DIR",
        help="中間サーバーのデータフォルダー（証明書と許可証を借りる） / an intermediary server's folder: certificate, permit",
    )
    party.add_argument(
        "--network-data", metavar="DIR", help="ネットワークのデータフォルダー / the network's: its certificate"
    )
    party.add_argument("--party-url", metavar="URL", default="", help="機関間の窓口 / the network's party door")
    party.add_argument("--party-cert", type=Path, metavar="FILE", help="機関の証明書 / an agency's certificate")
    party.add_argument("--party-key", type=Path, metavar="FILE", help="その鍵 / its key")
    told = parser.add_argument_group("報告 / report")
    told.add_argument("--html", metavar="FILE", help="ページとして書く / write a page")
    told.add_argument("--report", type=Path, metavar="FILE", help="JSON をファイルに書く / write JSON to a file")
    told.add_argument("--json", action="store_true", help="JSON で出力 / machine output")
    told.add_argument("--all", action="store_true", help="守られたものも表に / list what was held, too")


def _probe(args: Arguments) -> int:
    families = _families(args)
    wire = Wire(_url(args), args.ca)
    try:
        target = open_target(wire, _credentials(args, wire), _options(args))
        if args.wait_for_expiry:
            target.options = replace(target.options, expired_token=_expired(target))
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=err, transient=True) as bars:
            task = bars.add_task("")
            report = probe(target, families, lambda name: bars.update(task, description=FAMILIES[Family(name)][0]))
    finally:
        wire.close()
    if args.report:
        args.report.write_bytes(msgspec.json.format(msgspec.json.encode(plain(report)), indent=2))
    if args.html:
        write_page(args.html, page_of(report))
    if args.json:
        show_json(plain(report))
        return Exit.DONE if report.holds else Exit.REFUSED
    if args.matrix and report.matrix is not None:
        show_matrix(report.matrix)
    show(report, every=args.all)
    for file in (args.html, args.report):
        if file:
            say(f"書きました / written: {file}")
    return Exit.DONE if report.holds else Exit.REFUSED


def _families(args: Arguments) -> frozenset[Family]:
    if args.matrix:
        return frozenset({Family.MATRIX})
    try:
        return frozenset(Family(name) for name in args.only) if args.only else frozenset(Family)
    except ValueError:
        known = ", ".join(family.value for family in Family)
        raise ConfigError(f"--only: その攻撃はありません / no such kind; known: {known}") from None


def _url(args: Arguments) -> str:
    if args.url:
        return str(args.url)
    with caller.anybody(args) as client:
        return client.url


def _options(args: Arguments) -> Options:
    return Options(
        gentle=args.gentle,
        every=args.every,
        expired_token=args.expired_token,
        doors=_doors(args),
    )


def _doors(args: Arguments) -> Doors:
    """The party doors: out of the data folders that are lent, or at the address that is named."""
    if args.party_data:
        network = load({"data": args.network_data}) if args.network_data else None
        had = asyncio.run(lent(load({"data": args.party_data}), network))
        as_network = anywhere(had.network.client_context()) if had.network else None
        return Doors(
            network_url=had.network_url,
            provider_url=had.provider_url,
            agency=anywhere(had.agency.client_context()),
            network=as_network,
            permit=had.permit,
        )
    if args.network_data or bool(args.party_cert) != bool(args.party_key) or (args.party_cert and not args.party_url):
        raise ConfigError("--network-data: --party-data と / with --party-data; --party-cert: --party-key, --party-url")
    if not args.party_cert:
        return Doors(network_url=args.party_url)
    agency = stranger()
    try:
        agency.load_cert_chain(args.party_cert, args.party_key)
    except OSError:
        raise ConfigError("--party-cert: 証明書と鍵を読めません / certificate and key cannot be read") from None
    return Doors(network_url=args.party_url, agency=agency)


def _credentials(args: Arguments, wire: Wire) -> list[StaffCredential]:
    """The accounts of the file, with the one of the command line before them."""
    file = Path(args.credentials) if args.credentials else caller.data_of(args) / FILE
    found: list[StaffCredential] = []
    if file.exists():
        try:
            found = list(msgspec.json.decode(file.read_bytes(), type=CredentialFile).accounts)
        except (OSError, msgspec.DecodeError):
            raise ConfigError(f"{file}: 資格情報のファイルではありません / no file of credentials") from None
    elif args.credentials:
        raise ConfigError(f"{file}: ありません / is not there")
    if args.login:
        found.insert(0, _named(args, wire))
    return found


def _named(args: Arguments, wire: Wire) -> StaffCredential:
    """The account of the command line; its duties are what it is told when it logs in."""
    password = os.environ.get("SYMPHO_PASSWORD", "")
    if not args.agency or not password:
        raise ConfigError("--as: --agency と SYMPHO_PASSWORD が必要です / takes --agency and SYMPHO_PASSWORD")
    given = StaffCredential(args.agency, "", args.login, password, "", "", ())
    account = Target(wire, {"paths": {}}, [given]).fresh(given)
    if account is None:
        raise caller.NotLetIn(f"{args.login}: ログインできません / does not get in")
    wire.call("POST", "/auth/logout", token=account.token)
    return msgspec.structs.replace(given, duties=tuple(sorted(account.duties)))


def _expired(target: Target) -> str:
    """A token of the first account that gets in, once it has expired."""
    account = next((one for given in target.credentials if (one := target.fresh(given))), None)
    if account is None:
        return ""
    until = float(claims_of(account.token).get("exp", 0))
    say("トークンの期限切れを待ちます。 / Waiting until a token has expired.")
    while (left := until - time.time()) > -1:
        time.sleep(min(left + 1.5, 30.0))
    return account.token


COMMANDS: Sequence[Command] = (
    Command(
        "probe",
        "動いているサーバーを外から攻撃してみる",
        "attack a running server from outside, and report",
        about=(
            "トークンの偽造、他団体のもの、権限の昇格、一人での承認、リストの巻戻し、悪意ある本文などを実際に送り、\n"
            "返ったものと判定（守られた・破られた・試していない）を一つずつ報告します。自分のサーバーにだけ使ってください。\n"
            "Really sends forged tokens, guesses, escalations, hostile bodies and more, and reports each with what\n"
            "came back: held, broken, or not tried and why. Only for a server of your own; one that is broken may be\n"
            "changed by it. 0: nothing was broken, 1: something was, or nothing could be tried."
        ),
        examples=(
            "sympho probe",
            "sympho probe --html probe.html --report probe.json",
            "sympho probe http://127.0.0.1:8443 --credentials accounts.json --gentle",
            "sympho probe --matrix --html matrix.html",
        ),
        configure=_for_probe,
        run=_probe,
    ),
)
