"""Wrong calls (問題): exceptions with a slug that become RFC 9457 problem documents at the edge, in one place.

Three kinds of trouble are kept apart: an outcome (refused, lapsed ...) is a value and never comes here; a wrong call is
a ``Problem``; everything else is a bug, and its caller gets ``internal`` with an instance id and nothing more.

    Problem                 a slug of the closed table ``PROBLEMS``
    ├── Conflict            made at the transaction boundary from the name of a constraint
    └── Busy                come back after so many seconds

No problem carries a personal number or content: details are our own sentences and public codes, and text that looks
like a person's number is refused when the problem is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec
from msgspec import Struct

from sympho.codes import InformationCode, PersonalNumber

__all__ = [
    "MEDIA_TYPE",
    "PROBLEMS",
    "RECORD_EXISTS",
    "Busy",
    "Conflict",
    "Entry",
    "FieldError",
    "Problem",
    "ProblemBody",
    "encode",
    "full_width",
    "official_message",
    "received",
]

MEDIA_TYPE = "application/problem+json"

_TYPE = "urn:sympho:problem:"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the closed table. ``official`` is the real server's wording, with ``{}`` where it names a code."""

    slug: str
    status: int
    title_ja: str
    title_en: str
    advice_ja: str
    advice_en: str
    official: str = ""

    @property
    def type(self) -> str:
        return _TYPE + self.slug


