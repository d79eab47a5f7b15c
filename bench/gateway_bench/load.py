"""The two generators of load: wrk for HTTP/1.1, h2load for HTTP/2."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import BenchError
from .machine import require
from .tokens import Slice, Tokens

CONNECTIONS = 64
STREAMS = 10

OVERTIME_SECONDS = 30
"""A generator that takes so much longer than it was told is stuck."""

THINK_SECONDS = 0.010
"""At a given rate each connection pauses about so long between requests; wrk counts pauses in milliseconds."""


@dataclass(frozen=True)
class Load:
    """One kind of request, sent by 64 connections as fast as they are answered unless there is a rate."""

    path: str
    token: str | None = "warm"
    """`warm`: one token; `many`: a thousand in turn; `fresh`: another one each time; nothing: without a token."""
    body_bytes: int = 0
    keep_alive: bool = True
    rate: float = 0.0
    """Requests a second, at random moments."""


@dataclass(frozen=True)
class Sample:
    """What a generator saw."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int
    distinct_tokens: int = 0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Generators:
    """Both generators, with what they need."""

    tokens: Tokens
    workers: int
    """Threads that make load; the proxy and the service need the other cores."""
    log: Path
    """Where h2load writes of each request."""

    def wrk(self, url: str, load: Load, seconds: int) -> Sample:
        """Sends HTTP/1.1 for so long."""
        connections = _connections(load, self.workers)
        argv = [require("wrk"), f"-t{self.workers}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
        argv += ["--script", str(Path(__file__).with_name("wrk.lua"))]
        if load.token == "warm":
            argv += ["--header", f"Authorization: Bearer {self.tokens.warm}"]
        if not load.keep_alive:
            argv += ["--header", "Connection: close"]
        env = {"BENCH_THREADS": str(self.workers), "BENCH_BODY_BYTES": str(load.body_bytes)}
        if load.rate:
            # A pause ends at the next tick of a millisecond, and the request takes time as well.
            env["BENCH_THINK_MS"] = str(connections / load.rate * 1000 - 1)
        if load.token in ("many", "fresh"):
            lines = self.tokens.many() if load.token == "many" else self.tokens.fresh()
            env.update(_token_settings(lines, self.tokens.line_bytes))
        told = _run([*argv, url], env, seconds)
        return Sample(**json.loads(told.splitlines()[-1]))

    def h2load(self, url: str, seconds: int) -> Sample:
        """Sends HTTP/2 with prior knowledge for so long, always with the warm token."""
        self.log.unlink(missing_ok=True)
        argv = [require("h2load"), f"-t{self.workers}", f"-c{CONNECTIONS}", f"-m{STREAMS}", f"-D{seconds}"]
        argv += ["--log-file", str(self.log), "--header", f"authorization: Bearer {self.tokens.warm}", url]
        told = _run(argv, {}, seconds)
        counts = re.search(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored", told)
        if counts is None:
            raise BenchError(f"h2load says nothing of its requests:\n{told}")
        succeeded, failed, errored = map(int, counts.groups())
        p50_ms, p99_ms = _percentiles(self.log)
        return Sample(succeeded, float(seconds), p50_ms, p99_ms, failed + errored)


def _connections(load: Load, workers: int) -> int:
    wanted = max(CONNECTIONS, math.ceil(load.rate * THINK_SECONDS))
    return math.ceil(wanted / workers) * workers


def _token_settings(lines: Slice, line_bytes: int) -> dict[str, str]:
    return {
        "BENCH_TOKENS": str(lines.path),
        "BENCH_TOKENS_BEGIN": str(lines.begin),
        "BENCH_TOKENS_END": str(lines.end),
        "BENCH_TOKENS_LINE_BYTES": str(line_bytes),
    }


def _percentiles(log: Path) -> tuple[float, float]:
    """In milliseconds, of the third column: microseconds from sending a request to its answer's end."""
    with log.open() as lines:
        micros = sorted(int(line.split("\t")[2]) for line in lines)
    if not micros:
        raise BenchError("h2load got no answer")
    return micros[len(micros) * 50 // 100] / 1000, micros[len(micros) * 99 // 100] / 1000


def _run(argv: list[str], env: dict[str, str], seconds: int) -> str:
    try:
        ran = subprocess.run(
            argv,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds + OVERTIME_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{argv[0]} was told to take {seconds} s and is still running") from None
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{argv[0]} ended with {error.returncode}:\n{error.stdout}{error.stderr}") from None
    return ran.stdout
