"""Tables: for a terminal, or as Markdown for docs/performance.md."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .measure import IdleMemory, Measurement, Start, TokensMemory
from .peers import DIRECT, PORTICO
from .scenarios import HALF_LOAD, IDLE, Scenario

NOTHING = "–"
MB = 1 << 20

Rounds = dict[str, list[Measurement]]
"""Of each peer, its measurements in the order of the rounds."""


@dataclass
class Table:
    """A heading, an explanation, rows of which the first names the columns, and notes below."""

    title: str
    about: str
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def plain(self) -> str:
        """For a terminal: columns aligned by spaces."""
        return "\n".join([f"{self.title}: {self.about}", *self._lines("  ", "", ""), *self.notes, ""])

    def markdown(self) -> str:
        """A section of a Markdown document."""
        head, *body = self._lines(" | ", "| ", " |")
        rule = "|".join(["", *("---" if column == 0 else "--:" for column in range(len(self.rows[0]))), ""])
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([f"### {self.title}", "", self.about, "", head, rule, *body, *notes, ""])

    def _lines(self, between: str, before: str, after: str) -> list[str]:
        widths = [max(map(len, column)) for column in zip(*self.rows)]
        return [before + between.join(_aligned(row, widths)).rstrip() + after for row in self.rows]


def load_table(scenario: Scenario, rounds: Rounds) -> Table:
    """What each peer took under a load: medians over the rounds."""
    columns: dict[str, Callable[[str], str]] = {
        "peer": lambda peer: peer,
        "CPU µs/request": lambda peer: _number(_median(m.cpu_us for m in rounds[peer]), 1),
        "min–max": lambda peer: _spread(rounds[peer]),
        "× nginx": lambda peer: _number(_median(_pairs(rounds, peer, "nginx", _cpu_ratio)), 2),
        "requests/s": lambda peer: _number(_median(m.sample.rate for m in rounds[peer]), 0),
        "p50 ms": lambda peer: _number(_median(m.sample.p50_ms for m in rounds[peer]), 2),
        "p99 ms": lambda peer: _number(_median(m.sample.p99_ms for m in rounds[peer]), 2),
        "memory MB": lambda peer: _number(_median(m.memory.pss / MB for m in rounds[peer] if m.memory), 1),
    }
    if scenario.name == HALF_LOAD:
        columns["added p99 ms"] = lambda peer: _number(_median(_pairs(rounds, peer, DIRECT, _added_p99)), 2)
        columns["least added ms"] = lambda peer: _number(_least_added_p99(rounds, peer), 2)
    rows = [list(columns), *([cell(peer) for cell in columns.values()] for peer in rounds)]
    return Table(scenario.name, scenario.about, rows, [*_failures(rounds), *_freshness(scenario, rounds)])


def start_table(scenario: Scenario, starts: dict[str, Start]) -> Table:
    """How each peer starts, and what it holds when idle."""
    rows = [["peer", "ready ms", "RSS MB", "PSS MB"]]
    for peer, start in starts.items():
        rss, pss = (start.memory.rss / MB, start.memory.pss / MB) if start.memory else (None, None)
        rows.append([peer, _number(start.ready_seconds * 1000, 0), _number(rss, 1), _number(pss, 1)])
    return Table(scenario.name, scenario.about, rows, ["RSS counts pages shared by processes in each, PSS once."])


def idle_table(scenario: Scenario, told: dict[str, IdleMemory]) -> Table:
    """What connections that wait hold."""
    rows = [["peer", "PSS before MB", "PSS MB", "KB/connection"]]
    for peer, memory in told.items():
        before, after = memory.before.pss, memory.after.pss
        each = (after - before) / IDLE / 1024
        rows.append([peer, _number(before / MB, 1), _number(after / MB, 1), _number(each, 1)])
    return Table(scenario.name, scenario.about, rows)


def tokens_table(scenario: Scenario, told: TokensMemory) -> Table:
    """What many tokens leave behind."""
    sample = told.sample
    rows = [
        ["different tokens", "failed", "requests/s", "RSS before MB", "RSS after MB"],
        [
            _number(sample.distinct_tokens, 0),
            _number(sample.failed, 0),
            _number(sample.rate, 0),
            _number(told.before.rss / MB, 1),
            _number(told.after.rss / MB, 1),
        ],
    ]
    return Table(scenario.name, scenario.about, rows)


def failures(rounds: Rounds) -> int:
    """Requests that were not answered by 200, of all peers."""
    return sum(measurement.sample.failed for measured in rounds.values() for measurement in measured)


def _failures(rounds: Rounds) -> list[str]:
    return [
        f"FAILED: {m.sample.failed:,} of {m.sample.requests:,} requests of {peer} in round {number}."
        for peer, measured in rounds.items()
        for number, m in enumerate(measured, 1)
        if m.sample.failed
    ]


def _freshness(scenario: Scenario, rounds: Rounds) -> list[str]:
    if PORTICO not in rounds or scenario.load is None or scenario.load.token != "fresh":
        return []
    samples = [measurement.sample for measurement in rounds[PORTICO]]
    new, sent = sum(sample.distinct_tokens for sample in samples), sum(sample.requests for sample in samples)
    # The generator holds a few tokens whose answers came too late to count.
    return [f"Of portico's {sent:,} requests {min(new, sent):,} carried a token that it had not seen."]


def _cpu_ratio(own: Measurement, other: Measurement) -> float | None:
    return own.cpu_us / other.cpu_us if own.cpu_us is not None and other.cpu_us else None


def _added_p99(own: Measurement, other: Measurement) -> float:
    return own.sample.p99_ms - other.sample.p99_ms


def _least_added_p99(rounds: Rounds, peer: str) -> float | None:
    """By the quietest round of each. Who else is on the machine only ever adds to a p99, and does so by milliseconds."""
    if DIRECT not in rounds:
        return None
    own, direct = (min(m.sample.p99_ms for m in rounds[name]) for name in (peer, DIRECT))
    return own - direct


def _pairs(
    rounds: Rounds, peer: str, other: str, compare: Callable[[Measurement, Measurement], float | None]
) -> list[float | None]:
    """Compares two peers round by round, so that what disturbs a round disturbs both."""
    return [compare(own, theirs) for own, theirs in zip(rounds[peer], rounds.get(other, []))]


def _spread(measured: list[Measurement]) -> str:
    known = [measurement.cpu_us for measurement in measured if measurement.cpu_us is not None]
    return f"{min(known):.1f}–{max(known):.1f}" if known else NOTHING


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"


def _aligned(row: list[str], widths: list[int]) -> list[str]:
    return [
        cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))
    ]