_ENTRIES = (
    # the request itself
    Entry("malformed-request", 400, "HTTP の要求として読めません", "The request cannot be read as HTTP",
          "要求の行とヘッダー（一行 8190 バイトまで）を直してください。",
          "Correct the request line and the headers (at most 8190 bytes each)."),
    Entry("malformed-body", 400, "本文を読めません", "The body cannot be read",
          "UTF-8 の正しい JSON を送ってください。", "Send well-formed JSON in UTF-8."),
    Entry("invalid-field", 422, "項目が規則に合いません", "A field breaks its rule",
          "errors の各項目を直して送り直してください。", "Correct what errors names and send again."),
    Entry("unknown-code", 422, "知らないコードです", "The code is not known here",
          "コード表と有効期間を確かめてください。", "Check the code tables and their validity."),
    Entry("idempotency-key-missing", 400, "Idempotency-Key がありません", "Idempotency-Key is missing",
          "Idempotency-Key ヘッダー（可視 ASCII 1〜255文字）を付けてください。",
          "Add an Idempotency-Key header of 1 to 255 visible ASCII characters."),
    Entry("too-large", 413, "本文が大きすぎます", "The body is too large",
          "本文を分けて送ってください。", "Send it in smaller parts."),
    Entry("unsupported-media-type", 415, "この媒体型は受け付けません", "The media type is not accepted",
          "Content-Type を application/json にしてください。", "Use Content-Type: application/json."),
    Entry("not-acceptable", 406, "求められた媒体型では答えられません", "No acceptable media type",
          "Accept ヘッダーを見直してください。", "Change or leave out the Accept header."),
    Entry("not-found", 404, "見つかりません", "Not found",
          "宛先と識別子を確かめてください。他団体のものは常に見つかりません。",
          "Check address and identifier. What belongs to another body is never found."),
    Entry("method-not-allowed", 405, "このメソッドは使えません", "The method is not allowed",
          "Allow ヘッダーのメソッドを使ってください。", "Use a method that the Allow header names."),
    # who calls
    Entry("unauthenticated", 401, "認証が必要です", "Authentication is required",
          "ログインし、Authorization: Bearer で呼んでください。", "Log in and send Authorization: Bearer."),
    Entry("token-expired", 401, "トークンの期限が切れています", "The token has expired",
          "トークンを取り直してください。", "Obtain a new token."),
    Entry("token-invalid", 401, "トークンを確かめられません", "The token does not verify",
          "この世界で発行されたトークンを使ってください。", "Use a token issued in this world."),
    Entry("session-revoked", 401, "セッションは失効しています", "The session has been revoked",
          "ログインし直してください。", "Log in again."),
    Entry("revocation-feed-lost", 503, "失効情報を受け取れていません", "The revocation feed is lost",
          "復旧まで全て拒みます。しばらくして呼び直してください。",
          "Everything is refused until it is back. Call again later."),
    Entry("credentials-refused", 401, "ログインできません", "The credentials are refused",
          "利用者番号とパスワードを確かめてください。", "Check the account and the password."),
    Entry("second-factor-required", 401, "確認コードが必要です", "A second factor is asked for",
          "認証アプリのコードか回復コードを code に入れて、もう一度ログインしてください。",
          "Log in again with code: from the authenticator, or a recovery code."),
    Entry("reauthentication-required", 401, "もう一度本人確認が必要です", "Show again who you are",
          "POST /auth/reauthentication でパスワードを示すか、ログインし直してください。",
          "Show the password at POST /auth/reauthentication, or log in again."),
    Entry("account-locked", 429, "アカウントは一時的に閉じています", "The account is locked for a while",
          "retry_after 秒待つか、権限管理者に連絡してください。", "Wait retry_after seconds or ask who manages accounts."),
    Entry("password-refused", 422, "このパスワードは使えません", "The new password is refused",
          "長く、過去に使っていないパスワードにしてください。", "Choose a long password not used before."),
    # what the caller may do
    Entry("wrong-principal", 403, "この種類の利用者には許されません", "Not for this kind of principal",
          "職員、システム、機関のうち正しい種類で呼んでください。", "Call as the kind of principal that it names."),
    Entry("wrong-duty", 403, "権限がありません", "The duty is missing",
          "必要な権限を権限管理者に求めてください。", "Ask who manages accounts for the duty."),
    Entry("wrong-agency", 403, "他団体としては呼べません", "Not as another body",
          "自団体の機関コードで呼んでください。", "Use your own agency code."),
    Entry("duties-conflict", 409, "兼ねられない権限です", "Duties that one person may not hold together",
          "権限を別の職員に分けてください。", "Give the duties to different people."),
    Entry("four-eyes", 403, "二人目の確認が必要です", "A second person is needed",
          "内容を用意した職員とは別の職員が行ってください。", "Someone other than who prepared it must do this."),
    # the exchange
    Entry("idempotency-conflict", 409, "同じ Idempotency-Key で内容が違います", "Same Idempotency-Key, other content",
          "新しい依頼には新しい Idempotency-Key を使ってください。", "Use a new key for a new request."),
    Entry("exchange-conflict", 409, "同じ処理通番で内容が違います", "Same exchange number, other content",
          "新しい処理通番で始めてください。", "Begin with a new exchange number."),
    Entry("wrong-state", 409, "今の状態ではできません", "Not in this state",
          "状況を取得してから判断してください。", "Fetch the progress first."),
    Entry("code-not-held", 409, "符号が未取得です", "The linkage code is not held",
          "先に符号を取得してください。", "Acquire the code first.",
          "指定された団体内統合宛名番号「{}」は符号が未取得です。"),
    Entry("list-not-permitted", 403, "照会は許可されていません", "The inquiry is not permitted",
          "照会許可用照合リストの根拠を確かめてください。", "Check the match list for a ground.",
          "指定された特定個人情報名「{}」の照会は許可されていません。"),
    Entry("permit-invalid", 403, "情報提供許可証を確かめられません", "The permit does not verify",
          "新しい許可証を求めてください。", "Ask for a new permit."),
    Entry("permit-unknown", 404, "この許可証は覚えられていません", "The permit is not remembered here",
          "同じ内容で許可証を求め直してください。", "Ask for the permit again with the same content."),
    Entry("answer-invalid", 403, "回答を確かめられません", "The answer does not verify",
          "ネットワークの運営者に知らせてください。", "Tell the operator of the network."),
    Entry("changed-since-prepared", 409, "用意した後に内容が変わりました", "Changed since it was prepared",
          "一人目から審査をやり直してください。", "Begin the review again with the first person."),
    Entry("notice-invalid", 403, "通知を確かめられません", "The notice does not verify",
          "ネットワークの運営者に知らせてください。", "Tell the operator of the network."),
    Entry("clock-skew", 400, "時計が合っていません", "The clocks differ",
          "世界時刻との差を60秒以内にしてください。", "Stay within 60 seconds of world time."),
    Entry("list-stale", 503, "照合リストが古いままです", "The match list is stale",
          "新しい照合リストを受け取るまでお待ちください。", "Wait until the new list has arrived."),
    Entry("list-refused", 422, "この照合リストは受け付けられません", "The match list is refused",
          "detail の理由と errors を直し、承認からやり直してください。",
          "Correct what detail and errors name; a changed list is approved anew."),
    Entry("directory-stale", 503, "機関の名簿が古いままです", "The directory is stale",
          "新しい名簿を受け取るまでお待ちください。", "Wait until the new directory has arrived."),
    Entry("nobody-to-join", 409, "参加させる相手がありません", "There is nobody to let in",
          "全ての役割がこのプロセスにあります。役割ごとに分けて動かすときに使います。",
          "All roles are in this process; places are offered where the parties run apart."),
    # the server
    Entry("conflict", 409, "すでにあるものと両立しません", "In conflict with what is there",
          "現在の内容を取得してから判断してください。", "Fetch what is there first."),
    Entry("busy", 503, "混み合っています", "Too busy",
          "retry_after 秒後に同じ依頼を送ってください。", "Send the same request after retry_after seconds."),
    Entry("database-unavailable", 503, "データベースに届きません", "The database cannot be reached",
          "しばらくして同じ依頼を送ってください。", "Send the same request later."),
    Entry("disk-full", 503, "空き容量がありません", "No space is left on a disk",
          "運営者に空き容量を増やしてもらい、同じ依頼を送ってください。受け付けたものは失われません。",
          "Have the operator free space, then send the same request. Nothing that was accepted is lost."),
    Entry("network-unavailable", 503, "相手に届きません", "The other party cannot be reached",
          "しばらくして同じ依頼を送ってください。", "Send the same request later."),
    Entry("not-ready", 503, "まだ受け付けられません", "Not ready yet",
          "起動または停止の途中です。しばらくお待ちください。", "Starting or stopping. Wait a little."),
    Entry("internal", 500, "内部の誤りです", "An internal error",
          "instance の番号を運営者に知らせてください。", "Tell the operator the instance."),
)  # fmt: skip

