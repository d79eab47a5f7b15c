"""One measurement: a peer freshly started, warmed up, and put under load."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection

from . import usage
from .client import TIMEOUT_SECONDS
from .errors import BenchError
from .load import Generators, Sample
from .peers import PORTICO, Rig, serving
from .process import Process
from .scenarios import H2, IDLE, WARM, Scenario
from .tokens import MANY

WARM_UP_SECONDS = 1
STARTS = 10
IDLE_SECONDS = 0.5
RATE_SECONDS = 3
MARGIN = 1.2
"""wrk takes a time and no number of requests: this much longer than the rate promises."""


@dataclass(frozen=True)
class Measurement:
    """What the generator saw, and what the peer used meanwhile where that can be told."""

    sample: Sample
    cpu_seconds: float | None
    memory: usage.Memory | None

    @property
    def cpu_us(self) -> float | None:
        """CPU time of one request in microseconds."""
        if self.cpu_seconds is None:
            return None
        return self.cpu_seconds / max(1, self.sample.requests) * 1e6


@dataclass(frozen=True)
class Start:
    """How a peer starts."""

    ready_seconds: float
    memory: usage.Memory | None


@dataclass(frozen=True)
class IdleMemory:
    """Memory before and while many connections wait."""

    before: usage.Memory
    after: usage.Memory


@dataclass(frozen=True)
class TokensMemory:
    """Memory before and after many tokens."""

    sample: Sample
    before: usage.Memory
    after: usage.Memory


def under_load(peer: str, scenario: Scenario, rate: float, rig: Rig, seconds: int) -> Measurement:
    """Measures a peer at a rate, or with rate 0 at its limit."""
    load = replace(scenario.load or WARM, rate=rate)
    # What warms up must not use up what is to be new.
    warm_up = replace(load, token="warm") if load.token == "fresh" else load
    make = _generators(rig)
    with serving(peer, rig) as target:
        if scenario.name == H2:
            url = target.at.h2_url(load.path)
            make.h2load(url, WARM_UP_SECONDS)
            return _measured(target.process, lambda: make.h2load(url, seconds))
        url = target.at.url(load.path)
        make.wrk(url, warm_up, WARM_UP_SECONDS)
        return _measured(target.process, lambda: make.wrk(url, load, seconds))


def start(peer: str, rig: Rig) -> Start:
    """Starts a peer several times, and looks at its memory the last time."""
    memory, times = None, []
    for _ in range(STARTS):
        with serving(peer, rig) as target:
            assert target.process is not None, "there is a program to start"
            times.append(target.process.ready_seconds)
            if usage.IS_KNOWN and len(times) == STARTS:
                time.sleep(IDLE_SECONDS)
                memory = usage.memory(target.process.group)
    return Start(statistics.median(times), memory)


def idle_memory(peer: str, rig: Rig) -> IdleMemory:
    """Opens many connections to a peer that has been under load, and has one request answered on each."""
    with serving(peer, rig) as target, ExitStack() as connections:
        assert target.process is not None, "there is a program"
        _generators(rig).wrk(target.at.url(WARM.path), WARM, WARM_UP_SECONDS)
        before = usage.memory(target.process.group)
        for _ in range(IDLE):
            connection = connections.enter_context(closing(HTTPConnection("127.0.0.1", target.at.h1, timeout=TIMEOUT_SECONDS)))
            connection.request("GET", WARM.path, headers={"Authorization": f"Bearer {rig.tokens.warm}"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200 or answer.will_close:
                raise BenchError(f"{peer} answers {answer.status}, or does not keep the connection")
        time.sleep(IDLE_SECONDS)
        return IdleMemory(before, usage.memory(target.process.group))


def tokens_memory(rig: Rig) -> TokensMemory:
    """Sends every fresh token through our gateway."""
    make = _generators(rig)
    with serving(PORTICO, rig) as target:
        assert target.process is not None, "there is a gateway"
        url = target.at.url(WARM.path)
        make.wrk(url, WARM, WARM_UP_SECONDS)
        before = usage.memory(target.process.group)
        fresh = replace(WARM, token="fresh")
        rate = make.wrk(url, fresh, RATE_SECONDS).rate
        seconds = math.ceil((rig.tokens.count - MANY) / rate * MARGIN)
        sample = make.wrk(url, fresh, seconds)
        if sample.failed:
            raise BenchError(f"{sample.failed:,} of {sample.requests:,} requests failed, each with a token of its own")
        return TokensMemory(sample, before, usage.memory(target.process.group))


def _generators(rig: Rig) -> Generators:
    return Generators(rig.tokens, max(1, rig.cores // 2), rig.folder / "h2load.log")


def _measured(process: Process | None, run: Callable[[], Sample]) -> Measurement:
    if process is None or not usage.IS_KNOWN:
        return Measurement(run(), None, None)
    before = usage.cpu_seconds(process.group)
    sample = run()
    used = usage.cpu_seconds(process.group) - before
    return Measurement(sample, used, usage.memory(process.group))
