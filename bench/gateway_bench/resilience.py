"""What honest clients notice of restarts, kills and slow clients: the runs, and a table of them."""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from suite import Suite

from .client import is_ok
from .errors import BenchError
from .machine import ROOT, require
from .process import READY_SECONDS, Launch, free_ports
from .traffic import Address, Told, flow

DRAIN_DELAY_SECONDS = 2
"""How long a process serves on after it has said that it is not ready; the balancer notices within half of it."""

BALANCER_LOOKS_SECONDS = 0.5
CLIENTS = 50

ROUTES = """
[services.service]
url = "http://127.0.0.1:{a}"
endpoints = ["127.0.0.1:{a}", "127.0.0.1:{b}"]
port = 1
internal_port = 2

[[routes]]
prefix = "/v1"
service = "service"
token = "optional"
"""


@dataclass(frozen=True)
class Row:
    """One promise, and how it was kept."""

    promise: str
    wanted: str
    measured: str
    is_kept: bool


@dataclass(frozen=True)
class Plan:
    """The sizes of the runs."""

    rate: float
    rolling_seconds: float
    kill_seconds: float
    slow_seconds: float
    slow_connections: int


SLOW_PARTS = 6
"""Honest requests are measured alone and beside the slow ones in so many turns, so that a busy minute hits both alike."""

FULL = Plan(rate=1000, rolling_seconds=200, kill_seconds=120, slow_seconds=60, slow_connections=2000)
QUICK = Plan(rate=300, rolling_seconds=30, kill_seconds=30, slow_seconds=10, slow_connections=500)


class Server:
    """A program that is stopped and started again at the same ports."""

    def __init__(self, argv: list[str], env: dict[str, str], ready_url: str, log: Path) -> None:
        self._launch = Launch(argv, env, ready_url)
        self._log = log.open("ab")
        self._child: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Starts it, and waits until it is ready."""
        output = {"stdin": subprocess.DEVNULL, "stdout": self._log, "stderr": subprocess.STDOUT}
        self._child = subprocess.Popen(self._launch.argv, env=self._launch.env, **output)
        give_up = time.monotonic() + READY_SECONDS
        while not await asyncio.to_thread(is_ok, self._launch.ready_url):
            if self._child.poll() is not None or time.monotonic() > give_up:
                raise BenchError(f"{self._launch.argv} does not serve: {self._log.name}")
            await asyncio.sleep(0.02)

    async def end(self, how: signal.Signals) -> int:
        """Sends the signal, waits until it is gone, and tells its exit status."""
        assert self._child is not None
        self._child.send_signal(how)
        return await asyncio.to_thread(self._child.wait, 60)

    def kill(self) -> None:
        """Ends it at once, if it runs."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        self._log.close()


class Balancer:
    """What a load balancer in front of the gateways does: it asks each whether it is ready, and leaves out who is not."""

    def __init__(self, gateways: dict[Address, str]) -> None:
        self._gateways = gateways
        self._ready = list(gateways)
        self._turn = itertools.count()

    def choose(self) -> Address:
        """The gateway for the next request of a client."""
        return self._ready[next(self._turn) % len(self._ready)]

    def sticky(self) -> Callable[[], Address]:
        """A choice that stays as long as it is ready, so that connections are kept."""
        chosen = self.choose()

        def stay() -> Address:
            nonlocal chosen
            if chosen not in self._ready:
                chosen = self.choose()
            return chosen

        return stay

    async def look(self) -> None:
        """Looks after them until it is cancelled."""
        while True:
            told = [(address, await asyncio.to_thread(is_ok, url)) for address, url in self._gateways.items()]
            self._ready = [address for address, is_ready in told if is_ready] or self._ready
            await asyncio.sleep(BALANCER_LOOKS_SECONDS)


