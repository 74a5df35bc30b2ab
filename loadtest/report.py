"""The report (報告): one HTML page that stands alone, two CSV files, and the table on the terminal."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from rich.table import Table

from loadtest.drawing import Axis, Series, chart
from loadtest.measures import Ended, Histogram, KindMeasures, Moment
from loadtest.result import Result, drift, write_json

__all__ = ["html", "table", "write"]

COLUMNS = (
    "kind", "intended", "right", "busy", "fault", "unfinished", "raced", "per second",
    "p50", "p90", "p95", "p99", "p99.9", "max", "service p99",
)  # fmt: skip

SHORT = (
    ("kind", "kind"), ("intended", "n"), ("right", "right"), ("busy", "busy"), ("fault", "fault"),
    ("unfinished", "open"), ("per second", "/s"), ("p50", "p50"), ("p99", "p99"), ("max", "max"),
)  # fmt: skip
"""The columns that the terminal shows, and how it calls them."""

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;font-size:.85rem}
th,td{padding:.2rem .55rem;border-bottom:1px solid #ddd;text-align:right}th:first-child,td:first-child{text-align:left}
.good{color:#1d6b2a}.bad{color:#a3231c}.verdict{font-size:1.2rem;font-weight:600}svg{width:100%;height:auto}
.grid{stroke:#e4e4e4}.mark{font-size:11px;fill:#666}.title{font-size:13px;font-weight:600}.end{text-anchor:end}
.mid{text-anchor:middle}li{margin:.15rem 0}.scroll{overflow-x:auto}
"""


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def rows(result: Result) -> list[list[str]]:
    """One row a kind, and one for all of them. Milliseconds, from the intended start unless it says service.

    Per second: right answers that came while arrivals still came, so that a backlog is no throughput.
    """
    named = [*sorted(result.measures.kinds.items()), ("all", result.measures.whole)]
    return [_row(name, one, result.meant.seconds) for name, one in named]


def _row(name: str, one: KindMeasures, seconds: float) -> list[str]:
    latency = one.latency
    quantiles = [latency.quantile(share) for share in (0.5, 0.9, 0.95, 0.99, 0.999)]
    counts = [one.ended[ended] for ended in (Ended.RIGHT, Ended.BUSY, Ended.FAULT, Ended.UNFINISHED, Ended.RACED)]
    return [
        name,
        str(one.intended),
        *(str(count) for count in counts),
        f"{one.in_time / seconds:.1f}",
        *(_ms(seconds) for seconds in quantiles),
        _ms(latency.largest),
        _ms(one.service.quantile(0.99)),
    ]


def table(result: Result) -> Table:
    """The terminal's table: as wide as eighty characters hold; the page and the files have the rest."""
    made = Table(title="種類ごと / by kind (ms from the intended start)", title_justify="left", padding=(0, 1, 0, 0))
    chosen = [COLUMNS.index(name) for name, _ in SHORT]
    for n, (_, heading) in enumerate(SHORT):
        made.add_column(heading, justify="left" if n == 0 else "right", no_wrap=True)
    listed = rows(result)
    for row in listed:
        made.add_row(*(row[n] for n in chosen), style="bold" if row is listed[-1] else None)
    return made


