"""What is being filled in (読み込みの進み): bars on a terminal; otherwise a line when something begins and now and then,
and at the end how many there are."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from gateway.commands.screen import out, say

__all__ = ["Showing"]

LINE_SECONDS = 5.0
"""Where there is no terminal, so much time between two lines."""
WHAT = {
    "agencies": "機関と照合リスト agencies, match list",
    "residents": "住民 residents",
    "people": "全データ済み people, complete",
    "addressees": "宛名番号 addressees",
    "duplicates": "副本 duplicates",
    "codes": "符号 linkage codes",
    "accounts": "職員 staff accounts",
}
OF_ALL_RESIDENTS = ("residents", "people")
"""What there is as much of as there are residents."""


class Showing:
    """Called with what is filled in and how many of it are in; ``residents`` is about how many there will be, 0 where
    nobody knows."""

    def __init__(self, residents: int = 0, clock: Callable[[], float] = monotonic) -> None:
        self._residents = residents
        self._clock = clock
        self._began = self._said = clock()
        self._done: dict[str, int] = {}
        self._moved: dict[str, None] = {}
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Showing:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def __call__(self, what: str, done: int) -> None:
        begins = what not in self._done
        self._done[what] = done
        self._moved[what] = None
        if out.is_terminal:
            self._bar(what, done)
        elif begins or self._clock() - self._said >= LINE_SECONDS:
            self._said = self._clock()
            say(f"  {self._said - self._began:5.0f} s  {' · '.join(map(self._counted, self._moved))}")
            self._moved = {}

    def _bar(self, what: str, done: int) -> None:
        if self._bars is None:
            say("世界を読み込んでいます。 / Loading the world.", "bold")
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                TextColumn("{task.completed:>9,}"),
                BarColumn(bar_width=20),
                TimeElapsedColumn(),
                console=out,
            )
            self._bars.start()
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(WHAT.get(what, what), total=self._total(what) or None)
        self._bars.update(self._tasks[what], completed=done)

    def _total(self, what: str) -> int:
        return self._residents if what in OF_ALL_RESIDENTS else 0

    def _counted(self, what: str) -> str:
        done, total = self._done[what], self._total(what)
        of = f" / {total:,} ({min(100, 100 * done // total)} %)" if total else ""
        return f"{WHAT.get(what, what)} {done:,}{of}"

    def end(self) -> None:
        """Closes the bars; without a terminal, says how many of each there are."""
        if self._bars is not None:
            self._bars.stop()
        elif self._done:
            for what, done in self._done.items():
                say(f"  {WHAT.get(what, what)}: {done:,}")
        self._bars, self._done, self._tasks = None, {}, {}