@dataclass(frozen=True)
class Issuer:
    """Where keys and revocations are."""

    issuer: str
    jwks_url: str
    revocations_url: str
    database_url: str

    def env(self) -> dict[str, str]:
        """The settings of who checks tokens."""
        return {
            "AUTH_ISSUER": self.issuer,
            "JWKS_URL": self.jwks_url,
            "REVOCATIONS_URL": self.revocations_url,
            "DRAIN_DELAY_SECS": str(DRAIN_DELAY_SECONDS),
            "DRAIN_TIMEOUT_SECS": "20",
            "LOG": "warn",
            "ACCESS_LOG_SAMPLE": "0",
        }


class Stand:
    """The programs of one run, all ended with it."""

    def __init__(self, folder: Path, binaries: Path, issuer: Issuer) -> None:
        self.folder, self.binaries, self.issuer = folder, binaries, issuer
        self._servers: list[Server] = []

    def gateway(self, routes: str, name: str) -> tuple[Server, Address, str]:
        """A gateway with these routes, its address and the URL that tells whether it is ready."""
        port, internal = free_ports(2)
        file = self.folder / f"{name}.toml"
        file.write_text(routes)
        env = {**self.issuer.env(), **_listeners(port, internal), "PORTICO_TOML": str(file)}
        ready = f"http://127.0.0.1:{internal}/health/ready"
        argv = [str(self.binaries / "portico-gateway"), "serve"]
        return self._kept(Server(argv, env, ready, self.folder / f"{name}.log")), ("127.0.0.1", port), ready

    def product(self, port: int, name: str) -> Server:
        """An instance of the product service."""
        (internal,) = free_ports(1)
        own = {"DATABASE_URL": self.issuer.database_url, "DATABASE_SCHEMA": "product"}
        key = {"CURSOR_KEY": base64.b64encode(bytes(32)).decode()}
        env = {**self.issuer.env(), **_listeners(port, internal), **own, **key}
        argv = [str(self.binaries / "portico-product"), "serve"]
        return self._kept(Server(argv, env, f"http://127.0.0.1:{internal}/health/ready", self.folder / f"{name}.log"))

    def executing(self, port: int, record: Path) -> Server:
        """A service that writes down what it executes."""
        argv = [sys.executable, str(Path(__file__).with_name("executing.py")), str(port), str(record)]
        return self._kept(Server(argv, dict(os.environ), f"http://127.0.0.1:{port}/", self.folder / "service.log"))

    def _kept(self, server: Server) -> Server:
        self._servers.append(server)
        return server

    def kill_all(self) -> None:
        """Ends all of them."""
        for server in self._servers:
            server.kill()


def _listeners(port: int, internal: int) -> dict[str, str]:
    return {"LISTEN": f"127.0.0.1:{port}", "INTERNAL_LISTEN": f"127.0.0.1:{internal}"}


def _get(path: str) -> Callable[[], bytes]:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    return lambda: request


def _post() -> bytes:
    return f"POST /v1/things/{uuid.uuid4()} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def _beside(task: object) -> AsyncIterator[None]:
    running_task = asyncio.ensure_future(task)  # type: ignore[arg-type]
    try:
        yield
    finally:
        running_task.cancel()
        with suppress(asyncio.CancelledError):
            await running_task


async def rolling(plan: Plan, stand: Stand) -> list[Row]:
    """Two gateways and two instances of the product service, restarted in turn under load."""
    a, b = free_ports(2)
    services = [stand.product(a, "product-a"), stand.product(b, "product-b")]
    gateways = [stand.gateway(ROUTES.format(a=a, b=b), name) for name in ("gateway-a", "gateway-b")]
    servers = [*services, *(server for server, _, _ in gateways)]
    for server in servers:
        await server.start()
    balancer = Balancer({address: ready for _, address, ready in gateways})
    statuses: list[int] = []

    async def restart() -> None:
        for server in itertools.cycle([servers[2], servers[0], servers[3], servers[1]]):
            await asyncio.sleep(2)
            statuses.append(await server.end(signal.SIGTERM))
            await server.start()
            await asyncio.sleep(2 * BALANCER_LOOKS_SECONDS)

    async with _beside(balancer.look()), _beside(restart()):
        flows = [
            flow(plan.rate / CLIENTS, plan.rolling_seconds, 1, balancer.sticky(), _get("/v1/categories"))
            for _ in range(CLIENTS)
        ]
        told = _sum(await asyncio.gather(*flows))
    failed = _counted(told.failures)
    return [
        Row(
            f"{len(statuses)} restarts of two gateways and two instances of a service under {plan.rate:.0f} requests/s",
            "0 failed, every exit 0",
            f"{len(told.failures)} failed of {told.count:,}{failed}; exits {sorted(set(statuses))}",
            not told.failures and set(statuses) == {0},
        )
    ]


