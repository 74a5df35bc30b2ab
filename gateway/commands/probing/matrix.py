"""The staff matrix (権限の一覧表), really called: every endpoint by everybody who might.

Rows are the endpoints that the server declares. Columns are callers: nobody, a token that is none, a revoked one, an
expired one, one account for each set of duties, and two business systems, of which each was admitted to a half of what
systems may call. A caller who may not is sent with a plausible call, and must be refused before anything else is said;
one who may is sent with a spoilt one, which gets past authorization and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from msgspec import Struct

from gateway.commands.declared import FORM, Endpoint
from gateway.commands.probing.findings import Family, Finding, Verdict, not_tried
from gateway.commands.probing.target import Account, Target
from gateway.commands.probing.wire import Seen

__all__ = ["Cell", "Column", "Matrix", "Row", "called"]

AWAY = frozenset({401, 403})
FURTHER_IN = frozenset({"wrong-agency"})
"""What an operation may say of itself to somebody with the duty: it is another body's."""
SCOPE_HALVES = 2


class Column(Struct, frozen=True):
    """A caller. ``duties`` and ``operations`` are what opens something to it; ``why`` says why it does not play."""

    key: str
    ja: str
    en: str
    kind: str
    duties: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    why: str = ""


class Cell(Struct, frozen=True):
    """One call: whether the table lets it in, what came back, and whether that agrees."""

    column: str
    allowed: bool
    came: str
    verdict: Verdict


class Row(Struct, frozen=True):
    """One endpoint with its cells, in the order of the columns."""

    name: str
    method: str
    path: str
    summary: str
    declared: str
    interface: str
    cells: tuple[Cell, ...]


class Matrix(Struct, frozen=True):
    """The whole table."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def cells(self) -> Iterator[tuple[Row, Cell]]:
        for row in self.rows:
            for cell in row.cells:
                yield row, cell


@dataclass(frozen=True)
class _Caller:
    column: Column
    token: str


def called(at: Target, step: Callable[[], None] = lambda: None) -> tuple[Matrix, list[Finding]]:
    """The matrix, and what of it is an attack that succeeded, or could not be tried."""
    callers = [*_strangers(at), *_staff(at), *_systems(at)]
    rows = []
    for endpoint in at.endpoints:
        rows.append(_row(at, endpoint, callers))
        step()
    matrix = Matrix(tuple(one.column for one in callers), tuple(rows))
    return matrix, list(_findings(matrix))


def _row(at: Target, endpoint: Endpoint, callers: Sequence[_Caller]) -> Row:
    cells = []
    for one in callers:
        if one.column.why or (endpoint.is_public and one.column.key != "nobody"):
            cells.append(Cell(one.column.key, endpoint.is_public, "", Verdict.NOT_TRIED))
            continue
        allowed = _allowed(endpoint, one.column)
        seen = _called(at, endpoint, one.token, spoilt=allowed and endpoint.changes and not endpoint.is_public)
        cells.append(Cell(one.column.key, allowed, seen.short, _judged(endpoint, one.column, allowed, seen)))
    return Row(
        endpoint.name, endpoint.method, endpoint.path, endpoint.summary, endpoint.declared(), endpoint.interface,
        tuple(cells),
    )  # fmt: skip


def _called(at: Target, endpoint: Endpoint, token: str, *, spoilt: bool) -> Seen:
    call = at.forms.call(endpoint, spoilt=spoilt)
    return at.wire.call(call.method, call.path, token=token, headers=call.headers, raw=call.raw)


def _allowed(endpoint: Endpoint, column: Column) -> bool:
    """Whether the declared table lets the caller in."""
    if endpoint.is_public:
        return True
    match column.kind:
        case "staff":
            return "staff" in endpoint.principals and (endpoint.is_own or not endpoint.duties.isdisjoint(column.duties))
        case "system":
            return "system" in endpoint.principals and endpoint.name in column.operations
        case "expired":
            return endpoint.expired_token
    return False


def _judged(endpoint: Endpoint, column: Column, allowed: bool, seen: Seen) -> Verdict:
    if endpoint.is_public:
        return Verdict.HELD if 0 < seen.status < 500 else Verdict.BROKEN
    if allowed and column.kind == "expired":
        return (
            Verdict.HELD if seen.status < 500 else Verdict.BROKEN
        )  # let in within a grace, and only for the next token
    if allowed:
        further = seen.status not in AWAY or seen.slug in FURTHER_IN
        return Verdict.HELD if further and 0 < seen.status < 500 else Verdict.BROKEN
    if column.kind in {"staff", "system"}:
        return Verdict.HELD if seen.status == 403 and seen.slug in {"wrong-duty", "wrong-principal"} else Verdict.BROKEN
    return Verdict.HELD if seen.status == 401 else Verdict.BROKEN


# --- callers ------------------------------------------------------------------------------------------------------


def _strangers(at: Target) -> Iterator[_Caller]:
    yield _Caller(Column("nobody", "トークンなし", "no token", "stranger"), "")
    yield _Caller(Column("garbage", "トークンでないもの", "no token of ours", "stranger"), "probe.probe.probe")
    given = next(iter(at.credentials), None)
    account = at.fresh(given) if given else None
    why = "" if account else "誰もログインできません / nobody gets in"
    if account is not None:
        at.wire.call("POST", "/auth/logout", token=account.token)
    yield _Caller(
        Column("revoked", "失効したトークン", "a revoked token", "stranger", why=why), account.token if account else ""
    )
    expired = at.options.expired_token
    why = (
        "" if expired else "--expired-token または --wait-for-expiry が必要 / takes --expired-token, --wait-for-expiry"
    )
    yield _Caller(Column("expired", "期限切れのトークン", "an expired token", "expired", why=why), expired)


def _staff(at: Target) -> Iterator[_Caller]:
    """One account for each set of duties of the network's and of the other agencies; or every account."""
    seen: set[tuple[bool, frozenset[str]]] = set()
    for given in at.credentials:
        kind = (given.agency == at.network, frozenset(given.duties))
        if kind in seen and not at.options.every:
            continue
        account = at.account(given)
        if account is None:
            if at.options.every:
                yield _Caller(_column_of(given.login, given.agency, given.duties, at), "")
            continue
        seen.add(kind)
        yield _Caller(_column(account), account.token)


