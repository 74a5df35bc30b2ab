"""``sympho serve`` (起動): the server in the foreground, with progress, addresses and a clean stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.progress import Showing
from gateway.commands.screen import say
from gateway.config import SETTINGS, Config, Role, load
from gateway.running.ready import Running, Stay

__all__ = ["COMMANDS", "add_server_arguments", "announce", "config_of", "serve"]


def add_server_arguments(parser: Parser) -> None:
    """What every command that runs a server takes, in the settings' own words."""
    add, apart = parser.add_argument, parser.add_argument_group("役割ごとのプロセス / one process a role").add_argument
    add("--role", choices=[role.value for role in Role], help=_help("role"))
    add("--data", metavar="DIR", help=_help("data"))
    add("--host", help=_help("host"))
    add("--port", metavar="N", help=_help("port"))
    add("--world", metavar="WORLD", help=_help("world"))
    add("--scale", metavar="N", help=_help("scale"))
    apart("--party-port", metavar="N", help=_help("party_port"))
    apart("--join", metavar="FILE", help=_help("join"))
    apart("--join-port", metavar="N", help=_help("join_port"))
    apart("--residents-url", metavar="URL", help=_help("residents_url"))
    apart("--network-url", metavar="URL", help=_help("network_url"))
    add("--workers", metavar="N", help=_help("workers"))
    add("--log-level", choices=("debug", "info", "warning", "error"), help=_help("log_level"))


def _help(name: str) -> str:
    said = SETTINGS[name]
    return f"{said.ja} / {said.en} ({said.variable})"


def config_of(args: Arguments, **fixed: Any) -> Config:
    """The settings of a server command."""
    names = (
        "role",
        "data",
        "host",
        "port",
        "party_port",
        "join",
        "join_port",
        "residents_url",
        "network_url",
        "log_level",
        "workers",
        "world",
        "scale",
    )
    given = {name: getattr(args, name, None) for name in names}
    return load({**given, **fixed})


def serve(config: Config, ready: Callable[[Running], Awaitable[Stay]]) -> None:
    """Runs the server on uvloop until it is stopped; ``ready`` is called once it can serve."""
    import uvloop

    from gateway import log as logs
    from gateway.running.starting import until_stopped

    logs.configure(config.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, Showing(config.scale) as told:

        async def shown(server: Running) -> Stay:
            told.end()
            return await ready(server)

        runner.run(until_stopped(config, told, shown))
    say("停止しました。 / Stopped.")


def announce(server: Running) -> None:
    """Where it is reached, and where the credentials lie."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="cyan", no_wrap=True)
    lines.add_column(overflow="fold")
    for name, value in (
        ("世界 world", " / ".join(server.title)),
        ("役割 role", server.config.role.value),
        ("世界時刻 world time", server.world_time and f"{server.world_time} （sympho clock resume）"),
        ("REST", server.url),
        ("OpenAPI", f"{server.url}/openapi.json"),
        ("機関間 parties", server.party_url),
        ("参加ファイル（秘密） joining, secret", "\n".join(str(file) for file in server.joining)),
        ("データ data", str(server.config.data)),
        ("職員の資格情報 staff credentials", _place_of(server)),
        ("次に next", f"sympho status --data {server.config.data}"),
        ("停止 stop", "Ctrl-C"),
    ):
        if value:
            lines.add_row(Text(name), Text(value))
    title = "中間サーバー・シミュレーター（架空の人だけ） / simulator, invented people only"
    for change in server.changes:
        say(f"  {change}")
    say(Panel(lines, title=Text(title), title_align="left", border_style="green", expand=False))


def _place_of(server: Running) -> str:
    if server.config.role is Role.RESIDENTS:
        return ""
    if server.credentials.exists():
        return str(server.credentials)
    return f"{server.credentials}（削除されています： sympho staff reset） / removed: use sympho staff reset"


async def _announce(server: Running) -> Stay:
    announce(server)
    return Stay.UP


def _serve(args: Arguments) -> int:
    serve(config_of(args), _announce)
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "serve",
        "サーバーを起動する",
        "start the server and stay up until Ctrl-C",
        about=(
            "初回は内蔵の PostgreSQL 18 にデータベースを作り、架空の国を入れます。実在の人のデータは入れないでください。\n"
            "The first start makes the databases on an embedded PostgreSQL 18 and fills in the invented country.\n"
            "SYMPHO_DATABASE_URL=postgresql://user:password@host/database で外部の PostgreSQL (15 以上) を使えます。\n"
            "職員の初期パスワードは DATA/credentials.json (0600) にあります。 / first passwords: DATA/credentials.json\n"
            "終了コード exit: 0 停止 stopped, 2 設定の誤り bad setting, 3 起動できない cannot start"
        ),
        examples=(
            "sympho serve",
            "sympho serve --data /var/lib/sympho --port 9000",
            "sympho serve --world ./my-city",
            "sympho serve --scale 100000",
            "sympho serve --workers 2",
            "sympho serve 2> sympho.log",
            "sympho serve --role network --data n --port 8501 --party-port 8511 --join-port 8521",
            "sympho serve --role residents --data r --port 8502 --party-port 8512 --join n/joining/residents.json",
            "sympho serve --role intermediary --data i --port 8503 --residents-url https://127.0.0.1:8512 --join FILE",
        ),
        configure=add_server_arguments,
        run=_serve,
    ),
)