async def kills(plan: Plan, stand: Stand) -> list[Row]:
    """One of two instances of a service killed every 10 s, and started again 2 s later."""
    a, b = free_ports(2)
    record = stand.folder / "executed"
    services = [stand.executing(a, record), stand.executing(b, record)]
    gateway, address, _ = stand.gateway(ROUTES.format(a=a, b=b), "gateway")
    for server in [*services, gateway]:
        await server.start()
    killed = 0

    async def kill() -> None:
        nonlocal killed
        for service in itertools.cycle(services):
            await asyncio.sleep(8)
            await service.end(signal.SIGKILL)
            killed += 1
            await asyncio.sleep(2)
            await service.start()

    async with _beside(kill()):
        gets, posts = await asyncio.gather(
            flow(plan.rate * 0.9, plan.kill_seconds, CLIENTS, lambda: address, _get("/v1/things")),
            flow(plan.rate * 0.1, plan.kill_seconds, 10, lambda: address, _post),
        )
    executed = record.read_text().split()
    twice = len(executed) - len(set(executed))
    success = 100 * len(gets.milliseconds) / gets.count
    return [
        Row(
            f"{killed} times kill -9 of one of two instances under {plan.rate:.0f} requests/s: GET",
            "at least 99.99 % succeed",
            f"{success:.3f} % of {gets.count:,}{_counted(gets.failures)}",
            success >= 99.99,
        ),
        Row(
            "the same: POST",
            "none executed twice",
            f"{twice} twice of {posts.count:,} ({len(posts.failures)} answered with an error)",
            twice == 0,
        ),
    ]


async def slow(plan: Plan, stand: Stand) -> list[Row]:
    """Honest requests alone and beside slow connections, in turn."""
    program = require("slowhttptest")
    a, b = free_ports(2)
    record = stand.folder / "executed"
    services = [stand.executing(a, record), stand.executing(b, record)]
    gateway, address, _ = stand.gateway(ROUTES.format(a=a, b=b), "gateway")
    for server in [*services, gateway]:
        await server.start()
    url, rate = f"http://127.0.0.1:{address[1]}/v1/things", plan.rate / 2
    part = int(plan.slow_seconds / SLOW_PARTS)
    rows = []

    async def honest() -> list[Told]:
        return [await flow(rate, 1, CLIENTS, lambda: address, _get("/v1/things")) for _ in range(part)]

    for kind, option in [("headers", "-H"), ("bodies", "-B")]:
        alone, beside = [], []
        for _ in range(SLOW_PARTS):
            alone += await honest()
            sizes = ["-c", str(plan.slow_connections), "-r", "1000", "-i", "1", "-l", str(part + 5), "-p", "5"]
            # Attackers have processors of their own.
            attack = subprocess.Popen(["nice", "-n", "19", program, option, *sizes, "-u", url], stdout=subprocess.DEVNULL)
            try:
                # All of them are there.
                await asyncio.sleep(plan.slow_connections / 1000 + 1)
                beside += await honest()
            finally:
                attack.kill()
                attack.wait()
        before, after = (_of_seconds(seconds) for seconds in (alone, beside))
        failed = sum(len(told.failures) for told in beside)
        rows.append(
            Row(
                f"{plan.slow_connections} connections with slow {kind} beside {rate:.0f} honest requests/s",
                "p99 at most 1.2 times as long, 0 failed",
                f"p99 of the median second {after.median:.2f} ms, {before.median:.2f} ms without "
                f"({after.median / before.median:.2f}); of all requests {after.of_all:.2f} and {before.of_all:.2f} ms; "
                f"{failed} failed",
                after.median <= before.median * 1.2 and failed == 0,
            )
        )
    return rows


