"""Plots as inline SVG (図): a page that shows them needs nothing from anywhere. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Axis", "Series", "chart"]

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 28, 40
COLOURS = ("#1f5fa8", "#c4571b", "#3a8a3f", "#7a3f99", "#8a8a8a")


@dataclass(frozen=True, slots=True)
class Series:
    """A line with a name; points in the order of x."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What x is, and where its marks stand."""

    label: str
    marks: Sequence[tuple[float, str]]


def steps(largest: float, count: int = 5) -> list[float]:
    """Round marks from 0 to at least ``largest``."""
    if largest <= 0:
        return [0.0, 1.0]
    raw = largest / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * (1 - 1e-9))
    return [step * n for n in range(math.ceil(largest / step - 1e-9) + 1)]


def chart(title: str, across: Axis, up: str, series: Sequence[Series]) -> str:
    """A line chart with its legend. ``up`` says what y is; y begins at 0."""
    largest = max((y for one in series for _, y in one.points), default=0.0)
    marks = steps(largest)
    edge = max([x for one in series for x, _ in one.points] + [x for x, _ in across.marks] + [1e-9])

    def x_of(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * x / edge

    def y_of(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / marks[-1]

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<text x="{LEFT}" y="16" class="title">{escape(title)}</text>',
    ]
    for mark in marks:
        y = y_of(mark)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="mark end">{mark:g}</text>')
    for x, text in across.marks:
        parts.append(f'<text x="{x_of(x):.1f}" y="{HEIGHT - BOTTOM + 16}" class="mark mid">{escape(text)}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" class="mark end">{escape(across.label)}</text>')
    parts.append(f'<text x="4" y="{TOP - 8}" class="mark">{escape(up)}</text>')
    for n, one in enumerate(series):
        colour = COLOURS[n % len(COLOURS)]
        points = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in one.points)
        dash = ' stroke-dasharray="5 4"' if one.dashed else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>')
        x = WIDTH - RIGHT - 190 * (len(series) - n)
        parts.append(f'<rect x="{x}" y="7" width="12" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 17}" y="16" class="mark">{escape(one.name)}</text>')
    return "".join([*parts, "</svg>"])