def _column(account: Account) -> Column:
    duties = tuple(sorted(account.duties))
    words = ", ".join(duties) or "権限なし no duty"
    return Column(f"{account.agency}/{account.login}", account.login, words, "staff", duties)


def _column_of(login: str, agency: str, duties: Sequence[str], at: Target) -> Column:
    why = f"ログインできません / did not get in: {at.closed.get((agency, login), '')}"
    return Column(f"{agency}/{login}", login, ", ".join(duties), "staff", tuple(duties), why=why)


def _systems(at: Target) -> Iterator[_Caller]:
    names = sorted(one.name for one in at.endpoints if "system" in one.principals)
    for half in range(SCOPE_HALVES):
        operations = tuple(names[half::SCOPE_HALVES])
        token, why = _admitted(at, operations, half)
        yield _Caller(
            Column(
                f"system-{half + 1}", f"業務システム{half + 1}", f"a system admitted to {len(operations)} operations",
                "system", operations=operations, why=why,
            ),
            token,
        )  # fmt: skip


def _admitted(at: Target, operations: Sequence[str], half: int) -> tuple[str, str]:
    """A business system made for this run and closed after it: its token, or why there is none."""
    if at.options.gentle:
        return "", "--gentle: 業務システムを登録しません / no system is registered"
    keeper = next((one for one in at.having("manage-staff") if at.one("inquire", one.agency)), None)
    if keeper is None:
        return "", "権限管理者がいません / nobody with manage-staff"
    body = {"name": f"probe-{half + 1}", "system": "999", "operations": list(operations)}
    made = at.wire.call("POST", "/clients", body, token=keeper.token)
    if made.status != 201:
        return "", f"登録できません / not registered: {made.short}"
    at.later.append(lambda: _closed(at, keeper, made.data["client_id"]))
    form = {"grant_type": "client_credentials", "client_id": made.data["client_id"]}
    secret = {"client_secret": made.data["secret"]}
    raw = urlencode({**form, **secret}).encode()
    seen = at.wire.call("POST", "/oauth/token", raw=raw, headers={"Content-Type": FORM})
    with suppress(TypeError, KeyError):
        return str(seen.data["access_token"]), ""
    return "", f"トークンがありません / no token: {seen.short}"


def _closed(at: Target, keeper: Account, client: str) -> None:
    at.wire.call("POST", f"/clients/{client}/disable", token=keeper.token)


# --- findings -----------------------------------------------------------------------------------------------------


def _findings(matrix: Matrix) -> Iterator[Finding]:
    """One finding for each column: what it was let in to that is not its own, or kept from that is."""
    for column in matrix.columns:
        ja, en = f"全ての操作を呼ぶ：{column.ja}", f"every endpoint is called by: {column.ja} ({column.en})"
        if column.why:
            yield not_tried(Family.MATRIX, ja, en, f"{len(matrix.rows)} endpoints", column.why)
            continue
        cells = [(row, cell) for row, cell in matrix.cells() if cell.column == column.key and cell.came]
        wrong = [(row, cell) for row, cell in cells if cell.verdict is Verdict.BROKEN]
        many = sum(cell.allowed for _, cell in cells)
        why = "; ".join(f"{row.method} {row.path}: {cell.came}" for row, cell in wrong)
        yield Finding(
            Family.MATRIX, ja, en, f"{len(cells)} endpoints: {many} allowed, {len(cells) - many} not",
            _summed([cell for _, cell in cells]), Verdict.BROKEN if wrong else Verdict.HELD, why,
        )  # fmt: skip


def _summed(cells: Sequence[Cell]) -> str:
    counted: dict[str, int] = {}
    for cell in cells:
        counted[cell.came] = counted.get(cell.came, 0) + 1
    return ", ".join(f"{many} x {came}" for came, many in sorted(counted.items(), key=lambda one: -one[1]))
