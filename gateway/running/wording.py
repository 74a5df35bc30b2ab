"""起動できない理由を言葉にする: what the lower rooms say of a start that failed, as a ``StartTrouble``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from authz.listmanifest import ListRefused
from gateway.clock import TOKYO
from gateway.database import (
    DatabaseForbids,
    DatabaseOfAnotherVersion,
    DatabaseTooOld,
    DatabaseTrouble,
    DatabaseUnreachable,
)
from gateway.embedded import EmbeddedTrouble, SecondServer
from gateway.joining import CertificatesExpired, NotJoined
from gateway.keys.root import RootKeyTrouble, WrongKey
from gateway.problems import Problem
from gateway.running.trouble import StartTrouble, second_server
from gateway.worlds import BadWorld, NotFilled

__all__ = ["bad_world", "worded"]


_DATABASE: dict[type[DatabaseTrouble], tuple[str, str, str]] = {
    DatabaseUnreachable: (
        "PostgreSQL に接続できません。",
        "SYMPHO_DATABASE_URL の宛先、データベース名、ユーザー、パスワードを確かめてください。外せば内蔵の PostgreSQL を使います。",
        "Check host, database, user and password in SYMPHO_DATABASE_URL; without it the embedded PostgreSQL is used.",
    ),
    DatabaseTooOld: (
        "PostgreSQL が古すぎます（15 以上が必要です）。",
        "PostgreSQL 15 以上を使うか、SYMPHO_DATABASE_URL を外して内蔵の PostgreSQL 18 を使ってください。",
        "Use PostgreSQL 15 or newer, or unset SYMPHO_DATABASE_URL for the embedded PostgreSQL 18.",
    ),
    DatabaseForbids: (
        "データベースのユーザーに、ロールやスキーマを作る権限がありません。",
        "CREATEROLE とデータベースへの CREATE を与えるか、管理者に下のロールを作ってもらってください。",
        "Grant CREATEROLE and CREATE on the database, or have the roles named above created.",
    ),
    DatabaseOfAnotherVersion: (
        "このデータベースは別の版のプログラムが作ったものです。",
        "その版を使うか、空のデータベース（または新しい --data フォルダー）を使ってください。",
        "Use that version, or an empty database (or a new --data folder).",
    ),
}
_OF_THE_DATABASE = frozenset({"disk-full", "database-unavailable"})
_ANY_DATABASE = ("データベースを使えません。", "メッセージを確かめてください。", "See the message.")


@contextmanager
def worded() -> Iterator[None]:
    """Turns what the lower rooms say of a start that failed into a ``StartTrouble``."""
    try:
        yield
    except DatabaseTrouble as trouble:
        ja, advice_ja, advice_en = _DATABASE.get(type(trouble), _ANY_DATABASE)
        raise StartTrouble(ja, str(trouble), advice_ja, advice_en) from None
    except SecondServer as trouble:
        raise second_server(str(trouble)) from None
    except EmbeddedTrouble as trouble:
        raise StartTrouble(
            "内蔵の PostgreSQL を起動できません。",
            str(trouble),
            "空きディスクとフォルダーの権限を確かめるか、SYMPHO_DATABASE_URL で別の PostgreSQL を使ってください。",
            "Check disk space and the folder's rights, or use another PostgreSQL by SYMPHO_DATABASE_URL.",
        ) from None
    except (BadWorld, NotFilled) as trouble:
        raise (bad_world if isinstance(trouble, BadWorld) else not_filled)(str(trouble)) from None
    except CertificatesExpired as trouble:
        raise certificates_expired(trouble) from None
    except NotJoined as trouble:
        raise not_joined(str(trouble)) from None
    except (RootKeyTrouble, WrongKey) as trouble:
        raise StartTrouble(
            "根鍵が合わないか、使えません。",
            str(trouble),
            "このデータを作った時の root.key を元の場所に戻してください。失うとデータは読めません。",
            "Put back the root.key that this data was made with. Without it the data cannot be read.",
        ) from None
    except ListRefused as refused:
        raise StartTrouble(
            f"世界の照合リストを公布できません：{refused.fault.ja}",
            f"the world's match list cannot be published: {refused.fault}",
            "二人の承認者の鍵（DATA/approvers/）がそろわないときは、sympho lists で承認して公布してください。",
            "If two approvers' keys (DATA/approvers/) are not at hand, approve and publish it with sympho lists.",
        ) from None
    except Problem as problem:
        raise (own_database if problem.slug in _OF_THE_DATABASE else other_party)(problem) from None


def bad_world(mistakes: str) -> StartTrouble:
    """A world folder with mistakes: each on a line of its own, with file, line and column."""
    return StartTrouble(
        "世界フォルダーに誤りがあるので、何も読み込んでいません。",
        mistakes,
        "示した場所を全て直してください（sympho world check で確かめられます）。",
        "Mend every place named above; nothing was loaded. sympho world check tells whether all is well.",
    )


def not_filled(what: str) -> StartTrouble:
    """Something has come to be held that is not as the world has it; part of the world may be in."""
    return StartTrouble(
        "今あるデータと世界が食い違うので、読み込みを途中で止めました。それまでに読み込んだものは残っています。",
        what,
        "世界かデータのどちらかを直して、もう一度実行してください。続きから読み込みます。",
        "Mend either of them and run it again: what was loaded so far is there, and the rest will follow.",
    )


def not_joined(what: str) -> StartTrouble:
    """A role's process that nobody has let in."""
    return StartTrouble(
        "このプロセスはネットワークに参加していません。",
        what,
        "ネットワークのプロセスが書いた joining/<役割>.json（0600、一度だけ）を --join で渡してください。新しいものは sympho joining offer。",
        "Hand over joining/<role>.json, which the network's process wrote (mode 0600, good once), with --join. "
        "A new one: sympho joining offer.",
    )