PROBLEMS: Mapping[str, Entry] = MappingProxyType({entry.slug: entry for entry in _ENTRIES})
"""Every slug there is. A test holds that a slug outside this table cannot be raised."""

RECORD_EXISTS = "「レコード識別番号」が既に存在しています。"
"""The official message for a record number that a file, or an earlier one, has used already."""

_HIDDEN_NUMBER = "＊" * 15
_MASKED_KINDS = tuple(f"<{kind.kind}>" for kind in PersonalNumber.__subclasses__())
_LIKE_A_PERSON = re.compile(r"(?<![0-9A-Za-z-])(?:[0-9]{11,12}|[0-9]{15}|[0-9]{20}|[0-9a-f]{32})(?![0-9A-Za-z-])")
_TO_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}


def full_width(text: str) -> str:
    """全角: the official messages write codes and digits in full width, and clients compare them so."""
    return text.translate(_TO_FULL_WIDTH)


def official_message(slug: str, code: InformationCode | None = None) -> str:
    """The message as the real server words it, or an empty string where none is known.

    A unified addressee number in it is replaced by full-width asterisks: only a result file of the person's own agency
    says the number, with ``PROBLEMS["code-not-held"].official.format(full_width(number.reveal()))``.
    """
    official = PROBLEMS[slug].official
    if not official or slug == "code-not-held":
        return official.format(_HIDDEN_NUMBER)
    return "" if code is None else official.format(full_width(code))


class FieldError(Struct, frozen=True):
    """One broken rule of a request: where (``$.a.b`` in the body, ``query.a``, ``path.a``, ``header.A``) and which."""

    pointer: str
    rule: str


