"""Collecting (集計): the measures of one process or of many workers become one file, and a word about the generator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any

import gevent

from loadtest.measures import Measures, total
from loadtest.settings import Settings
from loadtest.soundness import soundness

__all__ = ["Collector"]

GRACE = 30.0
"""Seconds beyond the run, its drain and the verification, after which a worker is missing."""


class Collector:
    """What one process, or every worker, has told and handed in."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clear()

    def clear(self) -> None:
        self.expected = 0
        self._progress: dict[str, Mapping[str, Any]] = {}
        self._measured: dict[str, Measures] = {}

    def told(self, who: str, progress: Mapping[str, Any]) -> None:
        """How one of them stands; the sum of all goes to the progress file."""
        self._progress[who] = progress
        if self.settings.progress is None:
            return
        names = ("ended", "right", "busy", "wrong", "in_flight")
        line: dict[str, Any] = {name: sum(one[name] for one in self._progress.values()) for name in names}
        line["second"] = max(one["second"] for one in self._progress.values())
        with self.settings.progress.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def measured(self, who: str, data: Mapping[str, Any]) -> None:
        self._measured[who] = Measures.from_json(data)

    def wait(self) -> None:
        """Until everybody has handed in, or is missing."""
        deadline = monotonic() + self.settings.seconds + self.settings.drain + GRACE
        while len(self._measured) < self.expected and monotonic() < deadline:
            gevent.sleep(0.2)

    @property
    def measures(self) -> Measures:
        made = total(self._measured.values(), self.settings.slice, self.settings.seconds)
        missing = self.expected - len(self._measured)
        if missing:
            made.notes.append(f"{missing} of {self.expected} generators handed in nothing: the figures lack their part")
        return made

    def write(self) -> None:
        """The measures as a file, if one is wanted: complete, or not there."""
        path = self.settings.measured
        if path is None:
            return
        aside = path.with_name(f".{path.name}.part")
        aside.write_text(json.dumps(self.measures.to_json()), encoding="utf-8")
        aside.replace(path)

    def words(self) -> Iterator[str]:
        """What Locust's own tables do not say."""
        measures = self.measures
        yield from soundness(measures).words
        yield from measures.notes
        for text, times in measures.checked.items():
            yield f"records of sampled exchanges: {times} {text}"