def write(result: Result, folder: Path) -> Path:
    """Everything into a folder; the page's place."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "report.html"
    page.write_text(html(result), encoding="utf-8")
    _csv(folder / "kinds.csv", COLUMNS, rows(result))
    _csv(folder / "moments.csv", ("second", "right", "wrong", "answered", "p50", "p99", "max"), _moments(result))
    write_json(result, folder / "result.json")
    return page


def _csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(lines)


def _moments(result: Result) -> Iterable[Sequence[str]]:
    for at, moment in sorted(result.measures.moments.items()):
        latency = moment.latency
        quantiles = [_ms(latency.quantile(share)) for share in (0.5, 0.99)]
        second = f"{at * result.measures.slice:g}"
        yield [second, str(moment.right), str(moment.wrong), str(moment.done), *quantiles, _ms(latency.largest)]


# --- the page -----------------------------------------------------------------------------------------------------


def html(result: Result) -> str:
    """The page, Japanese first. It fetches nothing and runs nothing."""
    meant, measures = result.meant, result.measures
    first, last = drift(measures)
    sound = result.soundness
    parts = [
        "<!doctype html><html lang='ja'><head><meta charset='utf-8'>",
        f"<title>負荷試験 load test {escape(meant.began_at)}</title><style>{STYLE}</style></head><body>",
        "<h1>負荷試験の結果 / Load test</h1>",
        _verdict(result),
        "<h2>試験 / The run</h2>",
        _list(
            [
                f"{meant.shape}, {meant.rate:g}/s, {meant.seconds:g} s, seed {meant.seed}",
                f"{meant.began_at}, {meant.url}",
                f"利用者 users {meant.users}, 生成プロセス generators {meant.generators}",
                f"機械 machine: {meant.machine}",
                f"最初と最後の5分の1の p99 / p99 of the first and the last fifth: {_ms(first)} ms, {_ms(last)} ms",
            ]
        ),
        "<h2>到着 / Arrivals</h2>",
        _rate_chart(result),
        "<h2>所要時間 / Latency</h2>",
        "<p>予定の開始時刻から数える。 / Counted from the intended start.</p>",
        _latency_chart(result),
        _quantile_chart(result),
        "<h2>種類ごと / By kind (ms)</h2>",
        _table(COLUMNS, rows(result)),
        "<h2>回答 / What was answered</h2>",
        _answers(result),
        "<h2>生成器の健全性 / Was the generator the bottleneck?</h2>",
        _list(
            [
                *sound.words,
                f"遅れた開始 late starts {sound.late:.2%}（p99 {_ms(sound.lateness)} ms）",
                f"生成器の CPU / share of a core: mean {sound.cpu:.0%}, seconds beyond the limit {sound.busy:.0%}",
                f"空きの利用者を待った到着 arrivals that waited for a free user: {sound.queued:.2%}",
                f"機械全体 / whole machine busy: {_mean(measures.generator.machine):.0%}",
                *measures.notes,
            ]
        ),
        "<h2>記録の検証 / Records verified</h2>",
        _list([f"{times} × {text}" for text, times in measures.checked.items()] or ["—"]),
        "<h2>判定 / The judge</h2>",
        _list([result.judged.text, *(f"{k}: {v}" for k, v in result.judged.counts.items()), *result.judged.violations]),
        "<h2>予算 / Budgets</h2>",
        _budgets(result),
        "</body></html>",
    ]
    return "\n".join(parts)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _verdict(result: Result) -> str:
    if not result.troubles:
        held = "生成器は飽和 / the generator was saturated: a lower bound" if result.soundness.saturated else ""
        return f"<p class='verdict good'>✔ 成立 / stands</p><p>{escape(held)}</p>"
    return "<p class='verdict bad'>✘ 不成立 / does not stand</p>" + _list(result.troubles, "bad")


def _list(lines: Iterable[str], css: str = "") -> str:
    return f"<ul class='{css}'>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in line) + "</tr>" for line in lines)
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _answers(result: Result) -> str:
    lines: list[list[str]] = []
    for kind, one in sorted(result.measures.kinds.items()):
        lines.extend([kind, text, str(times), ""] for text, times in one.what.most_common())
        lines.extend([kind, text, str(times), "✘"] for text, times in one.faults.most_common())
    return _table(("kind", "answer", "times", ""), lines)


def _budgets(result: Result) -> str:
    if not result.limits:
        return "<p>—</p>"
    return "".join(
        f"<p class='{'good' if one.kept else 'bad'}'>{'✔' if one.kept else '✘'} {escape(one.text)}</p>"
        for one in result.limits
    )


def _seconds_axis(seconds: float) -> Axis:
    step = max(1, math.ceil(seconds / 8))
    return Axis("秒 s", [(float(at), f"{at:g}") for at in range(0, math.ceil(seconds) + 1, step)])


def _over_time(result: Result) -> list[tuple[float, Moment]]:
    """Every slice of the run, those in which nothing arrived included."""
    measures = result.measures
    slices = max([math.ceil(result.meant.seconds / measures.slice), *(at + 1 for at in measures.moments)])
    return [(at * measures.slice, measures.moments.get(at, Moment())) for at in range(slices)]


def _rate_chart(result: Result) -> str:
    width, shape = result.measures.slice, result.meant.arrivals
    over_time = _over_time(result)
    return chart(
        "毎秒 / a second: 予定の到着、届いた回答",
        _seconds_axis(result.meant.seconds),
        "/s",
        [
            Series("正しい回答 right", [(at, moment.done / width) for at, moment in over_time]),
            Series("その他 busy, wrong", [(at, moment.wrong / width) for at, moment in over_time]),
            Series("予定 intended", [(at, shape.rate_at(at)) for at, _ in over_time], dashed=True),
        ],
    )


def _latency_chart(result: Result) -> str:
    over_time = _over_time(result)
    return chart(
        "時間の経過 / over time",
        _seconds_axis(result.meant.seconds),
        "ms",
        [
            Series(name, [(at, moment.latency.quantile(share) * 1000) for at, moment in over_time])
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        ],
    )


def _quantile_chart(result: Result) -> str:
    """Each nine of the quantile takes the same width, so that the tail can be seen."""
    whole = result.measures.whole
    nines = [n / 20 for n in range(81)]

    def line(latency: Histogram) -> list[tuple[float, float]]:
        enough = [n for n in nines if 10**n <= max(1, latency.count)]
        return [(n, latency.quantile(1 - 10**-n) * 1000) for n in enough]

    return chart(
        "分布 / distribution",
        Axis("分位 quantile", [(0, "0"), (1, "90 %"), (2, "99 %"), (3, "99.9 %"), (4, "99.99 %")]),
        "ms",
        [
            Series("予定から intended", line(whole.latency)),
            Series("開始から service", line(whole.service), dashed=True),
        ],
    )
