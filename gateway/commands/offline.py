"""Commands on the data themselves (オフライン): ``judge`` and ``keys rewrap``. No server is needed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway import embedded, worlds
from gateway.assembly import Opened, open_party
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import quietly, say, show_json
from gateway.config import Config, ConfigError, Role, load
from gateway.database import open_database
from gateway.judge.verdict import Verdict, judge_configs, render, to_json
from gateway.keys.ring import KeyRing
from gateway.keys.root import KEY_BYTES, RootKey, WrongKey
from gateway.running.folder import claimed, write_whole
from gateway.running.starting import database
from gateway.running.trouble import worded

__all__ = ["COMMANDS", "located", "opened_data"]


@asynccontextmanager
async def located(config: Config) -> AsyncIterator[Config]:
    """The settings with the URL of the data's database: of the server that is up, or of one started for this alone."""
    if config.database_url is None and not config.data.is_dir():
        raise ConfigError(f"--data: {config.data} はありません / is not there")
    found = config.database_url or embedded.address(config.data)
    if found is not None:
        yield replace(config, database_url=found)
        return
    with worded():
        async with database(config) as placed:
            yield placed


@asynccontextmanager
async def opened_data(config: Config, role: Role) -> AsyncIterator[Opened]:
    """One party's database and keys."""
    async with located(config) as placed:
        with worded():
            opened = await open_party(placed, role)
        try:
            yield opened
        finally:
            await opened.db.close()


# --- keys rewrap --------------------------------------------------------------------------------------------------


def _for_data(parser: Parser) -> None:
    parser.add_argument("--data", metavar="DIR", help="データフォルダー / the data folder (SYMPHO_DATA)")


def _rewrap(args: Arguments) -> int:
    quietly()
    config = load({"data": args.data})
    if not config.root_key_file.exists():
        raise ConfigError(f"{config.root_key_file}: 根鍵がありません / there is no root key")
    with worded(), claimed(config):
        old = asyncio.run(rewrap(config))
    say(f"✔ 根鍵を取り替えました。 / The root key was replaced: {config.root_key_file}", "bold green")
    say(f"前の根鍵 the former one: {old}（控えを新しくしたら消してください / remove it once the new one is backed up）")
    return Exit.DONE


async def rewrap(config: Config) -> Path:
    """A new root key wraps the keys of every party. Broken off anywhere, it is carried on by running it again.

    1. The new key is durable beside the old one before anything is wrapped with it.
    2. Each party's key is wrapped anew, unless it was already.
    3. Only then the new key takes the old one's name; the old one is kept under another.
    """
    fresh = config.root_key_file.with_suffix(".next")
    former = config.root_key_file.with_suffix(".former")
    if not fresh.exists():
        write_whole(fresh, os.urandom(KEY_BYTES))
    old, new = RootKey.open(config.root_key_file), RootKey.open(fresh)
    async with located(config) as placed:
        for role in placed.role.parties:
            await _rewrap_party(placed, role, old, new)
    write_whole(former, config.root_key_file.read_bytes())
    fresh.replace(config.root_key_file)
    return former


async def _rewrap_party(config: Config, role: Role, old: RootKey, new: RootKey) -> None:
    db = await open_database(replace(config, role=role), role)
    try:
        try:
            await KeyRing.open(db.transaction, new)
        except WrongKey:
            ring = await KeyRing.open(db.transaction, old)
            await ring.rewrap(old, new)
    finally:
        await db.close()


# --- judge --------------------------------------------------------------------------------------------------------


def _for_judge(parser: Parser) -> None:
    _for_data(parser)
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="DIR",
        help="別プロセスの中間サーバーのデータフォルダー / data folder of an intermediary server apart, repeatable",
    )
    parser.add_argument(
        "--canaries",
        action="store_true",
        help="架空の人の番号と内容が漏れていないかも見る / look for leaked numbers too",
    )
    parser.add_argument("--json", action="store_true", help="JSON で出力 / machine output")


def _judge(args: Arguments) -> int:
    quietly()
    config = load({"data": args.data})
    verdict = asyncio.run(_judged(config, [load({"data": one}) for one in args.server], canaries=args.canaries))
    if args.json:
        show_json(json.loads(to_json(verdict)))
    else:
        say(render(verdict))
    return Exit.DONE if verdict.holds else Exit.REFUSED


async def _judged(config: Config, servers: Sequence[Config], *, canaries: bool) -> Verdict:
    async with AsyncExitStack() as held:
        network = await held.enter_async_context(located(config))
        others = [await held.enter_async_context(located(one)) for one in servers] or [network]
        known = worlds.find(config.world).canaries() if canaries else ()
        with worded():
            return await judge_configs(network, others, known)


COMMANDS: Sequence[Command] = (
    Command(
        "judge",
        "全ての約束が守られたかを判定する",
        "judge whether every invariant holds",
        about=(
            "各機関が書いたものを全て読み、許可のない提供がない、終わりは一つ、記録は同じバイト列、などを確かめます。\n"
            "Reads all that every party wrote, on a running or a stopped system. 0: all holds, 1: violations."
        ),
        examples=("sympho judge", "sympho judge --canaries --json", "sympho judge --data n --server i"),
        configure=_for_judge,
        run=_judge,
    ),
    Command(
        "keys",
        "鍵を管理する",
        "care for the keys",
        within=(
            Command(
                "rewrap",
                "根鍵を取り替える",
                "replace the root key",
                about=(
                    "サーバーを止めてから実行します。データは変わらず、鍵を包む鍵だけが変わります。\n"
                    "Stop the server first. Data stay as they are; only what wraps the keys changes."
                ),
                examples=("sympho keys rewrap --data /var/lib/sympho",),
                configure=_for_data,
                run=_rewrap,
            ),
        ),
    ),
)