class ProblemBody(Struct, frozen=True, omit_defaults=True):
    """The problem document (RFC 9457), Japanese first. ``instance`` is the request's id, also in the log."""

    type: str
    title: str
    title_en: str
    status: int
    instance: str
    advice: str
    advice_en: str
    detail: str = ""
    message: str = ""
    errors: tuple[FieldError, ...] = ()
    retry_after: int | None = None


class Problem(Exception):
    """A wrong call, by its slug. ``detail`` is one sentence of ours; it may name public codes, never a person."""

    def __init__(
        self,
        slug: str,
        detail: str = "",
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after: int | None = None,
        information: InformationCode | None = None,
        allow: tuple[str, ...] = (),
    ) -> None:
        entry = PROBLEMS.get(slug)
        if entry is None:
            raise ValueError("a problem outside the closed table")
        for text in (detail, *(part for error in errors for part in (error.pointer, error.rule))):
            _hold_back(text)
        super().__init__(slug)
        self.slug = slug
        self.entry = entry
        self.detail = detail
        self.errors = errors
        self.retry_after = retry_after
        self.information = information
        self.allow = allow

    @property
    def status(self) -> int:
        return self.entry.status

    @property
    def title_ja(self) -> str:
        return self.entry.title_ja

    @property
    def title_en(self) -> str:
        return self.entry.title_en

    def body(self, instance: str) -> ProblemBody:
        """The document for the request whose id is ``instance`` (a UUID's text)."""
        entry = self.entry
        return ProblemBody(
            type=entry.type,
            title=entry.title_ja,
            title_en=entry.title_en,
            status=entry.status,
            instance=f"urn:uuid:{instance}",
            advice=entry.advice_ja,
            advice_en=entry.advice_en,
            detail=self.detail,
            message=official_message(self.slug, self.information),
            errors=self.errors,
            retry_after=self.retry_after,
        )

    def headers(self) -> dict[str, str]:
        """The headers that belong to the status: Retry-After, Allow (RFC 9110), WWW-Authenticate (RFC 6750, 9470)."""
        made: dict[str, str] = {}
        if self.retry_after is not None:
            made["Retry-After"] = str(self.retry_after)
        if self.allow:
            made["Allow"] = ", ".join(self.allow)
        if self.slug == "reauthentication-required":
            made["WWW-Authenticate"] = 'Bearer realm="sympho", error="insufficient_user_authentication"'
        elif self.slug in {"unauthenticated", "credentials-refused", "second-factor-required"}:
            made["WWW-Authenticate"] = 'Bearer realm="sympho"'
        elif self.status == 401:
            made["WWW-Authenticate"] = 'Bearer realm="sympho", error="invalid_token"'
        return made


class Conflict(Problem):
    """A constraint of the database said no. A flow catches it by the constraint's name and says what it means.

    Uncaught it is the problem ``conflict``; the name goes to the log only.
    """

    def __init__(self, constraint: str) -> None:
        super().__init__("conflict")
        self.constraint = constraint


class Busy(Problem):
    """Too much at once: nothing has happened, and the same call may be made again after ``retry_after`` seconds."""

    def __init__(self, retry_after: int, detail: str = "") -> None:
        super().__init__("busy", detail, retry_after=max(1, retry_after))


def _hold_back(text: object) -> None:
    if not isinstance(text, str):
        raise TypeError("a problem is worded in text and public codes")
    if any(mask in text for mask in _MASKED_KINDS) or _LIKE_A_PERSON.search(text):
        raise ValueError("a problem never points at a person")


_encoder = msgspec.json.Encoder()


_decoder = msgspec.json.Decoder(ProblemBody)


def encode(body: ProblemBody) -> bytes:
    """The wire form of a problem document."""
    return _encoder.encode(body)


def received(wire: bytes) -> Problem:
    """The problem that another party answered with; what is no problem document of ours is ``network-unavailable``.

    Only slug, waiting time and broken rules are believed: what else the other party says stays with it.
    """
    try:
        body = _decoder.decode(wire)
        return Problem(body.type.removeprefix(_TYPE), errors=body.errors, retry_after=body.retry_after)
    except (ValueError, TypeError):
        return Problem("network-unavailable")
