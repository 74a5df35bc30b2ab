"""Is the measurement sound? (測定の健全性): whether the generator itself was the bottleneck. Pure.

Three things look alike in a slow result and are not: the server was slow; the generator woke too late or had no time
left; every user was waiting, so that arrivals queued here instead of at the server. Each is said.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.measures import Measures

__all__ = ["Soundness", "soundness"]

LATE = 0.02
"""Seconds: a free user that wakes later than this was not woken in time."""
MOST_LATE = 0.02
"""Share of starts that may be late before latencies are ours and not the server's."""
BUSY_CPU = 0.9
"""Share of its one core that a generator may use in a second: a Python process has no more than one."""
MOST_BUSY = 0.1
"""Share of seconds that may be so."""
QUEUED = 0.001
"""Seconds: an arrival that waited longer for a free user has queued here."""


@dataclass(frozen=True, slots=True)
class Soundness:
    """``saturated``: the generator was the bottleneck, so the figures are a lower bound of what the server can do."""

    saturated: bool
    late: float
    """Share of starts that were late although a user was free."""
    lateness: float
    """99th percentile of it, seconds."""
    cpu: float
    """Mean share of one core, the busiest seconds' share beyond the limit in ``busy``."""
    busy: float
    queued: float
    """Share of arrivals that found no free user. Their waiting is counted in their latency."""
    words: tuple[str, ...]


def soundness(measures: Measures) -> Soundness:
    """How sound a run was."""
    generator, whole = measures.generator, measures.whole
    late = generator.lateness.share_above(LATE)
    p99 = generator.lateness.quantile(0.99)
    cpu = sum(generator.cpu) / len(generator.cpu) if generator.cpu else 0.0
    busy = sum(one > BUSY_CPU for one in generator.cpu) / len(generator.cpu) if generator.cpu else 0.0
    queued = whole.waited.share_above(QUEUED)
    words = []
    if late > MOST_LATE:
        words.append(
            f"generator saturated: {late:.1%} of starts were later than {LATE * 1000:.0f} ms although a user was free "
            f"(p99 {p99 * 1000:.0f} ms); use more generators"
        )
    if busy > MOST_BUSY:
        words.append(
            f"generator saturated: a generator used more than {BUSY_CPU:.0%} of its core in {busy:.0%} of the seconds"
        )
    if queued > MOST_LATE:
        words.append(
            f"all users were busy for {queued:.1%} of the arrivals: they waited here, which their latency includes, "
            "and the server never saw more at once than there are users (--users)"
        )
    return Soundness(late > MOST_LATE or busy > MOST_BUSY, late, p99, cpu, busy, queued, tuple(words))