def certificates_expired(trouble: CertificatesExpired) -> StartTrouble:
    """A role's process that was stopped until its certificates had run out: it would reach nobody."""
    offer = f"sympho joining offer --role {trouble.role}"
    since = trouble.since.astimezone(TOKYO)
    return StartTrouble(
        f"このプロセスの証明書の期限が切れています（{since:%Y-%m-%d %H:%M} 日本時間、実時刻）。",
        str(trouble),
        f"ネットワークの運営者に新しい参加ファイルを求め（{offer}）、"
        "--join FILE で起動してください。データ・鍵・機関はそのままです。",
        f"Ask the network's operator for a new joining file ({offer}) and start with --join FILE; data, keys and "
        "agencies are kept.",
    )


def own_database(problem: Problem) -> StartTrouble:
    """Our own database had no room, or went away, in the middle of the start."""
    return StartTrouble(
        f"途中でデータベースが使えなくなりました：{problem.title_ja}。",
        f"the database failed in the middle of it: {problem.title_en} ({problem.slug})",
        "空き容量と PostgreSQL のログ（内蔵なら DATA/postgres/server.log）を確かめて、もう一度実行してください。",
        "Check disk space and PostgreSQL's log (DATA/postgres/server.log of the embedded one), then run it again.",
    )


def not_joined_for_all() -> StartTrouble:
    """A server whose world has agencies of which the network does not know that it may serve them."""
    offer = "sympho joining offer --role intermediary --agencies CODE,..."
    return StartTrouble(
        "世界の機関のうち、このサーバーが参加していないものがあります。",
        "the world has agencies that this server has not joined for (wrong-agency)",
        f"ネットワークの運営者にその機関の参加ファイルを求め（{offer}）、--join FILE で起動してください。",
        f"Ask the network's operator for a joining file for them ({offer}) and start with --join FILE.",
    )


def other_party(problem: Problem) -> StartTrouble:
    """Another party that this one needs for its start does not answer as it should."""
    if problem.slug == "wrong-agency":
        return not_joined_for_all()
    return StartTrouble(
        f"他の機関が応えません：{problem.title_ja}",
        f"{problem.title_en} ({problem.slug}) {problem.detail}".strip(),
        "network、residents、intermediary の順に起動し、SYMPHO_NETWORK_URL と SYMPHO_RESIDENTS_URL を確かめてください。",
        "Start network, residents, intermediary in this order; check SYMPHO_NETWORK_URL and SYMPHO_RESIDENTS_URL.",
    )