async def failing(plan: Plan, stand: Stand) -> list[Row]:
    """An upstream that fails everything: how much more it is asked than was offered."""
    asked = itertools.count()

    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                # The gateway asks for a description as well, which is not an answer to anybody.
                if b" /v1/" in head:
                    next(asked)
                writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")

    upstreams = [await asyncio.start_server(fail, "127.0.0.1", 0, backlog=1024) for _ in range(2)]
    a, b = (server.sockets[0].getsockname()[1] for server in upstreams)
    gateway, address, _ = stand.gateway(ROUTES.format(a=a, b=b), "gateway")
    await gateway.start()
    told = await flow(plan.rate / 2, 10, CLIENTS, lambda: address, _get("/v1/things"))
    for server in upstreams:
        server.close()
    seen = next(asked)
    return [
        Row(
            f"a service that fails all of {told.count:,} GETs",
            "is asked at most 1.2 times as often",
            f"{seen:,} times ({seen / told.count:.2f})",
            seen <= told.count * 1.2,
        )
    ]


RUNS = {"rolling": rolling, "kills": kills, "slow": slow, "failing": failing}


class P99(NamedTuple):
    """In milliseconds. Who else is on the machine spoils some seconds, and with them what is told of all requests."""

    median: float
    of_all: float


def _of_seconds(seconds: list[Told]) -> P99:
    return P99(statistics.median(told.percentile(0.99) for told in seconds), _sum(seconds).percentile(0.99))


def _sum(parts: list[Told]) -> Told:
    total = Told()
    for part in parts:
        total.milliseconds += part.milliseconds
        total.failures += part.failures
    return total


def _counted(failures: list[str]) -> str:
    kinds = sorted(set(failures))
    return f" ({', '.join(f'{kind}: {failures.count(kind)}' for kind in kinds)})" if kinds else ""


def _suite(folder: Path, stack: ExitStack) -> Issuer:
    """A running suite: its auth, and its database with products in it."""
    subprocess.run(["cargo", "build", "--quiet", "--package", "portico"], cwd=ROOT, check=True)
    state = stack.enter_context(Suite(folder / "data")).state
    auth = state["services"]["auth"]
    return Issuer(
        state["gateway"],
        f"{auth['public']}/.well-known/jwks.json",
        f"{auth['internal']}/internal/v1/revocations",
        state["database_url"],
    )


def main() -> int:
    """Runs what was asked for; 1 if a promise was not kept."""
    parser = argparse.ArgumentParser(
        prog="bench/resilience",
        description="Restarts, kills and slow clients under load, and what of it honest clients notice. Needs release "
        "builds of portico-gateway and portico-product, and slowhttptest for `slow`. Nothing is installed, and what is "
        "started is stopped again. All of it takes about ten minutes.",
    )
    parser.add_argument("--only", default=",".join(RUNS), metavar="RUN,…", help=f"of {', '.join(RUNS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller and shorter, to see that it works")
    parser.add_argument("--binaries", type=Path, default=ROOT / "target/release", metavar="FOLDER")
    options = parser.parse_args()
    plan, rows = QUICK if options.quick else FULL, []
    try:
        with tempfile.TemporaryDirectory(prefix="portico-resilience-") as folder, ExitStack() as stack:
            issuer = _suite(Path(folder), stack)
            for name in options.only.split(","):
                stand = Stand(Path(folder), options.binaries, issuer)
                try:
                    rows += asyncio.run(RUNS[name](plan, stand))
                finally:
                    stand.kill_all()
                print(f"{name}: done", file=sys.stderr)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    print("| | wanted | measured | |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.promise} | {row.wanted} | {row.measured} | {'✓' if row.is_kept else '**missed**'} |")
    return 0 if all(row.is_kept for row in rows) else 1
