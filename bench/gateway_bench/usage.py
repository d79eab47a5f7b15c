"""What a program and its children use, as Linux tells it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

IS_KNOWN = sys.platform == "linux"
"""Elsewhere neither CPU time nor memory is measured."""

# Counted from the state, the first field of /proc/PID/stat after the name (proc(5)).
GROUP, USER_TICKS, SYSTEM_TICKS = 2, 11, 12


@dataclass(frozen=True)
class Memory:
    """In bytes; `pss` counts pages that processes share only once (proc(5), smaps_rollup)."""

    rss: int
    pss: int


def cpu_seconds(group: int) -> float:
    """User and system time of all processes in a group so far."""
    ticks = sum(int(stat[USER_TICKS]) + int(stat[SYSTEM_TICKS]) for _, stat in _members(group))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(group: int) -> Memory:
    """Resident memory of all processes in a group."""
    rollups = [(folder / "smaps_rollup").read_text() for folder, _ in _members(group)]
    return Memory(rss=_total(rollups, "Rss:"), pss=_total(rollups, "Pss:"))


def _total(rollups: list[str], key: str) -> int:
    lines = (line.split() for rollup in rollups for line in rollup.splitlines())
    return sum(int(fields[1]) * 1024 for fields in lines if fields[0] == key)


def _members(group: int) -> Iterator[tuple[Path, list[str]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        # Any of them may have ended meanwhile.
        with suppress(OSError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(stat[GROUP]) == group:
                yield folder, stat
